# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a gateway may be restarted now: the table "What it refuses" of docs/restart.md."""

from __future__ import annotations

import time

from .._hermes import drain
from .._host import display
from . import ledger, limits, sampling, suspension

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .managed import ManagedGateway

    # A code for the ledger, and a sentence for people.
    Refusal = tuple[str, str]

# Hermes suspends a session that was active in three restarts in a row, and counts starts within
# 120 s: keep well away from both.
FLOOR_SECONDS = 600
GONE = ("gone", "its unit is no longer there")


def refusal(
    gateway: ManagedGateway | None, trigger: str, now: float | None = None
) -> Refusal | None:
    """Why the gateway must not be restarted: (code, sentence), or None.

    ``gateway`` is None if its unit is gone.

    ``trigger`` is watchdog, timer or operator; an emergency is an operator's or the watchdog's
    restart that will not wait.
    """
    now = time.time() if now is None else now
    if gateway is None:
        return GONE
    return (
        _not_running(gateway)
        or (_not_on_schedule(gateway, now) if trigger == "timer" else None)
        or _young(gateway, trigger)
        or _too_often(gateway, trigger, now)
    )


def _not_running(gateway: ManagedGateway) -> Refusal | None:
    if gateway.problem:
        return "unsafe", gateway.problem
    if gateway.active_state in ("inactive", "failed", "deactivating"):
        return (
            "stopped",
            "it is %s: what an operator stopped is never started" % gateway.active_state,
        )
    if gateway.active_state != "active" or gateway.pid is None:
        return "starting", "it is starting (%s, %s)" % (gateway.active_state, gateway.sub_state)
    return None


def _not_on_schedule(gateway: ManagedGateway, now: float) -> Refusal | None:
    """What keeps back a restart that only the calendar wants."""
    if drain.foreign(gateway):
        return "draining", "somebody else drains it: a restart would open it again"
    found = suspension.active(gateway.settings.folder, now)
    if found is not None and (found.watchdog or not _above_threshold(gateway)):
        return "suspended", found.sentence(now)
    return None


def _above_threshold(gateway: ManagedGateway) -> bool:
    """Whether the watchdog would want a restart.

    If a disk is full, its request could not be left, and this looks like the timer's.
    """
    row = sampling.take(gateway) if gateway.settings.threshold is not None else None
    return row is not None and limits.above_threshold(gateway.settings, row)


def _young(gateway: ManagedGateway, trigger: str) -> Refusal | None:
    settings = gateway.settings
    young = {"timer": settings.min_uptime, "watchdog": settings.startup_grace}.get(trigger, 0)
    if gateway.uptime_seconds is not None and gateway.uptime_seconds < young:
        return "young", "it has run for %s only, less than %s" % (
            display.span(gateway.uptime_seconds),
            display.span(young),
        )
    return None


def _too_often(gateway: ManagedGateway, trigger: str, now: float) -> Refusal | None:
    settings = gateway.settings
    rest = max(settings.cooldown, FLOOR_SECONDS) if trigger == "watchdog" else FLOOR_SECONDS
    recent = _restarts_of_a_day(settings.folder, now)
    ago = now - recent[-1]["time"] if recent else rest
    # A restart in the future, before the clock was set back, counts as just now; not if the process
    # has run for longer than the rest by the clock of the boot.
    if ago < rest and not (ago < 0 and (gateway.uptime_seconds or 0) >= rest):
        return "cooldown", "the last restart was %s ago, less than %s" % (
            display.span(max(0, ago)),
            display.span(rest),
        )
    by_watchdog = [entry for entry in recent if entry.get("trigger") == "watchdog"]
    if trigger == "watchdog" and len(by_watchdog) >= settings.daily_cap:
        return (
            "daily-cap",
            "the watchdog has restarted it %d times in 24 h already: somebody must look at it"
            % settings.daily_cap,
        )
    return None


def _restarts_of_a_day(folder: str, now: float) -> list[dict[str, Any]]:
    """The restarts of the last 24 hours, oldest first.

    A clock that was set back leaves some in the future: up to a day ahead they count.
    """
    return [
        entry
        for entry in ledger.restarts_since(folder, now - display.DAY)
        if entry["time"] < now + display.DAY
    ]
