# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a history shows, in numbers: the trend of the whole and its parts, the noise, the falls."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .._host.display import HOUR, MB
from . import daytime, enough, jumps, segments, slowing, stairs, stats
from .series import Series
from .stats import Segment

# The chance of a rise by accident that a verdict accepts.
P = 0.01
# Memory counts as given back if it was gone for so many hours on both sides of a bin: a burst that
# ends is no such fall.
BURST_HOURS = 2.5
# In the quietest part of the day, a leak goes on at a third of its rate at least; and a day adds at
# least a quarter of what is usual, weekends too. Each of two days must be above the one before.
PART_SHARE = 1 / 3
DAY_SHARE = 1 / 4
LEAST_DAYS = 2
# A rough slope needs no more points: their pairs grow as the square of it.
MOST_POINTS = 100


class Trend(NamedTuple):
    """Sen's slope with its interval at 95 % in MB/h, and Mann and Kendall's test: p and score S."""

    slope: float
    low: float
    high: float
    p: float
    s: int

    def climbs(self, p: float = P) -> bool:
        """Whether it rises, and not by chance."""
        return self.s > 0 and self.p < p and self.low > 0


def trend_of(parts: Iterable[Segment]) -> Trend | None:
    """The common trend of ``parts``; None if no two of their values can be compared."""
    parts = [one for one in parts if len(one.times) > 1]
    s, variance = stats.mann_kendall(parts)
    ordered = stats.pairwise_slopes(parts)
    if not ordered:
        return None
    middle = stats.theil_sen(ordered, 0.0).slope
    variance *= max(1.0, *stats.variance_inflation(parts, middle))
    slope, low, high = stats.theil_sen(ordered, variance)
    return Trend(slope, low, high, stats.p_value(s, variance), s)


class Evidence:
    """What a verdict is based on; sizes in MB, times in hours.

    ``whole`` is the trend of the whole, ``early`` and ``late`` of the first and second halves of
    the runs, ``pieces`` of what is left between jumps. ``rise`` is what the whole climbed, ``fall``
    what was given back in all, ``deepest`` the most at once; ``noise`` is how far the baseline
    usually is from its line.

    ``restarted`` says that no run was long enough to tell its age from the time of day. If one was,
    only such runs count. ``balance`` is what runs gain over whole days, ``parts`` the rate in each
    part of the day (None if one was not seen), ``days`` by how much each day of the longest run
    lies above the one before.
    """

    def __init__(
        self,
        series: Series,
        most_pairs: int = segments.MOST_PAIRS,
        p: float = P,
        warm_up: float = segments.WARM_UP_HOURS,
    ) -> None:
        self.series = series
        self.p = p
        # On anonymous memory, if it is known: file pages are not the process's to give back.
        complete = len(series) and not any(math.isnan(value) for value in series.anon)
        self.judged_on = "anon" if complete else "rss"
        self.values: Sequence[float] = series.anon if complete else series.resident
        runs, self.width = segments.bin_runs(series, self.values, most_pairs, warm_up)
        self.runs = [one for one in runs if len(one.times) > 1]
        self.warm_up = warm_up
        lengths = self._lengths()
        self.restarted = max(lengths, default=0.0) < enough.TELLS_AGE_HOURS
        if not self.restarted:
            self.runs = [
                one for one, hours in zip(self.runs, lengths) if hours >= enough.SURE_RUN_HOURS
            ]
        self.segments = [one.segment for one in self.runs]
        self.hours = sum([one.hours for one in self.runs], 0.0)
        self.bins = sum(len(one.times) for one in self.runs)
        self.whole = trend_of(self.segments)
        halves = [segments.halves(one) for one in self.segments]
        self.early = trend_of([first for first, _second in halves])
        self.late = trend_of([second for _first, second in halves])
        self.pieces = trend_of([piece for one in self.segments for piece in jumps.cut(one)])
        reach = max(1, int(BURST_HOURS / self.width))
        falls = [jumps.given_back(one.values, reach) for one in self.segments]
        self.fall, self.deepest = sum(falls), max(falls, default=0.0)
        self.rise = self.slope * self.hours
        self.noise = _noise(self.segments, self.slope)
        self.balance = daytime.balance(self.runs)
        self.parts = daytime.steady_rates(self.runs)
        longest = max(self.runs, key=lambda one: one.hours, default=None)
        self.days = daytime.days(longest) if longest else []
        self.stairs = stairs.count(longest.baseline, self.noise) if longest else 0

    @property
    def slope(self) -> float:
        """That of the whole; 0 if there is none."""
        return self.whole.slope if self.whole else 0.0

    def long_enough(self) -> bool:
        """Whether the runs are long enough for the word leak."""
        # From the start of the first bin to the end of the last one.
        return enough.long_enough(self._lengths())

    def _lengths(self) -> list[float]:
        """How long each run was seen."""
        return [one.hours + self.width + self.warm_up for one in self.runs]

    def slows(self) -> bool:
        """Whether the growth slows down, and has not lasted for long enough to say that it ends."""
        longest = max([one.hours for one in self.runs], default=0.0)
        return longest < slowing.LASTED_HOURS and slowing.slows(self.runs)

    def each_part_climbs(self, least: float) -> bool:
        """Whether each part of the day climbs by ``least`` MB/h and by a share of the whole."""
        if self.parts is None:
            return False
        return min(self.parts) >= max(least, PART_SHARE * self.slope)

    def each_day_climbs(self, least: float) -> bool:
        """Whether the days of a long run, and the last ones, are above the day before by ``least``
        MB/h, and by a share of what is usual."""
        if len(self.days) < LEAST_DAYS:
            return False
        usual = max(least * daytime.DAY, DAY_SHARE * stats.median(self.days))
        climbing = [day >= usual for day in self.days]
        return all(climbing[-2:]) and sum(climbing) >= 0.8 * len(climbing)

    def clear(self) -> bool:
        """Whether the rise stands out from the noise."""
        return enough.clear(self.rise, self.hours, self.noise)

    def hours_until_clear(self) -> float:
        """How much longer it would have to climb like this to stand out."""
        return enough.hours_until_clear(self.slope, self.hours, self.noise)


def _noise(parts: Sequence[Segment], slope: float) -> float:
    """The standard deviation of the baselines around a line of ``slope`` in each run, in MB.

    It is estimated from the median absolute deviation, which a few bursts do not move.
    """
    left: list[float] = []
    for times, values in parts:
        apart = [value - slope * at for at, value in zip(times, values)]
        middle = stats.median(apart)
        left += [value - middle for value in apart]
    return stats.SIGMA_OF_MAD * stats.median_absolute_deviation(left) if left else 0.0


def rough_slope(series: Series) -> float | None:
    """MB/h between the ends of each run, for what is too little for more; None for one point.

    Runs that were seen once each, as in what systemd logs at a stop, are points of one curve, by
    their age.
    """
    ends = [(start, end - 1) for start, end in series.bounds()]
    hours = sum(series.time[last] - series.time[first] for first, last in ends) / HOUR
    if hours > 0:
        return sum(series.rss[last] - series.rss[first] for first, last in ends) / MB / hours
    points = sorted(
        (run.age / HOUR, series.rss[run.start] / MB) for run in series.runs if run.age is not None
    )[:MOST_POINTS]
    ordered = stats.pairwise_slopes([([at for at, _mb in points], [mb for _at, mb in points])])
    return stats.theil_sen(ordered, 0.0).slope if ordered else None
