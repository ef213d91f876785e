# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the next calendar restart of a gateway, and the suspension whose timer events it skips."""

from __future__ import annotations

import calendar
import re
import time

from .._host import command, systemd
from .._host.errors import RunError, SystemdError
from . import restart_calendar, suspension

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .config import Settings
    from .suspension import Suspension

_EVENT = re.compile(r"OnCalendar=(.*?) ; next_elapse=")
_ELAPSE = re.compile(r"(?:Next elapse|\(in UTC\)): \w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")
_FORM = "%Y-%m-%d %H:%M:%S"
# Seconds for one answer; an operator's calendar expression may never elapse.
_SECONDS = 10
# Calendar events of one timer. Each takes two programs.
_MOST_EVENTS = 24


def suspended(settings: Settings) -> Suspension | None:
    """The suspension of restarts, if the gateway has a restart timer or watchdog to suspend."""
    found = suspension.read(settings.folder)
    if found is None or restart_calendar.is_installed(settings.name):
        return found
    return found if found.watchdog and settings.threshold is not None else None


def real(settings: Settings, elapse: float | None, pause: Suspension | None) -> float | None:
    """The first elapse outside the suspension ``pause``, in epoch seconds; None if unknown.

    ``elapse`` is the next one according to systemd.
    """
    if elapse is None or pause is None or not pause.since <= elapse <= pause.until:
        return elapse
    try:
        events = _events(settings.restart_timer)
        now = time.time()
        # The unit's random delay is fixed, and systemctl includes it in the elapse.
        early = [one for one in (_next(event, now) for event in events) if one is not None]
        delay = elapse - min(early) if early else 0.0
        delay = delay if 0 <= delay <= settings.splay + 60 else 0.0
        later = [_next(event, pause.until - delay) for event in events]
    except (RunError, SystemdError):
        return None
    return min((one + delay for one in later if one is not None), default=None)


def _events(timer: str) -> list[str]:
    blocks = systemd.Manager().show([timer], ["Id", "TimersCalendar"])
    text = blocks[0].get("TimersCalendar", "") if blocks else ""
    return _EVENT.findall(text)[:_MOST_EVENTS]


def _next(event: str, after: float) -> float | None:
    """The first time of the calendar ``event`` after epoch second ``after``."""
    base = time.strftime(_FORM, time.gmtime(after))
    argv = ["systemd-analyze", "calendar", "--base-time=%s UTC" % base, "--", event]
    # Without TZ, an expression means local time, as for the timer.
    done = command.run(argv, timeout=_SECONDS)
    found = _ELAPSE.search(done.out)
    return None if found is None else float(calendar.timegm(time.strptime(found.group(1), _FORM)))
