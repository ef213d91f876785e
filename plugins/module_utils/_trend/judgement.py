# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is it a leak? The verdict on a history. docs/trend.md has the method, each threshold with its reason, and how often it errs."""

from __future__ import annotations

import math
from bisect import bisect_left

from .._host import display
from . import stats

MB = display.MB
HOUR = 3600.0

WARM_UP = 1.0
BIN = 0.5
FLOOR = 0.2
SURE_LIFE = 24.0
CARRY_LIVES, CARRY_LIFE, CARRY_TOTAL = 4, 6.0, 48.0
LEAST_HOURS = 6.0
LEAST_BINS = 8
P = 0.01
SLOPE = 1.0
KNOWN_SLOPE = 100.0
LATE_SHARE = 0.35
STEADY = 0.6
CLEAR = 240.0
GIVEN_BACK = 0.8
PAIRS = 40000
REACH = 5
BURST = 2.5
SHAPE = 30.0
SPIKES = 0.1


class Segment:
    """A life after its warm-up, in bins: ``times`` in hours of its age, ``floors`` and ``tops`` in MB."""

    def __init__(self):
        self.times, self.floors, self.tops = [], [], []

    @property
    def hours(self):
        """From the first to the last bin."""
        return self.times[-1] - self.times[0] if self.times else 0.0

    @property
    def pair(self):
        """As stats has it."""
        return self.times, self.floors

    def close(self, ages, values):
        """Take the samples of a bin."""
        if values:
            self.times.append(sum(ages) / len(ages))
            self.floors.append(stats.quantile(values, FLOOR) / MB)
            self.tops.append(max(values) / MB)


class Evidence:
    """What the tests say of some segments: ``slope``, ``low``, ``high`` in MB/h, ``p``; ``climbs`` for a rise that is no chance."""

    def __init__(self, pairs):
        pairs = [pair for pair in pairs if len(pair[0]) > 1]
        total, variance = stats.score(pairs)
        ordered = stats.slopes(pairs)
        self.slope = self.low = self.high = None
        self.p = 1.0
        self.total = total
        if ordered:
            middle = stats.sen(ordered, 0.0)[0]
            variance *= max((1.0,) + stats.inflation(pairs, middle))
            self.slope, self.low, self.high = stats.sen(ordered, variance)
            self.p = stats.p_value(total, variance)

    def climbs(self, p=P):
        return self.total > 0 and self.p < p and self.low > 0


def segments(series, values, width=BIN, start=0, end=None):
    """The Segments of samples ``start`` to ``end`` of ``series`` (a _series.Series), by ``values`` (one of its columns)."""
    found = []
    bounds = [life[0] for life in series.lives] + [len(series)]
    end = len(series) if end is None else end
    for number, (first, age) in enumerate(series.lives):
        last = min(bounds[number + 1], end)
        if last <= max(first, start):
            continue
        born = series.time[first] - (age or 0.0)
        segment = Segment()
        place, ages, held = None, [], []
        for index in range(max(first, start), last):
            at = (series.time[index] - born) / HOUR
            if at < WARM_UP:
                continue
            if int(at / width) != place:
                segment.close(ages, held)
                place, ages, held = int(at / width), [], []
            ages.append(at)
            held.append(values[index])
        segment.close(ages, held)
        if segment.times:
            found.append(segment)
    return found


def binned(series, values):
    """(Segments, length of a bin in hours): as long as needed for PAIRS pairs at most, for Sen's slope takes time by their number."""
    width = BIN
    found = segments(series, values, width)
    if max([one.hours for one in found], default=0.0) < LEAST_HOURS:
        width /= 3
        found = segments(series, values, width)
    while _pairs(found) > PAIRS:
        width *= math.ceil(math.sqrt(_pairs(found) / PAIRS))
        found = segments(series, values, width)
    return found, width


