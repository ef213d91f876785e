# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forecasts when memory runs out, how often to restart, and what a larger server gains.

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

# Usual sizes of small servers, in GB of RAM.
SERVERS_GB = (2, 4, 8, 16)
# Memory of everything else on a small server.
SYSTEM_MB = 512.0
# Usable share of the limit, including the highest burst. The kernel reclaims memory near the limit.
USABLE = 0.9
# Margin for a burst that is higher than all observed ones.
HIGHER = 1.25
# The highest burst of a month exceeds that of the observed days. The sizes of bursts are roughly
# exponential, so the highest grows with the logarithm of the time; and some bursts fall between two
# samples. After three days the factor is 2.6, after two weeks 1.5.
BY_TIME = 0.7
# Less than a day is not enough to extrapolate to a month.
LEAST_SEEN_HOURS = 24.0
# The forecast expects the sample of this quantile above the line to reach the limit.
EXPECTED = 0.99
# A cadence is at most this share of the shortest run that ended at the limit.
BEFORE_DEATH = 0.9
# The distribution of bursts needs no more samples; the highest one uses all.
MOST_SAMPLES = 20000
# If the limit is further away, an upgrade or a reboot comes first.
NO_NEED_HOURS = 720.0
# A run first sampled within this age shows the memory of a fresh gateway.
FRESH_HOURS = 2 * WARM_UP_HOURS


class HoursToLimit(NamedTuple):
    """Hours until a limit is reached; ``latest`` is None if there may be no growth."""

    expected: float
    earliest: float
    latest: float | None


class Cadence(NamedTuple):
    """A restart every ``every`` hours, None if not needed.

    ``available`` is the time in hours that a fresh gateway has; ``limit_mb`` is the limit for which
    ``every`` would be short enough. ``burst_mb`` is the highest burst that they allow for.
    """

    every: int | None
    available: float
    limit_mb: float = 0.0
    burst_mb: float = 0.0


class Line(NamedTuple):
    """The fitted line of the footprint in MB.

    ``level`` is its value at the last sample; ``expected`` and ``highest`` are the 99th percentile
    and the maximum of the samples above the line.
    """

    level: float
    expected: float
    highest: float


def line_of(series: Series, slope: float) -> Line:
    """The line of ``slope`` MB/h through the samples of each run; ``series`` must not be empty."""
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
    """Hours until a sample reaches ``limit_mb``; bursts count too."""
    left = limit_mb - line.level
    expected = max(0.0, left - line.expected)
    earliest = max(0.0, left - HIGHER * line.highest) / max(rate.high, rate.slope)
    latest = max(0.0, left) / rate.low if rate.low > 0 else None
    return HoursToLimit(expected / rate.slope, min(earliest, expected / rate.slope), latest)


def in_a_month(highest: float, seen_hours: float) -> float:
    """The expected highest burst of a month, if ``highest`` is that of ``seen_hours``."""
    seen = max(LEAST_SEEN_HOURS, min(seen_hours, NO_NEED_HOURS))
    return highest * max(HIGHER, 1 + BY_TIME * math.log(NO_NEED_HOURS / seen))


def cadence(limit_mb: float, fresh_mb: float, fastest: float, longest: float = math.inf) -> Cadence:
    """The longest cadence that keeps a gateway of ``fresh_mb`` that grows by ``fastest`` in bounds.

    ``fresh_mb`` includes the bursts; ``longest`` is the length of the shortest run that ended at
    the limit. If no cadence is short enough, the result is the shortest: compare ``available``.
    """
    hours = min(max(0.0, USABLE * limit_mb - fresh_mb) / fastest, BEFORE_DEATH * longest)
    if hours >= NO_NEED_HOURS:
        return Cadence(None, hours, limit_mb)
    every = max([one for one in CADENCES if one <= hours], default=CADENCES[0])
    return Cadence(every, hours, (fresh_mb + every * fastest) / USABLE)


def boxes(fresh_mb: float, slope: float) -> list[dict[str, float]]:
    """How many hours a fresh gateway can run on servers of 2 to 16 GB."""
    return [
        {"ram_gb": size, "hours": round(max(0.0, size * 1024 - SYSTEM_MB - fresh_mb) / slope, 1)}
        for size in SERVERS_GB
    ]


def fresh_level(series: Series, slope: float) -> float:
    """Memory of the gateway after its warm-up: the median over runs sampled from their start.

    Right after the installation of the guard no such run exists. It is then calculated back from
    the first samples of each run with ``slope``. ``series`` must not be empty.
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
