# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Divides runs into bins, and calculates the baseline below the bursts, which is analysed."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from .._host.display import HOUR, MB
from . import despike, stats
from .enough import LEAST_HOURS
from .series import Series
from .stats import Segment

# Imports and the first sessions take memory for about an hour. A leak shows without that hour too.
WARM_UP_HOURS = 1.0
# Half an hour holds 6 samples at the usual interval of 5 minutes.
BIN_HOURS = 0.5
# Short histories use bins of a third of the length, so that a fast leak shows early.
FINER = 3
# The baseline of a bin: 20 % of its samples are below it, so that bursts of less than 24 minutes do
# not show.
BASELINE_SHARE = 0.2
# The time for Sen's slope grows with the number of pairs, so longer histories get longer bins: 3 h
# for 30 days in one run.
MOST_PAIRS = 40000


class BinnedRun:
    """A run after its warm-up: each bin's age in hours, baseline and highest value in MB.

    ``clocks`` are hours since the epoch by the host's clock; ``last_mb`` is the last sample.
    """

    def __init__(self) -> None:
        self.times: list[float] = []
        self.clocks: list[float] = []
        self.baseline: list[float] = []
        self.tops: list[float] = []
        self.last_mb = 0.0

    @property
    def hours(self) -> float:
        """Hours from the first bin to the last."""
        return self.times[-1] - self.times[0] if self.times else 0.0

    @property
    def segment(self) -> Segment:
        """The baseline as a segment for the statistics."""
        return Segment(self.times, self.baseline)

    def add(self, ages: Sequence[float], values: Sequence[float], clock: float) -> None:
        """Add a bin of samples with ``ages`` in seconds; ``clock`` is the time of the first."""
        middle = sum(ages) / len(ages)
        self.times.append(middle / HOUR)
        self.clocks.append((clock + middle - ages[0]) / HOUR)
        self.baseline.append(stats.quantile(values, BASELINE_SHARE) / MB)
        self.tops.append(max(values) / MB)


class Binned(NamedTuple):
    """The runs of a history in bins of ``width`` hours."""

    runs: list[BinnedRun]
    width: float


def runs_in_bins(
    series: Series,
    values: Sequence[float],
    width: float = BIN_HOURS,
    start: int = 0,
    end: int | None = None,
    warm_up: float = WARM_UP_HOURS,
) -> list[BinnedRun]:
    """The runs in samples ``start`` to ``end``; ``values`` is a column of ``series``.

    Samples at an age below ``warm_up`` hours are left out.
    """
    found = []
    end = len(series) if end is None else end
    # A history can have thousands of runs and as many periods of a provider, so only the runs of
    # the period are visited.
    place = max(0, bisect_left(series.runs, (start + 1,)) - 1)
    while place < len(series.runs) and series.runs[place].start < end:
        run = series.runs[place]
        first, place = run.start, place + 1
        last = min(series.runs[place].start if place < len(series.runs) else end, end)
        if last <= max(first, start):
            continue
        born = series.time[first] - (run.age or 0.0)
        binned = BinnedRun()
        ages = [at - born for at in series.time[max(first, start) : last]]
        held = values[max(first, start) : last]
        here = bisect_left(ages, warm_up * HOUR)
        while here < len(ages):
            # The bin ends at a multiple of its width.
            bins = int(ages[here] / HOUR / width) + 1
            after = bisect_left(ages, bins * width * HOUR, here + 1)
            clock = series.clock[last - len(ages) + here]
            binned.add(ages[here:after], held[here:after], clock)
            here = after
        if binned.times:
            binned.baseline = despike.hampel(binned.times, binned.baseline)
            binned.last_mb = values[last - 1] / MB
            found.append(binned)
    return found


def bin_runs(
    series: Series,
    values: Sequence[float],
    most_pairs: int = MOST_PAIRS,
    warm_up: float = WARM_UP_HOURS,
) -> Binned:
    """All runs of ``series``, in bins long enough for at most ``most_pairs`` pairs."""
    lengths = _hours_after(series, warm_up)
    # From the middle of the first bin to the middle of the last.
    longest = max(lengths, default=0.0) - BIN_HOURS
    width = BIN_HOURS
    if longest < LEAST_HOURS:
        # In runs of minutes, each sample counts.
        width = width / FINER if longest >= WARM_UP_HOURS else width / FINER**2
    # Estimated from the lengths: counting the bins would take as long as everything else.
    while _pairs(lengths, width) > most_pairs:
        width *= math.ceil(math.sqrt(_pairs(lengths, width) / most_pairs))
    return Binned(runs_in_bins(series, values, width, warm_up=warm_up), width)


def _hours_after(series: Series, warm_up: float) -> list[float]:
    """The observed hours of each run after its warm-up."""
    found = []
    for run, (start, end) in zip(series.runs, series.bounds()):
        hours = (series.time[end - 1] - series.time[start]) / HOUR
        found.append(hours - max(0.0, warm_up - (run.age or 0.0) / HOUR))
    return found


def _pairs(lengths: Sequence[float], width: float) -> float:
    """The approximate number of pairs of bins."""
    return sum(hours * (hours - width) for hours in lengths if hours > width) / (2 * width * width)


def halves(segment: Segment) -> tuple[Segment, Segment]:
    """The two halves of a segment by time."""
    times, values = segment
    middle = bisect_left(times, (times[0] + times[-1]) / 2)
    return Segment(times[:middle], values[:middle]), Segment(times[middle:], values[middle:])


def second_half(segment: Segment) -> Segment:
    """The later half of a segment by time."""
    return halves(segment)[1]
