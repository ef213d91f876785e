# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares a gateway's restart calendar with the one that its verdict recommends."""

from __future__ import annotations

import time

from .._host import display, timers
from .._host.errors import GuardError
from . import next_restart, restart_calendar, suspension

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .config import Settings

SET_AUTO = "set hermes_restart_timer_every: auto and run the site playbook"


def compare(every: list[Settings], verdicts: dict[str, dict[str, Any]]) -> None:
    """Add to the advice of each verdict that needs restarts whether the current timer suffices.

    ``verdicts`` are those of the gateways ``every``, by name.
    """
    asking = [one for one in every if verdicts[one.name]["recommended_restart_hours"]]
    if not asking:
        return
    try:
        elapse = timers.next_elapse([one.restart_timer for one in asking])
    except GuardError:
        # The verdict is useful without this sentence.
        return
    now = time.time()
    for one in asking:
        found = suspension.active(one.folder, now)
        following = next_restart.real(one, elapse[one.restart_timer], found)
        hours = restart_calendar.installed_hours(one.name)
        verdicts[one.name]["advice"].append(sentence(verdicts[one.name], hours, following, now))


def sentence(
    verdict: dict[str, Any], hours: float | None, following: float | None, now: float
) -> str:
    """The advice on a timer that fires every ``hours``, next at ``following`` (None: never)."""
    left = verdict["hours_to_limit"]
    if hours is None or following is None:
        return "%s no timer restarts it: %s" % (_reached(left), SET_AUTO)
    wait = (following - now) / display.HOUR
    if left is not None and left < wait:
        return "%s the timer restarts it on %s, in %s: %s" % (
            _reached(left),
            display.utc(following, "%a %Y-%m-%d %H:%M UTC"),
            display.span(following - now),
            SET_AUTO,
        )
    if hours > verdict["recommended_restart_hours"]:
        return "the timer restarts it every %g h, which is not often enough: %s" % (hours, SET_AUTO)
    return "the timer restarts it every %g h, which is often enough" % hours


def _reached(left: float | None) -> str:
    if left is None:
        return "memory grows, and"
    return "the limit would be reached in %s, and" % display.span(left * display.HOUR)
