# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ensures that all roles manage the same gateways of a host.

guard.conf and the units belong to the whole host. A role with a different list of gateways than the
guard would leave the others unprotected or partly protected.
"""

from __future__ import annotations

from typing import Any

from .._host.errors import GuardError
from . import gateway_settings, kept, manifest, selection

# Of the guard: without it, no component remains.
STATE = "hermes_guard_state"
_WHERE = (
    "all roles of a host need the same value: set it in host_vars, group_vars or the vars of the"
    " play, not for one role or in a loop; put settings of one gateway in %s"
    % gateway_settings.VARIABLE
)


def asked(parameters: dict[str, Any]) -> dict[str, Any]:
    """The variables of ``parameters`` that say which gateways are managed."""
    settings = (parameters["options"] or {}).get(gateway_settings.VARIABLE) or {}
    return {selection.OPTION: sorted(parameters["gateways"]), gateway_settings.VARIABLE: settings}


def check(parameters: dict[str, Any]) -> None:
    """Raise GuardError for a component that has other gateways than the guard of this host."""
    if parameters["state"] == "absent":
        _check_removal(parameters["component"], parameters["gateways"])
        return
    before, now = parameters.get("guard") or {}, asked(parameters)
    for variable, value in now.items():
        if variable in before and before[variable] != value:
            raise GuardError(
                "%s is %s for the component %s, but was %s for the guard in the same play: %s"
                % (variable, value, parameters["component"], before[variable], _WHERE)
            )


def _check_removal(component: str, names: list[str]) -> None:
    """Raise GuardError if the component would also be removed from gateways not in ``names``."""
    others = sorted(set(kept.configured()).difference(names)) if names else []
    if not others or not manifest.load(component).files:
        return
    state = component + "_state"
    one = "exclude the others with the role hermes_guard first"
    if state in gateway_settings.STATES:
        one = "set %s: absent for it in %s" % (state, gateway_settings.VARIABLE)
    raise GuardError(
        "%s is %s, but removing the component %s would also remove it from %s: to remove it from"
        " one gateway, %s; to remove it from the host, leave %s empty"
        % (selection.OPTION, names, component, ", ".join(others), one, selection.OPTION)
    )
