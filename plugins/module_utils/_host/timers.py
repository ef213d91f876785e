# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports when timers elapse next, and validates calendar events."""

from __future__ import annotations

import re
import time

from . import command
from .errors import SystemdError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

WATCHDOG = "hermes-mem-watchdog.timer"
# The properties that has_next needs.
OF_TIMERS = ("ActiveState", "SubState", "NextElapseUSecRealtime", "NextElapseUSecMonotonic")


def next_elapse(units: Collection[str]) -> dict[str, int | None]:
    """When each timer elapses next, in epoch seconds; None if never or if it does not exist.

    Calls ``systemctl list-timers`` once: only this command shows calendar and monotonic timers on
    one clock in every version.
    """
    import calendar

    found: dict[str, int | None] = dict.fromkeys(units)
    if not units:
        return found
    done = command.run(
        ["systemctl", "list-timers", "--all", "--no-legend", "--no-pager", "--", *units],
        env={"TZ": "UTC"},
    )
    if done.rc != 0:
        raise SystemdError("systemctl list-timers failed: %s" % done.err.strip())
    for line in done.out.splitlines():
        words = line.split()
        when = re.match(r"^\s*\w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", line)
        for unit in set(words).intersection(found):
            if when:
                found[unit] = calendar.timegm(time.strptime(when.group(1), "%Y-%m-%d %H:%M:%S"))
    return found


def fires(block: Mapping[str, str], elapse: int | None) -> bool:
    """Whether a timer is working, by ActiveState and SubState in ``block`` and its next elapse.

    A timer has no next elapse while its service is running. That may take long: a restart waits
    until the gateway is idle.
    """
    return block.get("ActiveState") == "active" and (
        elapse is not None or block.get("SubState") == "running"
    )


def has_next(block: Mapping[str, str]) -> bool:
    """Whether a timer is working, by OF_TIMERS in ``block``; like fires, without the time itself.

    systemd shows "never" as an empty text, "0" or "infinity".
    """
    times = [block.get(name) for name in OF_TIMERS[2:]]
    return fires(block, 1 if any(one not in (None, "", "0", "infinity") for one in times) else None)


def calendar_problem(expression: str) -> str | None:
    """Why systemd rejects the calendar event ``expression``; None if it is valid."""
    done = command.run(["systemd-analyze", "calendar", "--", expression])
    return None if done.rc == 0 else (done.err.strip().splitlines() or ["systemd rejects it"])[-1]
