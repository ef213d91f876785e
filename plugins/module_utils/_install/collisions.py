# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds names that two gateways share, or that the guard uses for its own files and units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._guard import config
from .._hermes import discovery
from .._host import guard_program
from .._host.errors import GuardError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

# A gateway's name is used as a state directory and as a section of guard.conf; these names are
# reserved. Names in user scope end in "@USER" and never collide.
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
# The unit of such a gateway would have the name of a unit of this collection.
_UNITS = ("hermes-mem-watchdog", "hermes-guard-identity", "hermes-pull")
TAKEN = frozenset(_STATE + _SECTION + _UNITS)


def by_name(
    gateways: Iterable[discovery.Gateway], known: Mapping[str, config.Settings]
) -> tuple[dict[str, discovery.Gateway], dict[str, str]]:
    """The gateways by name, and for each name that is rejected or used twice an error message.

    ada's unit hermes-gateway.service and the system's hermes-gateway@ada.service give the same
    name. A user must not be able to displace the system's gateway.
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
                "two gateways on this host have the name %s: %s, which is managed, and %s, which is"
                " skipped: rename one of the two units"
                % (gateway.name, _unit(first), _unit(gateway))
            )
        elif gateway.name in TAKEN:
            del found[gateway.name]
            faults[gateway.name] = (
                "%s is skipped: the name %s is reserved for the guard: rename the unit"
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
    """Raise GuardError if the restart unit of one gateway has the name of another gateway's unit.

    The profile "restart" has such a unit: hermes-gateway-restart.service. ``present`` are all
    gateways of the host, including units that only resemble one.
    """
    units = {one.unit: one for one in present if one.scope == "system"}
    for gateway in chosen:
        other = units.get(guard_program.restart_unit(gateway.name))
        if other is not None:
            raise GuardError(
                "%s is the unit of the gateway %s, but the unit that restarts %s (%s) needs the"
                " same name: rename one of the two profiles, or list the gateways to manage in"
                " hermes_guard_gateways" % (other.unit, other.name, gateway.name, gateway.unit)
            )
