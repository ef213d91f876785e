# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Separates the effect of a process's age from that of the time of day.

If runs start at fixed hours, an older process always coincides with a later hour. A cache that
fills during the day then looks like a leak. Two observations can prove a leak anyway:

- growth in every part of the day, including the quiet ones: traffic does not cause this;
- growth from one day to the next at the same hour, within one run. Only values of the same season
  are compared, as in Hirsch and Slack's seasonal test (see stats.py).

Without either, the total gain of the runs from start to end is an upper bound of the leak: over
whole days, the time of day cancels out.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from . import stats
from .segments import BinnedRun

DAY = 24.0
# Hours in a part of the day: the quiet part of a night is longer.
PART_HOURS = 3.0
PARTS = 8
# Minimum bins of a part for its own rate.
LEAST_BINS = 3
# Older runs only cost time to calculate.
MOST_DAYS = 60
# The level at the start and at the end of a run is the median of this many bins.
LEVEL_BINS = 3
# Minimum observed hours of a day to compare it with the day before.
LEAST_OF_DAY = 12


class Balance(NamedTuple):
    """The gain of runs in MB/h over whole days, and its standard error."""

    rate: float
    error: float


def rates_by_part(runs: Sequence[BinnedRun]) -> list[list[float]]:
    """For each part of the day, the rate (MB/h) of each run on each day.

    The first part begins at the start of the last run, so that a restart at a fixed hour does not
    split a part.
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
    """The median rate in each part of the day, and the mean rate of whole days."""

    rates: list[float]
    mean: float


def parts_of(runs: Sequence[BinnedRun]) -> Parts | None:
    """The rates of each part of the day; None if a part has no samples."""
    found = rates_by_part(runs)
    if not all(found):
        return None
    means = [sum(rates) / len(rates) for rates in found]
    return Parts([stats.median(rates) for rates in found], sum(means) / len(means))


def days(run: BinnedRun) -> list[float]:
    """By how many MB each day of a run exceeds the day before, at the same hour.

    Days are counted back from the end, so that the last one is complete.
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
    """The total gain of the runs per hour; None if all runs are too short.

    Runs that start on the same day count as one value.
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
