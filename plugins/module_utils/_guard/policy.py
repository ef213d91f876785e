# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides whether a gateway may be restarted now; docs/restart.md lists the refusals."""

from __future__ import annotations

import time

from .._hermes import drain
from .._host import display
from . import down, ledger, limits, sampling, suspension

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .managed import ManagedGateway

    # A ledger code and a sentence for operators.
    Refusal = tuple[str, str]

# Hermes suspends a session that was active in three restarts in a row, and counts starts within
# 120 s. This interval stays well above both.
FLOOR_SECONDS = 600
GONE = ("gone", "its unit no longer exists")


def refusal(
    gateway: ManagedGateway | None, trigger: str, now: float | None = None
) -> Refusal | None:
    """Why the gateway must not be restarted: (code, sentence), or None.

    ``gateway`` is None if its unit is gone. ``trigger`` is watchdog, timer or operator.
    """
    now = time.time() if now is None else now
    if gateway is None:
        return GONE
    return (
        _not_running(gateway)
        or (_foreign_drain(gateway) if trigger == "timer" else None)
        or suspended(gateway, trigger, now)
        or _young(gateway, trigger)
        or _too_often(gateway, trigger, now)
    )


def _not_running(gateway: ManagedGateway) -> Refusal | None:
    if gateway.problem:
        return "unsafe", gateway.problem
    if gateway.active_state in ("inactive", "failed", "deactivating"):
        return "stopped", down.sentence(gateway, gateway.settings)
    if gateway.active_state != "active" or gateway.pid is None:
        return "starting", "it is starting (%s, %s)" % (gateway.active_state, gateway.sub_state)
    return None


def _foreign_drain(gateway: ManagedGateway) -> Refusal | None:
    if drain.foreign(gateway):
        return "draining", "another client is draining it; a restart would cancel that"
    return None


def suspended(gateway: ManagedGateway, trigger: str, now: float | None = None) -> Refusal | None:
    """The suspension that covers a restart by ``trigger``, as a refusal, or None."""
    if trigger == "operator":
        return None
    found = suspension.active(gateway.settings.folder, now)
    if found is None or not (found.watchdog or trigger == "timer" and not _is_watchdogs(gateway)):
        return None
    return "suspended", found.sentence(now)


def _is_watchdogs(gateway: ManagedGateway) -> bool:
    """Whether a restart without a request is the watchdog's.

    If the disk is full, its request cannot be stored and looks like the timer's.
    """
    settings = gateway.settings
    if settings.threshold is None or settings.action != "restart":
        return False
    row = sampling.take(gateway)
    return row is not None and limits.above_threshold(settings, row)


def _young(gateway: ManagedGateway, trigger: str) -> Refusal | None:
    settings = gateway.settings
    young = {"timer": settings.min_uptime, "watchdog": settings.startup_grace}.get(trigger, 0)
    uptime = gateway.uptime_seconds
    if trigger == "timer" and uptime is not None and uptime < young and _is_watchdogs(gateway):
        young = settings.startup_grace
    if uptime is not None and uptime < young:
        return "young", "it has been running for only %s, less than %s" % (
            display.span(gateway.uptime_seconds),
            display.span(young),
        )
    return None


def _too_often(gateway: ManagedGateway, trigger: str, now: float) -> Refusal | None:
    settings = gateway.settings
    rest = max(settings.cooldown, FLOOR_SECONDS) if trigger == "watchdog" else FLOOR_SECONDS
    recent = _restarts_of_a_day(settings.folder, now)
    ago = now - recent[-1]["time"] if recent else rest
    # After the clock was set back, a restart may be in the future. It counts as just now, unless
    # the process has run longer than the cooldown by the boot clock.
    if ago < rest and not (ago < 0 and (gateway.uptime_seconds or 0) >= rest):
        return "cooldown", "the last restart was %s ago, less than %s" % (
            display.span(max(0, ago)),
            display.span(rest),
        )
    by_watchdog = [entry for entry in recent if entry.get("trigger") == "watchdog"]
    if trigger == "watchdog" and len(by_watchdog) >= settings.daily_cap:
        return (
            "daily-cap",
            "the watchdog has already restarted it %d times in 24 h: an operator must intervene"
            % settings.daily_cap,
        )
    return None


def _restarts_of_a_day(folder: str, now: float) -> list[dict[str, Any]]:
    """The restarts of the last 24 hours, oldest first.

    After the clock was set back, some may be in the future: those up to a day ahead count.
    """
    return [
        entry
        for entry in ledger.restarts_since(folder, now - display.DAY)
        if entry["time"] < now + display.DAY
    ]
