# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures a history: the trend of the whole and of its parts, the noise, and the falls."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .._host.display import HOUR, MB
from . import daytime, enough, jumps, segments, slowing, stairs, stats
from .series import Series
from .stats import Segment

# The probability of a rise by chance that a verdict accepts.
P = 0.01
# Memory counts as released if it stays low for this many hours on both sides of a bin: the end of a
# burst is not a release.
BURST_HOURS = 2.5
# In the quietest part of the day, a leak continues with at least this many MB/h and this share of
# the overall rate.
PARTS = ((1.0, 1 / 3),)
PARTS_RESTARTED = ((3.0, 1 / 2), (10.0, 1 / 3))
# With less than a week, two or three days must each gain this many MB/h, by similar amounts.
LEAST_DAYS, WEEK_OF_DAYS = 2, 6
SURE_DAILY_SLOPES = {2: 5.0, 3: 2.5}
LIKE_DAYS = 0.6
# With a week, five days of seven must gain a quarter of the usual rate: weekends gain less.
LEAST_DAILY_SLOPE, DAY_SHARE, CLIMBING_SHARE = 0.75, 0.25, 0.7
# Growth that is still this fast after three days counts as lasting, even if it slows down.
LASTING_SLOPE, LASTING_HOURS = 1.5, 60.0
# A rough slope needs no more points: the number of pairs grows with their square.
MOST_POINTS = 100


class Trend(NamedTuple):
    """Sen's slope with its 95 % interval in MB/h, and the Mann-Kendall test: p and score S."""

    slope: float
    low: float
    high: float
    p: float
    s: int

    def climbs(self, p: float = P) -> bool:
        """Whether memory grows, and not by chance."""
        return self.s > 0 and self.p < p and self.low > 0


def trend_of(parts: Iterable[Segment]) -> Trend | None:
    """The common trend of ``parts``; None if no two values can be compared."""
    parts = [one for one in parts if len(one.times) > 1]
    s, variance = stats.mann_kendall(parts)
    ordered = stats.pairwise_slopes(parts)
    if not ordered:
        return None
    middle = stats.theil_sen(ordered, 0.0).slope
    variance *= max(1.0, *stats.variance_inflation(parts, middle))
    slope, low, high = stats.theil_sen(ordered, variance)
    return Trend(slope, low, high, stats.p_value(s, variance), s)


def _slope_of(parts: Iterable[Segment]) -> float:
    """Sen's slope of ``parts``; 0 if no two values can be compared."""
    ordered = stats.pairwise_slopes(parts)
    return stats.theil_sen(ordered, 0.0).slope if ordered else 0.0


def judged_column(series: Series) -> tuple[str, Sequence[float]]:
    """(name, values) of the column to analyse: anonymous memory if known, else RSS; with swap.

    File pages are left out if possible, because the process does not control them.
    """
    if len(series) and not any(map(math.isnan, series.anon)):
        return "anon", series.anon
    return "rss", series.resident


