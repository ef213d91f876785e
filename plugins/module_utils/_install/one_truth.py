# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All roles of a host are about the same gateways: none may narrow what another has set up.

guard.conf and the units are those of the whole host. A role that was given other gateways than the
guard would leave the rest without protection, or with half of it.
"""

from __future__ import annotations

from typing import Any

from .._host.errors import GuardError
from . import gateway_settings, kept, manifest, selection

_WHERE = (
    "all roles of a host need the same: set it in host_vars, group_vars or the vars of the play,"
    " and not for one role or in a loop; settings of one gateway belong in %s"
    % gateway_settings.VARIABLE
)


def asked(parameters: dict[str, Any]) -> dict[str, Any]:
    """The variables of ``parameters`` that say which gateways are managed, by name."""
    settings = (parameters["options"] or {}).get(gateway_settings.VARIABLE) or {}
    return {selection.OPTION: sorted(parameters["gateways"]), gateway_settings.VARIABLE: settings}


def check(parameters: dict[str, Any]) -> None:
    """GuardError for a component that is about other gateways than the guard of this host."""
    if parameters["state"] == "absent":
        _check_removal(parameters["component"], parameters["gateways"])
        return
    before, now = parameters.get("guard") or {}, asked(parameters)
    for variable, value in now.items():
        if variable in before and before[variable] != value:
            raise GuardError(
                "%s is %s for the component %s, and was %s for the guard in the same play: %s"
                % (variable, value, parameters["component"], before[variable], _WHERE)
            )


def _check_removal(component: str, names: list[str]) -> None:
    """GuardError if the component would go for gateways that are not in ``names`` too."""
    others = sorted(set(kept.configured()).difference(names)) if names else []
    if not others or not manifest.load(component).files:
        return
    state = component + "_state"
    one = "have the role hermes_guard leave out the others first"
    if state in gateway_settings.STATES:
        one = "set %s: absent for it in %s" % (state, gateway_settings.VARIABLE)
    raise GuardError(
        "%s is %s, and to remove the component %s would take it from %s as well: to remove it for"
        " one gateway, %s; to remove it from the host, leave %s empty"
        % (selection.OPTION, names, component, ", ".join(others), one, selection.OPTION)
    )
