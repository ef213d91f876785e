# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the age of a process from the time of day.

If runs start at fixed hours, the older process is always the one of the later hour: a cache that
fills by day looks like a leak, and nothing in the whole can tell them apart. Two things can:

- growth in each part of the day, the quiet ones too: traffic makes no such growth;
- growth from one day to the next at the same hour of it, within one run. Only values of the same
  season are compared, as in Hirsch and Slack's seasonal test (see stats.py).

And one thing bounds a leak if neither is seen: what the runs gained in all, from their starts to
their ends. Over whole days the time of day cancels out, so the leak is no larger than that.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from . import stats
from .segments import BinnedRun

DAY = 24.0
# Hours in a part of the day: the quiet of a night lasts for longer.
PART_HOURS = 3.0
PARTS = 8
# A part of a run needs so many bins for a rate of its own.
LEAST_BINS = 3
# Runs further back than this add nothing but time to calculate.
MOST_DAYS = 60
# The level at the start and the end of a run is the median of so many bins.
LEVEL_BINS = 3
# In a day, so many hours at least must be seen to compare it with the day before.
LEAST_OF_DAY = 12


class Balance(NamedTuple):
    """What runs gain in MB/h over whole days, and the standard error of it."""

    rate: float
    error: float


def rates_by_part(runs: Sequence[BinnedRun]) -> list[list[float]]:
    """For each part of the day, the rate (MB/h) of each time that a run was seen in it.

    The first part begins where the last run does, so that a restart at a fixed hour cuts no part
    in two.
    """
    found: list[list[float]] = [[] for _part in range(PARTS)]
    if not runs:
        return found
    dawn, latest = runs[-1].clocks[0], runs[-1].clocks[-1]
    for run in runs:
        if latest - run.clocks[0] > MOST_DAYS * DAY and latest - run.clocks[-1] > MOST_DAYS * DAY:
            continue
        places = [int((clock - dawn + 0.01) // PART_HOURS) for clock in run.clocks]
        start = 0
        for index in range(1, len(places) + 1):
            if index < len(places) and places[index] == places[start]:
                continue
            if index - start >= LEAST_BINS:
                rate = _rate(run.times[start:index], run.baseline[start:index])
                found[places[start] % PARTS].append(rate)
            start = index
    return found


def _rate(times: Sequence[float], values: Sequence[float]) -> float:
    """The least squares slope."""
    middle = sum(times) / len(times)
    spread = sum((at - middle) ** 2 for at in times)
    return sum((at - middle) * value for at, value in zip(times, values)) / spread


class Parts(NamedTuple):
    """The median rate in each part of the day, and the mean of the means: that of whole days."""

    rates: list[float]
    mean: float


def parts_of(runs: Sequence[BinnedRun]) -> Parts | None:
    """The rates of each part of the day; None if a part was never seen."""
    found = rates_by_part(runs)
    if not all(found):
        return None
    means = [sum(rates) / len(rates) for rates in found]
    return Parts([stats.median(rates) for rates in found], sum(means) / len(means))


def days(run: BinnedRun) -> list[float]:
    """By how many MB each day of a run lies above the one before, at the same hour of it.

    The days are counted back from the end, so that the last one is whole.
    """
    times = run.times
    if len(times) < 2 or times[-1] - times[0] < DAY + LEAST_OF_DAY:
        return []
    near = max(PART_HOURS / 2, run.hours / (len(times) - 1))
    found: list[list[float]] = [[] for _day in range(int(run.hours / DAY) + 1)]
    for index, at in enumerate(times):
        other = bisect_left(times, at - DAY)
        if other and at - DAY - times[other - 1] < times[other] - (at - DAY):
            other -= 1
        if abs(at - DAY - times[other]) < near:
            found[int((times[-1] - at) / DAY)].append(run.baseline[index] - run.baseline[other])
    least = len(times) / run.hours * LEAST_OF_DAY / 2
    return [stats.median(one) for one in reversed(found) if len(one) >= max(2.0, least)]


def balance(runs: Sequence[BinnedRun]) -> Balance | None:
    """What the runs gained in all, by the hour; None for runs that are too short.

    Runs that start on the same day are one value.
    """
    by_day: dict[int, list[float]] = {}
    for run in runs:
        if len(run.times) < 2 * LEVEL_BINS:
            continue
        gained = stats.median(run.baseline[-LEVEL_BINS:]) - stats.median(run.baseline[:LEVEL_BINS])
        hours = stats.median(run.times[-LEVEL_BINS:]) - stats.median(run.times[:LEVEL_BINS])
        sums = by_day.setdefault(int(run.clocks[0] // DAY), [0.0, 0.0])
        sums[0] += gained
        sums[1] += hours
    hours = sum(day[1] for day in by_day.values())
    if hours <= 0:
        return None
    rate = sum(day[0] for day in by_day.values()) / hours
    # The standard error of a ratio of sums.
    spread = sum((gained - rate * length) ** 2 for gained, length in by_day.values())
    count = len(by_day)
    error = math.sqrt(spread * count / (count - 1)) / hours if count > 1 else math.inf
    return Balance(rate, error)
