# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing one component to its desired state: the steps that both modules share."""

from __future__ import annotations

from typing import Any

from .._guard import config
from .._host import systemd
from .._host.errors import SystemdError
from . import checks, diff, gateway_settings, selection, transaction, works
from . import plan as plans
from .desired_state import DesiredState

NOT_HERE = "no Hermes gateway on this host"


def select(parameters: dict[str, Any]) -> selection.Selection:
    """The gateways that get the component, and notes for the operator."""
    if parameters["state"] == "absent":
        return selection.Selection([], [], [], [])
    settings = gateway_settings.read(parameters["options"])
    try:
        return selection.select(parameters["gateways"], settings)
    except SystemdError as exc:
        # On a host without systemd, report that instead of a failed call.
        if systemd.version() is None:
            works.check_systemd()
        raise exc


def options(parameters: dict[str, Any]) -> dict[str, Any]:
    """The variables to check; none for a removal, which works with any values."""
    return {} if parameters["state"] == "absent" else parameters["options"]


def skipped_because(parameters: dict[str, Any], chosen: selection.Selection) -> dict[str, str]:
    """The module's result for a host on which nothing is installed; empty for any other host."""
    if parameters["state"] == "absent" or chosen.gateways:
        return {}
    if chosen.excluded:
        return {"skipped_because": "all gateways of this host are excluded"}
    return {"skipped_because": NOT_HERE + (" can be managed" if chosen.notes else "")}


def plan(
    component: str, desired: DesiredState, options: dict[str, Any], check_mode: bool
) -> plans.Plan:
    """The Plan for ``component``. Raises GuardError if a check fails; nothing is changed yet."""
    made = plans.make(component, desired)
    checks.check_options(options)
    checks.check_files(made.changes)
    if desired.files and not made.empty:
        works.check_systemd()
    if not check_mode:
        plans.check_program(component, desired)
        checks.check_library(desired)
    return made


def carry_out(plan: plans.Plan, check_mode: bool) -> dict[str, Any]:
    """Apply ``plan``, except in check mode, and return the module's result."""
    # The package modules cannot report this on a bare host: they need a library there themselves.
    packages = checks.missing_packages(plan.desired) if check_mode else []
    result: dict[str, Any] = {
        "changed": not plan.empty or bool(packages),
        "diff": [
            diff.of_file(path, change, plan.desired.hidden if path in plan.desired.files else None)
            for path, change in sorted(plan.changes.items())
        ],
        "next_elapse": {},
        "notes": list(plan.notes),
    }
    if packages:
        result["diff"].append(diff.of_packages(packages))
    if not check_mode:
        result["next_elapse"] = _next_elapse(plan)
    result["notes"] += works.check_watchdog(plan, check_mode)
    return result


def _next_elapse(plan: plans.Plan) -> dict[str, int | None]:
    """Apply ``plan`` and return when each timer of the component fires next (epoch)."""
    live = plan.live
    if not plan.empty:
        transaction.carry_out(plan)
        live = transaction.verified(plan)
        if config.PROGRAM in plan.desired.files:
            works.check_program()
    return {unit: live.next_elapse[unit] for unit in plan.desired.units if unit.endswith(".timer")}
