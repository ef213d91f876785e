# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers to act on: when memory runs out, how often to restart, what a bigger server gains.

Sizes are in MB, times in hours.
"""

from __future__ import annotations

from typing import NamedTuple

from .._host.display import HOUR, MB
from . import stats
from .segments import WARM_UP_HOURS
from .series import Series
from .stats import TheilSen

# The cadences that the calendar of systemd can express and an operator can remember.
CADENCES = (6, 12, 24, 48, 72, 168)
# The sizes, in GB of RAM, in which small servers are sold.
SERVERS_GB = (2, 4, 8, 16)
# What the rest of a small server takes.
SYSTEM_MB = 512.0
# How full memory may get, with a burst still to come.
USABLE = 0.8
# Slower than this, an upgrade or a reboot comes first.
NO_NEED_HOURS = 720.0
# A run that was first seen within two warm-ups shows what a fresh gateway takes.
FRESH_HOURS = 2 * WARM_UP_HOURS


class HoursToLimit(NamedTuple):
    """Hours until a limit is reached; ``latest`` is None if the growth may be none."""

    expected: float
    earliest: float
    latest: float | None


class Cadence(NamedTuple):
    """A restart every ``every`` hours, or None if none is needed; ``available`` hours there are."""

    every: int | None
    available: float


def hours_to(limit_mb: float, level_mb: float, rate: TheilSen) -> HoursToLimit:
    """How long it takes to grow from ``level_mb`` to ``limit_mb``."""
    left = max(0.0, limit_mb - level_mb)
    latest = left / rate.low if rate.low > 0 else None
    return HoursToLimit(left / rate.slope, left / rate.high, latest)


def cadence(limit_mb: float, fresh_mb: float, fastest: float) -> Cadence:
    """The longest cadence that keeps a gateway of ``fresh_mb``, growing by ``fastest``, in bounds.

    It is the shortest one if none is short enough: compare ``available``.
    """
    hours = max(0.0, USABLE * limit_mb - fresh_mb) / fastest
    if hours >= NO_NEED_HOURS:
        return Cadence(None, hours)
    return Cadence(max([one for one in CADENCES if one <= hours], default=CADENCES[0]), hours)


def boxes(fresh_mb: float, slope: float) -> list[dict[str, float]]:
    """How many hours servers of 2 to 16 GB last from a fresh start."""
    return [
        {"ram_gb": size, "hours": round(max(0.0, size * 1024 - SYSTEM_MB - fresh_mb) / slope, 1)}
        for size in SERVERS_GB
    ]


def fresh_level(series: Series, slope: float) -> float:
    """What the gateway takes after its warm-up: the median over the runs seen from their start on.

    If there is none, as when the guard was installed beside a gateway that had run for days, it is
    calculated back from the first samples of each run by ``slope``. ``series`` is not empty.
    """
    seen, reckoned = [], []
    for run, (first, end) in zip(series.runs, series.bounds()):
        level = stats.median(
            [
                series.footprint[index]
                for index in range(first, end)
                if series.time[index] - series.time[first] <= FRESH_HOURS * HOUR
            ]
        )
        hours = (run.age or 0.0) / HOUR
        if hours <= FRESH_HOURS:
            seen.append(level / MB)
        else:
            reckoned.append(max(0.0, level / MB - slope * hours))
    return stats.median(seen or reckoned)
