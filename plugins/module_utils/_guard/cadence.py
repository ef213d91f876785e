# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often a gateway should be restarted, as hermes_restart_timer_every: auto follows it."""

from __future__ import annotations

import os
import time

from .._host.display import DAY
from .._trend.cadences import CADENCES
from . import history, restart_calendar, verdict_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# The period between restarts until there is a verdict, and for a gateway that nobody watches.
USUAL_CADENCE = "12h"
# What must have been seen before a timer is made longer or taken away: each hour of the day in one
# run, and each day of the week.
LEAST_RUN_HOURS = 24
LEAST_SPAN_HOURS = 168
INSUFFICIENT = "insufficient"


def is_asked(every: object, at: object, settings: Mapping[str, Any]) -> bool:
    """Whether the restarts of a gateway follow from its history.

    ``every`` and ``at`` are the host's period and times, and ``settings`` those of single gateways
    by name. Times of the host take the place of its period.
    """
    own = [entry.get("every") for entry in settings.values() if isinstance(entry, dict)]
    return "auto" in [None if at else every, *own]


def followed(verdict: dict[str, Any] | None, installed: float | None) -> str | None:
    """The recommendation of ``verdict``, if there is the evidence to follow it.

    A timer every ``installed`` hours (None for no timer) is not made longer and not taken away for
    what was seen in runs of less than a day, nor in less than a week: a weekend shows little.
    """
    # The longest of those that the role has a calendar for, and no longer than the installed one.
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
    """What is recommended for each gateway, by its name, from the last verdict of the hourly check.

    ``folders`` are the state directories by name. None if a history has no such verdict of the last
    day: then it must be judged. It reads a small file for each, so it may be asked in every run.
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
        # One of an earlier program.
        return None
    hours = record.get("recommended_restart_hours")
    # The file may be broken.
    return dict(record, recommended_restart_hours=hours if hours in CADENCES else None)