def _pairs(found):
    return sum(len(one.times) * (len(one.times) - 1) // 2 for one in found)


def halve(pair):
    """The two halves of a segment, by time."""
    times, floors = pair
    middle = bisect_left(times, (times[0] + times[-1]) / 2)
    return (times[:middle], floors[:middle]), (times[middle:], floors[middle:])


def jumps(floors):
    """Where a segment jumps, as (index, MB): at most three places that stand out from its usual ups and downs."""
    found = []
    for index in range(REACH, len(floors) - REACH + 1):
        before, after = sorted(floors[index - REACH : index]), sorted(floors[index : index + REACH])
        found.append(
            (
                abs(after[REACH // 2] - before[REACH // 2]),
                index,
                after[REACH // 2] - before[REACH // 2],
            )
        )
    if not found:
        return []
    usual = sorted(found)[len(found) // 2][0]
    places = []
    for height, index, jump in sorted(found, reverse=True):
        if len(places) == 3 or height < 4 * usual:
            break
        if all(abs(index - other) >= 2 * REACH for other, dummy in places):
            places.append((index, jump))
    return sorted(places)


def lasting(floors, index):
    """By how much, in MB, the rest of a segment from ``index`` on lies above what was before."""
    return stats.quantile(floors[index:], 0.5) - stats.quantile(floors[:index], 0.5)


def cut(pair):
    """The segment cut where it jumps: what a step leaves of a trend."""
    times, floors = pair
    pieces, start = [], 0
    for index in [index for index, dummy in jumps(floors)] + [len(floors)]:
        pieces.append((times[start:index], floors[start:index]))
        start = index
    return pieces


def given_back(pair, reach):
    """The deepest fall from an earlier high, in MB, of the lowest that a segment was within ``reach`` bins: what is gone for hours, not a burst."""
    floors = pair[1]
    high, fall = -math.inf, 0.0
    for index in range(len(floors)):
        lowest = min(floors[max(0, index - reach) : index + reach + 1])
        high = max(high, lowest)
        fall = max(fall, high - lowest)
    return fall


class Judgement:
    """The verdict and what it stands on. ``evidence`` is that of the whole, ``late`` of the second halves, ``pieces`` of what is left between jumps."""

    def __init__(self, series):
        self.on = (
            "anon" if len(series) and not any(math.isnan(value) for value in series.anon) else "rss"
        )
        self.series = series
        values = getattr(series, self.on)
        self.all, self.width = binned(series, values)
        self.used = [one for one in self.all if len(one.times) > 1]
        self.pairs = [one.pair for one in self.used]
        self.hours = sum([one.hours for one in self.used], 0.0)
        self.bins = sum(len(one.times) for one in self.used)
        self.whole = Evidence(self.pairs)
        halves = [halve(pair) for pair in self.pairs]
        self.early, self.late = (
            Evidence([one[0] for one in halves]),
            Evidence([one[1] for one in halves]),
        )
        self.pieces = Evidence([piece for pair in self.pairs for piece in cut(pair)])
        falls = [given_back(pair, max(1, int(BURST / self.width))) for pair in self.pairs]
        self.fall, self.deepest = sum(falls), max(falls, default=0.0)
        self.rise = (self.whole.slope or 0.0) * self.hours
        self.noise = _noise(self.pairs, self.whole.slope or 0.0)
        self.verdict = self._verdict()

    @property
    def grows(self):
        """Whether the verdict is that of growth that goes on."""
        return self.verdict in ("leak", "suspected")

    @property
    def interval(self):
        """(low, high): the 95 % interval of the rate, in MB/h; of growth, together with that of the second halves of the lives where these are sure of
        one. The slope of the whole is off by what a warm-up that takes longer than WARM_UP adds, and its own interval knows of noise only."""
        whole, late = self.whole, self.late
        if self.grows and late.low is not None and late.low > 0:
            return min(whole.low, late.low), max(whole.high, late.high)
        return whole.low, whole.high

    def missing_hours(self):
        """How much longer it would have to climb like this to be clear."""
        return max(0.0, math.sqrt(CLEAR * self.noise / self.whole.slope) - self.hours)

    def long_enough(self):
        """Whether there is enough for the word leak: a long life, or many shorter ones that carry each other."""
        lives = [one.hours + WARM_UP for one in self.used]
        carrying = [hours for hours in lives if hours >= CARRY_LIFE]
        return (
            max(lives, default=0.0) >= SURE_LIFE
            or len(carrying) >= CARRY_LIVES
            and sum(carrying) >= CARRY_TOTAL
        )

    def clear(self):
        """Whether the rise stands out from the noise, the more so the shorter the time: noise that remembers for hours can climb for a day."""
        return self.rise * self.hours >= CLEAR * self.noise

    def _verdict(self):
        whole = self.whole
        grows = whole.slope is not None and whole.climbs() and whole.slope >= SLOPE
        if self.bins < LEAST_BINS or self.hours + WARM_UP < LEAST_HOURS:
            # Too early to be sure, too fast to wait.
            return "suspected" if grows and whole.low > KNOWN_SLOPE else "insufficient"
        if grows:
            if not self._holds(self.pieces, whole.slope):
                return "saturating" if self._early_jump() else "step"
            if not self._holds(self.late, max(whole.slope, self.early.slope or 0.0)):
                return "saturating"
            if self.fall > GIVEN_BACK * self.rise:
                return "sawtooth"
            return "leak" if self.long_enough() and self.clear() else "suspected"
        if not self.long_enough() and whole.low is not None and whole.low >= SLOPE:
            # What seems to climb, and by chance may, is not called harmless within a day.
            return "insufficient"
        return self._shape()

    def fresh(self):
        """What the gateway takes after its warm-up, in MB: the median over the lives that were seen from their start on.

        Where none was, as when the guard came to a gateway that had run for days, it is reckoned back from the first samples by the slope.
        """
        series = self.series
        seen, reckoned = [], []
        for (first, age), end in zip(
            series.lives, [life[0] for life in series.lives[1:]] + [len(series)]
        ):
            level = (
                stats.quantile(
                    [
                        series.footprint[index]
                        for index in range(first, end)
                        if (series.time[index] - series.time[first]) <= 2 * WARM_UP * HOUR
                    ],
                    0.5,
                )
                / MB
            )
            hours = (age or 0.0) / HOUR
            if hours <= 2 * WARM_UP:
                seen.append(level)
            else:
                reckoned.append(max(0.0, level - (self.whole.slope or 0.0) * hours))
        return stats.quantile(seen or reckoned, 0.5)

    def rough(self):
        """MB/h between the ends of what was seen, for what is too little for more; None where there is but one point.

        Lives that were seen once each, as by what systemd says at a stop, are points of one curve, by their age.
        """
        series = self.series
        bounds = [life[0] for life in series.lives] + [len(series)]
        ends = [(start, end - 1) for start, end in zip(bounds, bounds[1:])]
        hours = sum(series.time[last] - series.time[first] for first, last in ends) / HOUR
        if hours > 0:
            return sum(series.rss[last] - series.rss[first] for first, last in ends) / MB / hours
        points = sorted(
            (age / HOUR, series.rss[first] / MB) for first, age in series.lives if age is not None
        )[:100]
        found = stats.sen(
            stats.slopes([([at for at, dummy in points], [value for dummy, value in points])]), 0.0
        )
        return found and found[0]

    def _holds(self, part, slope):
        """Whether ``part`` of the evidence still climbs, where the rest does by ``slope``."""
        if part.slope is None or part.slope < LATE_SHARE * slope:
            return False
        # A part proves less than the whole: a rate that is about the same will do.
        return part.climbs(0.05) or part.slope >= STEADY * self.whole.slope

    def _early_jump(self):
        """Whether what stands out most is a rise in the first quarter of a life, as when caches fill."""
        found = [
            (jump, index / len(one.floors))
            for one in self.used
            for index, jump in jumps(one.floors)
        ]
        return bool(found) and max(found)[0] > 0 and max(found)[1] <= 0.25

    def _shape(self):
        """What it is where it does not grow."""
        late = [value for pair in self.pairs for value in halve(pair)[1][1]]
        tall = max(SHAPE, 4 * _spread(late))
        falls = [
            jump
            for one in self.used
            for dummy, jump in jumps(one.floors)
            if jump < -max(SHAPE, self.deepest / 2)
        ]
        if (
            falls
            and self.pieces.slope is not None
            and self.pieces.climbs(0.05)
            and self.pieces.slope >= SLOPE
        ):
            return "sawtooth"
        if any(
            abs(lasting(one.floors, index)) > tall
            for one in self.used
            for index, dummy in jumps(one.floors)
        ):
            return "saturating" if self._early_jump() else "step"
        if sum(
            1
            for one in self.used
            if stats.quantile(halve(one.pair)[1][1], 0.5) - one.floors[0] > tall
        ) * 2 > len(self.used):
            return "saturating"
        spikes = sum(
            1
            for one in self.used
            for floor, top in zip(one.floors, one.tops)
            if top - floor > max(SHAPE, 0.2 * floor)
        )
        return "spiky" if spikes > SPIKES * self.bins else "flat"


def _noise(pairs, slope):
    """How far the floors usually lie from their line in each life, in MB."""
    left = []
    for times, floors in pairs:
        apart = [floor - slope * at for at, floor in zip(times, floors)]
        middle = stats.quantile(apart, 0.5)
        left += [value - middle for value in apart]
    return 1.4826 * _spread(left) if left else 0.0


def _spread(values):
    """The median distance from the median."""
    middle = stats.quantile(values, 0.5)
    return stats.quantile([abs(value - middle) for value in values], 0.5)
