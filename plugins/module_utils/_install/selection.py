# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Selects the gateways of a host to manage: those that are named, or all that systemd runs."""

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

    A fault is a note on a gateway that needs the operator's attention: the run must fail for this
    host after everything else is done. Each fault is also in ``notes``.

    ``excluded`` are the names of the gateways that the operator excluded with hermes_gateways or
    hermes_guard_gateways.
    """

    gateways: list[discovery.Gateway]
    notes: list[str]
    faults: list[str]
    excluded: list[str]


def select(names: list[str], settings: dict[str, dict[str, Any]] | None = None) -> Selection:
    """The gateways to manage: those in ``names``, or all, except those that ``settings`` disable.

    ``settings`` are by gateway name, see gateway_settings.read().

    Raises GuardError for an unknown name, and for a named gateway whose home directory is unsafe. A
    managed gateway stays managed while its home directory is unsafe, for example while a disk is
    not mounted; check and arbiter skip it until then. It also stays managed if its unit is not
    recognised or its systemd does not answer.
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
    for one in chosen:
        kept.keep_python(one, known.get(one.name))
    chosen += [one.gateway for one in stay]
    collisions.check_restart_units(chosen, [*managed, *survey.unresolved])
    faults += [one.text for one in stay if one.is_fault]
    notes = faults + [one.text for one in stay if not one.is_fault] + gone + share.lines(remarks)
    chosen.sort(key=lambda gateway: gateway.name)
    return Selection(chosen, notes, faults, sorted(excluded))


def _excluded(
    settings: dict[str, dict[str, Any]], manageable: set[str], present: set[str]
) -> set[str]:
    """The names that ``settings`` disable. Raises SettingError for a name not on this host."""
    gateway_settings.check_names(settings, manageable, present)
    return gateway_settings.excluded(settings)


def _usable(
    gateways: list[discovery.Gateway], known: Mapping[str, config.Settings]
) -> tuple[list[discovery.Gateway], list[share.Remark]]:
    """The gateways that are safe or already managed, and a remark on each unsafe one.

    A managed gateway that is unsafe keeps its present configuration.
    """
    chosen, unsafe = discovery.without_unsafe(gateways)
    remarks = []
    for gateway in unsafe:
        outcome = "is skipped"
        if gateway.name in known:
            chosen.append(kept.as_configured(known[gateway.name], gateway))
            outcome = "stays managed as configured"
        text = "%s %s: %s" % (gateway.name, outcome, gateway.problem)
        remarks.append(share.Remark(gateway.user, text))
    return chosen, remarks


def _left_out(survey: discovery.Survey, others: Collection[str]) -> list[share.Remark]:
    """A remark on each unit that only resembles a gateway's and each gateway in a container."""
    return [
        share.Remark(one.user, "%s is skipped: %s" % (one.name, one.problem))
        for one in [*survey.unresolved, *survey.containers]
        if one.name not in others
    ]


def _check_named(
    names: list[str], chosen: list[discovery.Gateway], units: Mapping[str, discovery.Gateway]
) -> None:
    """Raise GuardError for a gateway that was named but is unsafe."""
    for name in sorted(set(names).intersection(units).difference(one.name for one in chosen)):
        raise GuardError(
            "%s: %r cannot be managed: %s: expected a home directory that belongs to its user"
            % (OPTION, name, units[name].problem)
        )


def _check_names(names: list[str], survey: discovery.Survey, present: Collection[str]) -> None:
    """Raise GuardError for a name that is not a manageable gateway."""
    for name in names:
        if name in present:
            continue
        why = "is not a gateway on this host"
        for one in [*survey.gateways, *survey.unresolved, *survey.containers]:
            if one.name == name:
                why = "was started manually, so it cannot be restarted"
                if one.scope != "manual":
                    why = "cannot be managed: %s" % (one.problem or "its name is already used")
        expected = ", ".join(sorted(present)) or "no gateways, as none was found"
        raise GuardError("%s: %r %s: expected one of %s" % (OPTION, name, why, expected))
