# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calendar of a gateway's restarts: the interval of its timer, and what it follows."""

from __future__ import annotations

import os
import re

from .._host import guard_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# The directory in which the role hermes_restart_timer writes its units.
FOLDER = "/etc/systemd/system"
# A calendar of the role hermes_restart_timer: a day of the week, the days of the month, the hours.
# Compiled on first use: a check does not need it.
_CALENDAR = (
    r"^(?P<week>[A-Z][a-z]{2} )?\*-\*-(?:\*|01/(?P<days>[0-9]{1,2})) "
    r"(?P<hours>[0-9,]+):[0-9]{2}:00$"
)
# A daily time as operators write it: 04:00 or *-*-* 04:00:00.
_DAILY = r"^(?:\*-\*-\* )?[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?$"
_PREFIX = "OnCalendar="
DAY = 24.0
# The assumed interval if an operator's calendar has neither form.
UNKNOWN_HOURS = 12.0


def is_installed(name: str) -> bool:
    """Whether gateway ``name`` has a restart timer."""
    return os.path.exists(path(name))


def installed_hours(name: str) -> float | None:
    """The hours between two restarts of gateway ``name``; None if it has no timer."""
    try:
        with open(path(name), encoding="utf-8", errors="replace") as handle:
            lines = [line.strip() for line in handle]
    except OSError:
        return None
    calendars = [line[len(_PREFIX) :] for line in lines if line.startswith(_PREFIX)]
    if calendars and all(re.match(_DAILY, one) for one in calendars):
        return DAY / len(calendars)
    hours = hours_of(calendars[0]) if len(calendars) == 1 else None
    return UNKNOWN_HOURS if hours is None else hours


def path(name: str) -> str:
    """The unit file of the restart timer of gateway ``name``."""
    return os.path.join(FOLDER, guard_program.restart_timer(name))


def hours_of(calendar: str) -> float | None:
    """The hours between two times of ``calendar``; None if it is not one of the role's."""
    found = re.match(_CALENDAR, calendar)
    if found is None:
        return None
    if found.group("week"):
        return 7 * DAY
    return DAY * int(found.group("days") or 1) / len(found.group("hours").split(","))


def follows_history(every: object, at: object, settings: Mapping[str, Any]) -> bool:
    """Whether the cadence of any gateway depends on its history.

    ``every`` and ``at`` are the host's period and times; ``settings`` are those of single gateways
    by name. Times override the period; the empty times of a gateway override those of the host.
    """
    own = [entry for entry in settings.values() if isinstance(entry, dict)]
    without_times = any(not entry.get("at", True) and "every" not in entry for entry in own)
    of_host = None if at and not without_times else every
    return "auto" in [of_host, *(entry.get("every") for entry in own)]
