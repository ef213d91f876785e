# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an upgrade of Hermes stopped at a host, and how to roll back."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.hermes_ops.gateway.plugins.filter import upgrade_plan
from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _answers

_OLD = (
    "%s still runs the old Hermes, because its restart was refused; this happens in the ten minutes"
    " after another restart"
)


def upgrade_failure(failed: object, before: object, now: object = None) -> str:
    """The sentences; ``failed`` is the result of the failed task.

    ``before`` and ``now`` are the first and the last result of gateway_info.
    """
    plan = upgrade_plan.upgrade_plan(before)
    last = upgrade_plan.upgrade_plan(now, before) if now else {"missing": [], "restart": []}
    missing = last["missing"] + [_OLD % name for name in last["restart"]]
    return (
        "the upgrade stops here: %s. State before the upgrade: %s. To roll back, install that"
        " version again in the same way, and start the gateway if it is down; see docs/upgrade.md."
        " After that, or after you have fixed the problem, run this playbook again to continue"
        % (_answers.text(missing) or _why(failed), plan["line"])
    )


def _why(failed: object) -> str:
    """The error of the task; for a loop, that of its first failed item."""
    result = _answers.mapping(failed)
    for one in _answers.sequence(result.get("results")):
        if _answers.mapping(one).get("failed"):
            result = one
            break
    lines = result.get("stderr") or result.get("stdout")
    said = _answers.text(str(lines).strip().rpartition("\n")[2]) if lines else ""
    return ": ".join(one for one in (_answers.reason(result), said) if one) or "no reason given"


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, Callable]:
        """By name."""
        return {"upgrade_failure": upgrade_failure}
