# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that two gateways share, or that a gateway shares with the guard's own files and units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._guard import config
from .._hermes import discovery
from .._host import guard_program
from .._host.errors import GuardError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

# A gateway's name is a directory of the state and a section of guard.conf: these are taken. A name
# in user scope has "@USER" at its end and is never one of them.
_STATE = (
    "installed",
    "code",
    config.SESSION_RECORD,
    guard_program.FORMAT,
    guard_program.PAGE,
    guard_program.PAGE_LOCK,
    guard_program.PING_RECORD,
    guard_program.AS_ASKED,
)
_SECTION = ("DEFAULT",)
# The unit of such a gateway would be a unit of this collection.
_UNITS = ("hermes-mem-watchdog", "hermes-guard-identity", "hermes-pull")
TAKEN = frozenset(_STATE + _SECTION + _UNITS)


def by_name(
    gateways: Iterable[discovery.Gateway], known: Mapping[str, config.Settings]
) -> tuple[dict[str, discovery.Gateway], dict[str, str]]:
    """The gateways by name, and by name why another one cannot have it.

    The unit of ada called hermes-gateway.service and the system's hermes-gateway@ada.service have
    the same name. A user must not be able to take the system's out of the guard.
    """

    def order(gateway: discovery.Gateway) -> tuple[bool, bool, str, str]:
        settings = known.get(gateway.name)
        managed = settings is not None and _place(settings) == _place(gateway)
        return gateway.scope != "system", not managed, gateway.user, gateway.unit or ""

    found: dict[str, discovery.Gateway] = {}
    faults: dict[str, str] = {}
    for gateway in sorted(gateways, key=order):
        first = found.setdefault(gateway.name, gateway)
        if first is not gateway:
            faults[gateway.name] = (
                "two gateways of this host are called %s: %s, which has the name, and %s, which is"
                " left out: give one of the two units another name"
                % (gateway.name, _unit(first), _unit(gateway))
            )
        elif gateway.name in TAKEN:
            del found[gateway.name]
            faults[gateway.name] = (
                "%s is left out: the guard uses the name %s itself: give the unit another name"
                % (_unit(gateway), gateway.name)
            )
    return found, faults


def _place(gateway: config.Settings | discovery.Gateway) -> tuple[str, str, str | None]:
    return gateway.scope, gateway.user, gateway.unit


def _unit(gateway: discovery.Gateway) -> str:
    if gateway.scope == "user":
        return "%s of user %s" % (gateway.unit, gateway.user)
    return "%s of the system" % gateway.unit


def check_restart_units(
    chosen: Iterable[discovery.Gateway], present: Collection[discovery.Gateway]
) -> None:
    """GuardError if the unit that restarts a gateway would be that of another one.

    A profile called "restart" has such a unit: hermes-gateway-restart.service. ``present`` are all
    gateways of the host, those too that only look like one.
    """
    units = {one.unit: one for one in present if one.scope == "system"}
    for gateway in chosen:
        other = units.get(guard_program.restart_unit(gateway.name))
        if other is not None:
            raise GuardError(
                "%s is the unit of the gateway %s, and the unit that restarts %s (%s) would have"
                " the same name: give the profile of one of the two another name, or name those to"
                " guard in hermes_guard_gateways"
                % (other.unit, other.name, gateway.name, gateway.unit)
            )
