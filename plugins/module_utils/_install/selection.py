# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which gateways of a host are managed: those that are named, or all that systemd runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._hermes import discovery
from .._host.errors import GuardError
from . import collisions, gateway_settings, kept, share

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from .._guard import config

OPTION = "hermes_guard_gateways"


class Selection(NamedTuple):
    """The gateways to manage, sorted by name, notes for the operator, and faults.

    A fault is a sentence too, on a gateway that needs the operator: the run must fail for this
    host, after everything else is done. Each fault is also a note.

    ``excluded`` are the names of the gateways of this host that the operator has left out, by
    hermes_gateways or hermes_guard_gateways.
    """

    gateways: list[discovery.Gateway]
    notes: list[str]
    faults: list[str]
    excluded: list[str]


def select(names: list[str], settings: dict[str, dict[str, Any]] | None = None) -> Selection:
    """The gateways to manage: those with ``names``, or all, but for what ``settings`` disable.

    ``settings`` are by a gateway's name, see gateway_settings.read().

    GuardError for a name that does not exist, or for a gateway that is named and has a home that is
    not safe. A gateway that is managed stays so while its home is not safe, as when a disk is not
    mounted: check and arbiter leave it alone until it is. It also stays if its unit exists and is
    not known to be a gateway's, or if its systemd does not answer.
    """
    survey = discovery.survey()
    managed = [one for one in survey.gateways if one.scope != "manual"]
    known = kept.configured()
    if not names:
        kept.check_lost(known, {one.name for one in managed})
    units, clashes = collisions.by_name(managed, known)
    stay, gone = kept.missing(known, survey, units)
    manageable = {*units, *(one.gateway.name for one in stay)}
    every = [*survey.gateways, *survey.unresolved, *survey.containers]
    excluded = _excluded(settings or {}, manageable, {one.name for one in every})
    if names:
        excluded.update(name for name in manageable if name not in names)
    stay = [one for one in stay if one.gateway.name not in excluded]
    counts = names or clashes
    faults = [clashes[one] for one in sorted(clashes) if one in counts and one not in excluded]
    _check_names(names, survey, manageable)
    chosen, remarks = _usable([units[one] for one in units if one not in excluded], known)
    if names:
        named = [name for name in names if name not in excluded]
        _check_named(named, chosen, units)
        gone = []
    else:
        chosen, more = share.capped(chosen, known)
        remarks += more + _left_out(survey, {*excluded, *(one.gateway.name for one in stay)})
    chosen += [one.gateway for one in stay]
    collisions.check_restart_units(chosen, [*managed, *survey.unresolved])
    faults += [one.text for one in stay if one.is_fault]
    notes = faults + [one.text for one in stay if not one.is_fault] + gone + share.lines(remarks)
    chosen.sort(key=lambda gateway: gateway.name)
    return Selection(chosen, notes, faults, sorted(excluded))


def _excluded(
    settings: dict[str, dict[str, Any]], manageable: set[str], present: set[str]
) -> set[str]:
    """The names that ``settings`` disable; SettingError for a name that is not on this host."""
    gateway_settings.check_names(settings, manageable, present)
    return gateway_settings.excluded(settings)


def _usable(
    gateways: list[discovery.Gateway], known: Mapping[str, config.Settings]
) -> tuple[list[discovery.Gateway], list[share.Remark]]:
    """The gateways that may be touched or are managed already, and a remark on each other one.

    One that is managed and must not be touched stays as it is configured.
    """
    chosen, unsafe = discovery.without_unsafe(gateways)
    remarks = []
    for gateway in unsafe:
        outcome = "is left out"
        if gateway.name in known:
            chosen.append(kept.as_configured(known[gateway.name], gateway))
            outcome = "stays guarded as it was"
        text = "%s %s: %s" % (gateway.name, outcome, gateway.problem)
        remarks.append(share.Remark(gateway.user, text))
    return chosen, remarks


def _left_out(survey: discovery.Survey, others: Collection[str]) -> list[share.Remark]:
    """A remark on each unit that only looks like a gateway's and each gateway in a container."""
    return [
        share.Remark(one.user, "%s is left out: %s" % (one.name, one.problem))
        for one in [*survey.unresolved, *survey.containers]
        if one.name not in others
    ]


def _check_named(
    names: list[str], chosen: list[discovery.Gateway], units: Mapping[str, discovery.Gateway]
) -> None:
    """GuardError for a gateway that was asked for and must not be touched."""
    for name in sorted(set(names).intersection(units).difference(one.name for one in chosen)):
        raise GuardError(
            "%s: %r cannot be guarded: %s; allowed: a home that belongs to the gateway's user"
            % (OPTION, name, units[name].problem)
        )


def _check_names(names: list[str], survey: discovery.Survey, present: Collection[str]) -> None:
    """GuardError for a name that no gateway has that can be managed."""
    for name in names:
        if name in present:
            continue
        why = "is no gateway of this host"
        for one in [*survey.gateways, *survey.unresolved, *survey.containers]:
            if one.name == name:
                why = "is run by hand, so that nothing can restart it"
                if one.scope != "manual":
                    why = "cannot be guarded: %s" % (one.problem or "its name is taken")
        allowed = ", ".join(sorted(present)) or "none, there is no gateway"
        raise GuardError("%s: %r %s; allowed here: %s" % (OPTION, name, why, allowed))
