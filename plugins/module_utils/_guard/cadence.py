# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cadence that is recommended for a gateway, which hermes_restart_timer_every: auto follows."""

from __future__ import annotations

import os
import time

from .._host.display import DAY
from .._trend.cadences import CADENCES
from . import history, restart_calendar, verdict_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The cadence until a verdict exists, and for a gateway without a watchdog.
USUAL_CADENCE = "12h"
# What the history must cover before the cadence becomes longer or the timer is removed: each hour
# of the day in one run, and each day of the week.
LEAST_RUN_HOURS = 24
LEAST_SPAN_HOURS = 168
INSUFFICIENT = "insufficient"


def followed(verdict: dict[str, Any] | None, installed: float | None) -> str | None:
    """The recommendation of ``verdict``, if there is enough evidence to follow it.

    ``installed`` is the cadence of the timer in hours, None without one. It does not become longer
    until the history covers a run of a day, and a week in total: a weekend shows little.
    """
    # The longest cadence that the role has a calendar for, up to the installed one.
    kept = [one for one in CADENCES if installed is not None and one <= installed]
    if verdict is None or verdict["verdict"] == INSUFFICIENT:
        return USUAL_CADENCE if installed is None else "%dh" % max(kept, default=CADENCES[0])
    hours = verdict["recommended_restart_hours"]
    enough = (
        verdict["longest_run_hours"] >= LEAST_RUN_HOURS
        and verdict["span_hours"] >= LEAST_SPAN_HOURS
    )
    if not enough and installed is not None and (hours is None or hours > installed):
        hours = max(kept, default=CADENCES[0])
    return None if hours is None else "%dh" % hours


def known(folders: dict[str, str]) -> dict[str, str | None] | None:
    """The cadence that is recommended for each gateway, by name, from its last hourly verdict.

    ``folders`` are the state directories by name. None if a verdict is older than a day or missing:
    the history must then be analysed. Every run may call this: it reads one small file for each.
    """
    found = {}
    for name, folder in folders.items():
        verdict = None
        if os.path.exists(os.path.join(folder, history.NAME)):
            verdict = _judged(folder)
            if verdict is None:
                return None
        found[name] = followed(verdict, restart_calendar.installed_hours(name))
    return found


def _judged(folder: str) -> dict[str, Any] | None:
    record = verdict_cache.read(folder)
    judged = record.get("judged")
    if judged is None or not 0 <= time.time() - judged < DAY:
        return None
    if record["verdict"] == INSUFFICIENT:
        return {"verdict": INSUFFICIENT}
    if record.get("longest_run_hours") is None or record.get("span_hours") is None:
        # Written by an earlier version of the program.
        return None
    hours = record.get("recommended_restart_hours")
    # The file may be damaged.
    return dict(record, recommended_restart_hours=hours if hours in CADENCES else None)
