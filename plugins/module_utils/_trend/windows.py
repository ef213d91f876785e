# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Selects the last days of a history: a leak that begins late is hidden in a long history."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from .._host.display import HOUR
from . import stats
from .evidence import Evidence, P
from .series import Series

# Hours. The shortest shows what began yesterday, the longest includes a weekend.
WINDOWS = (168.0, 72.0, 24.0)
# Three tests cause three times as many errors: Bonferroni's correction.
P_OF_WINDOW = P / len(WINDOWS)
# A window is used only if the history is longer by this factor.
LONGER = 1.25
# Fewer pairs than for the whole: windows are short.
MOST_PAIRS = 8000
# The end must exceed everything before the window by this many times its noise.
ABOVE = 4.0
# "Everything" is this quantile, so that a few outliers do not count.
HIGHEST = 0.99
# The minimum in MB, for histories with hardly any noise.
LEAST_MB = 20.0
# The level at the end is the median of this many hours, or of the last bin.
END_HOURS = 2.0


def of(series: Series, whole: Evidence) -> Iterator[Evidence]:
    """The evidence of each window that ends in a new high of memory, the longest first.

    ``whole`` is the evidence of the whole history.
    """
    if not len(series) or not whole.runs:
        return
    end = series.clock[-1]
    for hours in WINDOWS:
        begin = end - hours * HOUR
        if end - series.clock[0] < LONGER * hours * HOUR or not _is_new_high(whole, begin / HOUR):
            continue
        first = bisect_left(series.clock, begin)
        if len(series) - first > 1:
            yield Evidence(series.part(first, len(series)), MOST_PAIRS, P_OF_WINDOW)


def _is_new_high(whole: Evidence, begin: float) -> bool:
    """Whether memory after ``begin`` (hours since the epoch) ends above everything before it."""
    if whole.restarted:
        # The last run may have just begun, so the maxima of the runs are compared.
        before = [max(run.baseline) for run in whole.runs if run.clocks[-1] < begin]
        after = [max(run.baseline) for run in whole.runs if run.clocks[0] >= begin]
    else:
        bins = [pair for run in whole.runs for pair in zip(run.clocks, run.baseline)]
        before = [value for clock, value in bins if clock < begin]
        after = [value for clock, value in bins if clock >= bins[-1][0] - END_HOURS]
    if not before or not after:
        return False
    noise = stats.SIGMA_OF_MAD * stats.median_absolute_deviation(before)
    highest = stats.quantile(before, HIGHEST)
    return stats.median(after) > highest + max(LEAST_MB, ABOVE * noise)
