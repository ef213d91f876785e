# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifies that settings are in effect, and finds gateways that need a restart for that."""

from __future__ import annotations

import json
from typing import Any

from .._hermes import yaml_edit
from .._host import display
from .._host.errors import GuardError
from .faults import Faults
from .installed import Installed
from .options import ARTICLE_KEYS
from .plan import Plan
from .record import Record

# Characters of the value in effect, which a user's Hermes reports.
MAX_SHOWN = 200


def verify(plans: list[Plan], faults: Faults) -> None:
    """Record a fault for each gateway that has another value in effect than requested."""
    for plan in plans:
        for one in plan.gateways:
            with faults.of_one("not in effect: %s"):
                for change in plan.changes:
                    if one.info is not None and "value" in change:
                        _verify(plan, one, one.info, change)


def _verify(plan: Plan, one: Installed, info: dict[str, Any], change: dict[str, Any]) -> None:
    value = change["value"]
    found = info["config"].get(change["key"])
    # Hermes expands ${NAME} from the environment.
    if (isinstance(value, str) and "${" in value) or yaml_edit.same(found, value):
        return
    directory = info["managed_dir"]
    raise GuardError(
        "gateway %s: the effective value of %s is %s, not %s as set in %s; its managed scope is %s"
        % (
            one.gateway.name,
            change["key"],
            display.printable(json.dumps(found), MAX_SHOWN),
            json.dumps(value),
            plan.path,
            "%s/config.yaml, which takes precedence" % directory if directory else "not in use",
        )
    )


def restart_required(plan: Plan, one: Installed, record: Record) -> bool:
    """Whether the gateway's process is older than a value of ours that it reads only at start."""
    start = one.gateway.start_time
    if start is None:
        return False
    for change in plan.changes:
        key = change["key"]
        if one.live(key) or _is_unread(plan, one, key):
            continue
        if key in plan.undo:
            return True
        # Not the time of the file, which also changes with other keys.
        written = record.written(plan.path, key) if "value" in change else None
        if written is not None and start < written:
            return True
    return False


def _is_unread(plan: Plan, one: Installed, key: str) -> bool:
    """Whether the gateway's Hermes does not read ``key``, which another gateway may need."""
    if key in ARTICLE_KEYS:
        return not one.reads(key)
    # The operator may know more of the key of a setting than its sources show.
    return plan.options.get(key) != "settings" and one.reads(key) is False
