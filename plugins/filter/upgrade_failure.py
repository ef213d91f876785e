# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an upgrade of Hermes stops at a host, and how to go back."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.hermes_ops.gateway.plugins.filter import upgrade_plan
from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _answers

_OLD = (
    "%s still runs the old Hermes, as its restart was refused; that happens in the ten minutes"
    " after another one"
)


def upgrade_failure(failed: object, before: object, now: object = None) -> str:
    """The sentences; ``failed`` is the result of the task that failed.

    ``before`` and ``now`` are what gateway_info returned before the upgrade and at last.
    """
    plan = upgrade_plan.upgrade_plan(before)
    last = upgrade_plan.upgrade_plan(now, before) if now else {"missing": [], "restart": []}
    missing = last["missing"] + [_OLD % name for name in last["restart"]]
    return (
        "the upgrade stops here: %s. Before it, there was %s. To go back, install that version"
        " again in the same way, and start the gateway if it is down; see docs/upgrade.md. Then, or"
        " once the fault is mended, run this playbook again: it goes on"
        % (_answers.text(missing) or _why(failed), plan["line"])
    )


def _why(failed: object) -> str:
    """What the task said; of a loop, its first item that failed."""
    result = _answers.mapping(failed)
    for one in _answers.sequence(result.get("results")):
        if _answers.mapping(one).get("failed"):
            result = one
            break
    lines = result.get("stderr") or result.get("stdout")
    said = _answers.text(str(lines).strip().rpartition("\n")[2]) if lines else ""
    return ": ".join(one for one in (_answers.reason(result), said) if one) or "it did not say why"


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, Callable]:
        """By name."""
        return {"upgrade_failure": upgrade_failure}