class Evidence:
    """The measurements behind a verdict; sizes in MB, times in hours.

    ``whole`` is the overall trend, ``late`` that of the second halves of the runs, ``pieces`` that
    between the jumps; ``early`` is the slope of the first halves. ``rise`` is the total growth,
    ``fall`` the total that was released, ``deepest`` the largest single release; ``noise`` is the
    usual distance of the baseline from its line.

    ``restarted`` is true if every run is too short to separate its age from the time of day. If one
    is long enough, only long runs count. ``balance`` is the gain of runs over whole days, ``parts``
    the rate in each part of the day (None if a part has no samples), ``days`` by how much each day
    of the longest run exceeds the day before.
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
        self.judged_on, values = judged_column(series)
        self.warm_up = warm_up
        binned, self.width = segments.bin_runs(series, values, most_pairs, warm_up)
        self.runs, self.restarted = self._that_count(binned)
        self.segments = [one.segment for one in self.runs]
        self.hours = sum([one.hours for one in self.runs], 0.0)
        self.bins = sum(len(one.times) for one in self.runs)
        self.whole = trend_of(self.segments)
        halves = [segments.halves(one) for one in self.segments]
        self.early = _slope_of([first for first, _second in halves])
        self.late = trend_of([second for _first, second in halves])
        self.pieces = trend_of([piece for one in self.segments for piece in jumps.cut(one)])
        reach = max(1, int(BURST_HOURS / self.width))
        falls = [jumps.given_back(one.values, reach) for one in self.segments]
        self.fall, self.deepest = sum(falls), max(falls, default=0.0)
        self.rise = self.slope * self.hours
        self.noise = _noise(self.segments, self.slope)
        self.balance = daytime.balance(self.runs)
        self.parts = daytime.parts_of(self._for_parts(values))
        longest = max(self.runs, key=lambda one: one.hours, default=None)
        self.days = daytime.days(longest) if longest else []
        self.stairs = stairs.count(longest.baseline) if longest else 0

    def _that_count(
        self, binned: list[segments.BinnedRun]
    ) -> tuple[list[segments.BinnedRun], bool]:
        """The runs that count, and whether all are too short, see ``restarted``."""
        runs = [one for one in binned if len(one.times) > 1]
        lengths = [self._observed(one) for one in runs]
        if max(lengths, default=0.0) < enough.TELLS_AGE_HOURS:
            return runs, True
        long = [one for one, hours in zip(runs, lengths) if hours >= enough.SURE_RUN_HOURS]
        return long, False

    def _for_parts(self, values: Sequence[float]) -> list[segments.BinnedRun]:
        """The runs in bins of which a part of the day has enough; ``values`` is the column.

        Bins are longer in long histories, so that a slope has fewer pairs. The rates need no pairs.
        """
        if self.width <= segments.BIN_HOURS:
            return self.runs
        # Older runs do not count, and would take as long again as everything else.
        oldest = self.series.clock[-1] - daytime.MOST_DAYS * daytime.DAY * HOUR
        first = bisect_left(self.series.clock, oldest)
        runs = segments.runs_in_bins(self.series, values, start=first, warm_up=self.warm_up)
        least = 0.0 if self.restarted else enough.SURE_RUN_HOURS
        shorter = segments.BIN_HOURS + self.warm_up
        return [one for one in runs if len(one.times) > 1 and one.hours + shorter >= least]

    @property
    def slope(self) -> float:
        """The overall slope; 0 without a trend."""
        return self.whole.slope if self.whole else 0.0

    def long_enough(self) -> bool:
        """Whether the runs are long enough for the verdict leak."""
        # From the start of the first bin to the end of the last one.
        return enough.long_enough([self._observed(one) for one in self.runs])

    def _observed(self, run: segments.BinnedRun) -> float:
        """The hours for which a run was observed."""
        return run.hours + self.width + self.warm_up

    def slows(self) -> bool:
        """Whether the growth slows down and has not yet lasted long enough to count as a leak."""
        lasts = self.late is not None and self.late.low >= LASTING_SLOPE
        if lasts and self.longest >= LASTING_HOURS:
            return False
        return slowing.slows(self.runs)

    @property
    def seen_hours(self) -> float:
        """Hours from the first sample to the last."""
        return (self.series.clock[-1] - self.series.clock[0]) / HOUR if len(self.series) else 0.0

    @property
    def longest(self) -> float:
        """Hours of the longest run."""
        return max([one.hours for one in self.runs], default=0.0)

    def each_part_climbs(self) -> bool:
        """Whether memory grows in each part of the day, at a minimum share of the overall rate.

        With regular restarts, a cache fills again in each run, also at night, so the minimum is
        higher.
        """
        if self.parts is None:
            return False
        quietest = min(self.parts.rates)
        ways = PARTS_RESTARTED if self.restarted else PARTS
        return any(quietest >= max(least, share * self.slope) for least, share in ways)

    def each_day_climbs(self) -> bool:
        """Whether the days of a long run exceed the day before.

        In less than a week, a weekend or a young cache can look the same: the days must then add
        much, and similar amounts.
        """
        days = self.days
        if len(days) < LEAST_DAYS:
            return False
        if len(days) < WEEK_OF_DAYS:
            last = days[-3:]
            least = daytime.DAY * SURE_DAILY_SLOPES[len(last)]
            return min(last) >= max(least, LIKE_DAYS * max(last))
        week = days[-7:]
        usual = max(LEAST_DAILY_SLOPE * daytime.DAY, DAY_SHARE * stats.median(week))
        climbing = sum(1 for day in week if day >= usual)
        return climbing >= CLIMBING_SHARE * len(week) and week[-1] > 0

    def clear(self) -> bool:
        """Whether the rise clearly exceeds the noise."""
        return enough.clear(self.rise, self.hours, self.noise)

    def hours_until_clear(self) -> float:
        """Hours that memory must keep growing like this to clearly exceed the noise."""
        return enough.hours_until_clear(self.slope, self.hours, self.noise)


def _noise(parts: Sequence[Segment], slope: float) -> float:
    """The standard deviation of the baselines around a line of ``slope`` in each run, in MB.

    It is estimated from the median absolute deviation, which a few bursts do not affect.
    """
    left: list[float] = []
    for times, values in parts:
        apart = [value - slope * at for at, value in zip(times, values)]
        middle = stats.median(apart)
        left += [value - middle for value in apart]
    return stats.SIGMA_OF_MAD * stats.median_absolute_deviation(left) if left else 0.0


def rough_slope(series: Series) -> float | None:
    """MB/h between the ends of each run, for histories with little data; None for a single point.

    Runs with one sample each, such as the values that systemd logs at a stop, are treated as points
    of one curve over the age.
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
