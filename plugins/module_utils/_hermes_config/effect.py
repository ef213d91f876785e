# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifies that settings are in effect, and finds gateways that need a restart for that."""

from __future__ import annotations

import json
import os
from typing import Any

from .._hermes import yaml_edit
from .._host import display
from .._host.errors import GuardError
from .faults import Faults
from .installed import Installed
from .options import ARTICLE_KEYS
from .plan import Plan

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


def restart_required(plan: Plan, one: Installed) -> bool:
    """Whether the gateway's process is older than a value that it reads only at start."""
    if one.gateway.start_time is None:
        return False
    # The article's keys need no restart if this Hermes does not read them.
    late = [
        change
        for change in plan.changes
        if not one.live(change["key"])
        and not (change["key"] in ARTICLE_KEYS and not one.reads(change["key"]))
    ]
    if any(change["key"] in plan.undo for change in late):
        return True
    try:
        written = os.lstat(plan.path).st_mtime
    except OSError:
        return False
    return any("value" in change for change in late) and one.gateway.start_time < written
