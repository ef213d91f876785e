# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the protection of managed gateways that were not found, unless their units are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._guard import config
from .._hermes import discovery, processes
from .._host import guard_program, reach
from .._host.errors import GuardError, RunError, SettingError
from . import manifest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Kept(NamedTuple):
    """A gateway that stays managed with its present configuration, and why it was not found.

    If ``is_fault``, the run must fail for this host after everything else is done.
    """

    gateway: discovery.Gateway
    why: str
    is_fault: bool

    @property
    def text(self) -> str:
        """The note for the operator."""
        return "%s stays managed as configured: %s" % (self.gateway.name, self.why)


def missing(
    known: Mapping[str, config.Settings], survey: discovery.Survey, found: Collection[str]
) -> tuple[list[Kept], list[str]]:
    """The ``known`` gateways that are not ``found`` but still have a unit; notes on the others.

    A unit that is not recognised as a gateway's is a fault, and so is a systemd that does not
    answer: the protection may be out of date. A home that is hidden or does not answer is not a
    fault: its user may have moved it, and nothing more can be found out.
    """
    lost = [settings for name, settings in known.items() if name not in found]
    reach.unanswered({one.home: one.user for one in lost if not reach.is_silent(one.home)})
    now = discovery.refresh(one for one in lost if not reach.is_silent(one.home))
    reasons = {one.name: one.problem for one in survey.unresolved}
    kept, gone = [], []
    for settings in lost:
        if reach.is_silent(settings.home):
            silent = "its home %s does not answer" % settings.home
            kept.append(Kept(as_configured(settings), silent, False))
            continue
        standing = discovery.standing(settings)
        if standing == "gone":
            gone.append(
                "%s: its unit %s no longer exists on this host, so its protection is removed"
                % (settings.name, settings.unit)
            )
            continue
        gateway = as_configured(settings, now.get(settings.name))
        why = reasons.get(settings.name) if standing == "exists" else None
        why = why or _WHY[standing] % settings.unit
        kept.append(Kept(gateway, why, standing != "hidden"))
    return kept, gone


_WHY = {
    "exists": "%s is not recognised as the unit of a gateway",
    "masked": "%s is masked",
    "unknown": "the systemd manager of %s does not answer",
    "hidden": "the home directory with the unit file of %s is not accessible",
}


def as_configured(
    settings: config.Settings, now: discovery.Gateway | None = None
) -> discovery.Gateway:
    """The gateway of ``settings``, with its state if ``now`` is known."""
    if now is None:
        try:
            account = settings.account
        except RunError:
            account = processes.no_account(settings.user)
        now = discovery.Gateway(
            settings.name, settings.scope, account, settings.home, settings.unit
        )
    now.home, now.python, now.user = settings.home, settings.python, settings.user
    return now


def keep_python(gateway: discovery.Gateway, settings: config.Settings | None) -> None:
    """Set the Python of ``gateway`` from its ``settings`` if only its process would show it.

    A unit may start a launcher. The configuration must not depend on whether it runs now.
    """
    if gateway.python is not None or settings is None:
        return
    place = (settings.unit, settings.scope, settings.user, settings.home)
    if place == (gateway.unit, gateway.scope, gateway.user, gateway.home):
        gateway.python = settings.python


def configured() -> dict[str, config.Settings]:
    """The gateways in guard.conf, by name; empty if the file is damaged, see check_lost."""
    try:
        return config.places(config.FOLDER)
    except SettingError:
        # This run writes the file again.
        return {}


def check_lost(known: Collection[str], found: Collection[str]) -> None:
    """Raise GuardError for a managed gateway that is neither ``found`` nor ``known``.

    guard.conf is damaged or was removed then, so the gateway's unit is unknown.
    """
    for name in sorted(_installed_for().difference(found, known)):
        if any(discovery.standing(one) != "gone" for one in _guesses(name)):
            raise GuardError(
                "%s is managed, was not found, and is no longer in %s/guard.conf: restore that"
                " file, or list the gateways to manage in hermes_guard_gateways"
                % (name, config.FOLDER)
            )


def _installed_for() -> set[str]:
    """The names of the gateways for which an earlier run installed the restart unit."""
    suffix = guard_program.restart_unit("")
    names = [path.rpartition("/")[2] for path in manifest.load(manifest.BASE).files]
    return {name[: -len(suffix)] for name in names if name.endswith(suffix)}


def _guesses(name: str) -> list[config.Settings]:
    """The possible settings of a gateway called ``name``."""
    unit, _at, user = name.rpartition("@")
    found = [config.Settings(name, {"unit": name + ".service"})]
    if unit:
        place = {"unit": unit + ".service", "scope": "user", "user": user}
        found.append(config.Settings(name, place))
    return found
