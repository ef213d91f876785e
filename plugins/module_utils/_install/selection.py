# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which gateways of a host are managed: those that are named, or all that systemd runs."""

from __future__ import annotations

from .._guard import config
from .._hermes import discovery
from .._host.errors import GuardError, SettingError

OPTION = "hermes_guard_gateways"


def select(names: list[str]) -> tuple[list[discovery.Gateway], list[str]]:
    """The gateways to manage, sorted by name, and notes for the operator.

    GuardError for a name that does not exist, or for a home that is not safe. A gateway that is
    managed stays so while its home is not safe, as when a disk is not mounted: check and arbiter
    leave it alone until it is. It also stays if its unit is there and is not known to be a
    gateway's, or if its systemd does not answer: only a unit that is gone loses its protection.
    """
    survey = discovery.survey()
    units = {gateway.name: gateway for gateway in survey.gateways if gateway.scope != "manual"}
    known = _configured()
    kept, loud = _keep_unknown(known, survey, units)
    there = dict(units, **{gateway.name: gateway for gateway in kept})
    for name in names:
        if name not in there:
            raise GuardError(_not_here(name, survey, there))
    chosen = [units[name] for name in set(names) if name in units]
    unsafe: list[discovery.Gateway] = []
    if names:
        kept = [gateway for gateway in kept if gateway.name in names]
    else:
        chosen, unsafe = discovery.without_unsafe(list(units.values()))
    for gateway in chosen:
        if gateway.problem:
            raise GuardError(
                "%s: %r cannot be guarded: %s; allowed: a home that belongs to the gateway's user"
                % (OPTION, gateway.name, gateway.problem)
            )
    left, remarks = _keep_managed(unsafe, known)
    remarks = [loud[gateway.name] for gateway in kept] + remarks
    remarks += [
        "%s is left out: %s" % (one.name, one.problem)
        for one in [*survey.unresolved, *survey.containers]
        if one.name not in loud and not names
    ]
    return sorted(chosen + kept + left, key=lambda gateway: gateway.name), remarks


def _not_here(name: str, survey: discovery.Survey, there: dict[str, discovery.Gateway]) -> str:
    """Why a gateway that was named cannot be managed."""
    why = "is no gateway of this host"
    for one in [*survey.gateways, *survey.unresolved, *survey.containers]:
        if one.name == name:
            why = "is run by hand, so that nothing can restart it"
            if one.scope != "manual":
                why = "cannot be guarded: %s" % one.problem
    allowed = ", ".join(sorted(there)) or "none, there is no gateway"
    return "%s: %r %s; allowed here: %s" % (OPTION, name, why, allowed)


def _keep_unknown(
    known: dict[str, config.Settings], survey: discovery.Survey, units: dict[str, discovery.Gateway]
) -> tuple[list[discovery.Gateway], dict[str, str]]:
    """The managed gateways that were not found and whose units are not gone; why, by name."""
    missing = [settings for name, settings in known.items() if name not in units]
    now = discovery.refresh(missing)
    reasons = {one.name: one.problem for one in survey.unresolved}
    kept, notes = [], {}
    for settings in missing:
        standing = "exists" if settings.name in now else discovery.standing(settings)
        if standing == "gone":
            continue
        gateway = now.get(settings.name) or _as_configured(settings)
        gateway.home, gateway.python = settings.home, settings.python
        why = reasons.get(settings.name) or "%s is not known to start a gateway" % settings.unit
        if standing == "unknown":
            why = "the systemd that runs %s does not answer" % settings.unit
        notes[settings.name] = "%s stays guarded as it was: %s" % (settings.name, why)
        kept.append(gateway)
    return kept, notes


def _as_configured(settings: config.Settings) -> discovery.Gateway:
    return discovery.Gateway(
        settings.name, settings.scope, settings.account, settings.home, settings.unit
    )


def _keep_managed(
    unsafe: list[discovery.Gateway], known: dict[str, config.Settings]
) -> tuple[list[discovery.Gateway], list[str]]:
    """Those of ``unsafe`` that are managed already, as configured, and a note on each."""
    kept, notes = [], []
    for gateway in unsafe:
        if gateway.name in known:
            gateway.home, gateway.python = known[gateway.name].home, known[gateway.name].python
            kept.append(gateway)
        outcome = "stays guarded as it was" if gateway.name in known else "is left out"
        notes.append("%s %s: %s" % (gateway.name, outcome, gateway.problem))
    return kept, notes


def _configured() -> dict[str, config.Settings]:
    try:
        return config.load(config.FOLDER)
    except SettingError:
        # It cannot be read, and is about to be written anew.
        return {}
