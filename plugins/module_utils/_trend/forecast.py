# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers to act on: when memory runs out, how often to restart, what a bigger server gains.

Sizes are in MB, times in hours.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .._host.display import HOUR, MB
from . import stats
from .cadences import CADENCES
from .segments import WARM_UP_HOURS
from .series import Series
from .stats import TheilSen

# The sizes, in GB of RAM, in which small servers are sold.
SERVERS_GB = (2, 4, 8, 16)
# What the rest of a small server takes.
SYSTEM_MB = 512.0
# How full memory may get, if the highest burst seen comes at the end. The kernel acts near it.
USABLE = 0.9
# A burst may be higher than all that were seen.
HIGHER = 1.25
# The highest burst of a month is higher than that of the days that were seen. The sizes of bursts
# are about exponential, so the highest grows with the logarithm of the time; and some bursts fall
# between two samples. After three days it is 2.6 times the highest seen, after two weeks 1.5 times.
BY_TIME = 0.7
# In less than a day, too little was seen to look so far ahead.
LEAST_SEEN_HOURS = 24.0
# Of the samples above the line, a forecast expects to meet this one when the limit is near.
EXPECTED = 0.99
# A cadence is shorter than the shortest run that was seen to die, by so much.
BEFORE_DEATH = 0.9
# The height of bursts needs no more samples than this, but for the highest.
MOST_SAMPLES = 20000
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
    """A restart every ``every`` hours, or None if none is needed; ``available`` hours there are.

    ``limit_mb`` is the limit for which ``every`` would be short enough.
    """

    every: int | None
    available: float
    limit_mb: float = 0.0


class Line(NamedTuple):
    """The line of the footprint in MB: its ``level`` at the last sample, and how far above it the
    samples go: ``expected`` is the 99th percentile, ``highest`` the most."""

    level: float
    expected: float
    highest: float


def line_of(series: Series, slope: float) -> Line:
    """The line of ``slope`` MB/h through the samples of each run; ``series`` is not empty."""
    above: list[float] = []
    highest, level = 0.0, 0.0
    every = 1 + len(series) // MOST_SAMPLES
    pace = slope * MB / HOUR
    for start, end in series.bounds():
        born = series.time[start]
        apart = [
            size - pace * (at - born)
            for size, at in zip(series.footprint[start:end], series.time[start:end])
        ]
        middle = stats.median(apart[::every])
        above += [(one - middle) / MB for one in apart[::every]]
        highest = max(highest, (max(apart) - middle) / MB)
        level = (middle + pace * (series.time[end - 1] - born)) / MB
    return Line(level, max(0.0, stats.quantile(above, EXPECTED)), highest)


def hours_to(limit_mb: float, line: Line, rate: TheilSen) -> HoursToLimit:
    """How long it takes until a sample reaches ``limit_mb``: bursts, too, run into it."""
    left = limit_mb - line.level
    expected = max(0.0, left - line.expected)
    earliest = max(0.0, left - HIGHER * line.highest) / max(rate.high, rate.slope)
    latest = max(0.0, left) / rate.low if rate.low > 0 else None
    return HoursToLimit(expected / rate.slope, min(earliest, expected / rate.slope), latest)


def in_a_month(highest: float, seen_hours: float) -> float:
    """How high a burst must be expected to get; the highest of ``seen_hours`` was ``highest``."""
    seen = max(LEAST_SEEN_HOURS, min(seen_hours, NO_NEED_HOURS))
    return highest * max(HIGHER, 1 + BY_TIME * math.log(NO_NEED_HOURS / seen))


def cadence(limit_mb: float, fresh_mb: float, fastest: float, longest: float = math.inf) -> Cadence:
    """The longest cadence that keeps a gateway of ``fresh_mb``, growing by ``fastest``, in bounds.

    ``fresh_mb`` has the bursts in it, and ``longest`` is the shortest run that was seen to die. It
    is the shortest cadence if none is short enough: compare ``available``.
    """
    hours = min(max(0.0, USABLE * limit_mb - fresh_mb) / fastest, BEFORE_DEATH * longest)
    if hours >= NO_NEED_HOURS:
        return Cadence(None, hours, limit_mb)
    every = max([one for one in CADENCES if one <= hours], default=CADENCES[0])
    return Cadence(every, hours, (fresh_mb + every * fastest) / USABLE)


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
