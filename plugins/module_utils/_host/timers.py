# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When timers fire next."""

from __future__ import annotations

import re
import time

from . import command
from .errors import SystemdError

WATCHDOG = "hermes-mem-watchdog.timer"


def next_elapse(units):
    """When each timer of ``units`` fires next: dict of epoch seconds (int), None for one that never does or is not there.

    ``systemctl list-timers`` is asked, because it alone gives calendar and monotonic timers on one clock in every version.
    """
    import calendar

    found = dict.fromkeys(units)
    if not units:
        return found
    done = command.run(
        ["systemctl", "list-timers", "--all", "--no-legend", "--no-pager", "--"] + list(units),
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


def fires(block, elapse):
    """Whether a timer works: ``block`` has its ActiveState and SubState, ``elapse`` is what next_elapse says of it.

    While the service that it starts is running, as a restart that waits for a quiet moment may for long, there is no next time yet.
    """
    return block.get("ActiveState") == "active" and (
        elapse is not None or block.get("SubState") == "running"
    )


def calendar_problem(expression):
    """Why systemd does not take calendar ``expression`` (str), or None where it does."""
    done = command.run(["systemd-analyze", "calendar", "--", expression])
    return None if done.rc == 0 else (done.err.strip().splitlines() or ["it is refused"])[-1]
