# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last days of a history by themselves: a leak that begins late hides in a long whole."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from .._host.display import HOUR
from . import stats
from .evidence import Evidence, P
from .series import Series

# Hours. The first tells what began yesterday, the last has a weekend in it.
WINDOWS = (168.0, 72.0, 24.0)
# Three more tests than one make three times as many errors: Bonferroni's correction.
P_OF_WINDOW = P / len(WINDOWS)
# A history is worth a window if it is longer than it by so much.
LONGER = 1.25
# Fewer pairs than for the whole: windows are short.
MOST_PAIRS = 8000
# The end must lie above all that came before the window by so many times its noise.
ABOVE = 4.0
# MB that it must lie above it, if there is no noise to speak of.
LEAST_MB = 20.0
# The level at the end is the median of so many bins.
END_BINS = 4


def of(series: Series) -> Iterator[Evidence]:
    """The evidence of each window, the longest first."""
    if not len(series):
        return
    end = series.clock[-1]
    for hours in WINDOWS:
        if end - series.clock[0] < LONGER * hours * HOUR:
            continue
        first = bisect_left(series.clock, end - hours * HOUR)
        if len(series) - first > 1:
            yield Evidence(series.part(first, len(series)), MOST_PAIRS, P_OF_WINDOW)


def is_new_high(window: Evidence, whole: Evidence) -> bool:
    """Whether the end of ``window`` lies above all that the runs of ``whole`` were before it."""
    if not window.runs or not whole.runs:
        return False
    begin = window.runs[0].clocks[0]
    before = [
        value
        for run in whole.runs
        for clock, value in zip(run.clocks, run.baseline)
        if clock < begin
    ]
    if not before:
        return False
    level = stats.median(window.runs[-1].baseline[-END_BINS:])
    noise = stats.SIGMA_OF_MAD * stats.median_absolute_deviation(before)
    return level > stats.quantile(before, 0.99) + max(LEAST_MB, ABOVE * noise)
