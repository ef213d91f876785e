# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes short dips and bursts from a baseline with the Hampel filter.

A value that is far from the median of its neighbours is replaced by that median. A step is kept,
because on both sides of it most neighbours agree with the value.

Source: L. Davies and U. Gather, The identification of multiple outliers, JASA 88 (1993), for the
median and the median absolute deviation as a rule against outliers, after F. R. Hampel.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import stats

# Hours on each side: anything shorter is removed.
HOURS = 2.5
# An outlier differs from the median of its neighbours by this many of their standard deviations,
DEVIATIONS = 4.0
# and by this many MB: smaller differences are harmless.
LEAST_MB = 20.0
# With fewer values, the outlier cannot be identified.
LEAST_NEIGHBOURS = 5


def hampel(times: Sequence[float], values: Sequence[float]) -> list[float]:
    """``values`` (MB) at ``times`` (hours), each outlier replaced by the median around it."""
    cleaned = list(values)
    first, end = 0, 0
    for index, at in enumerate(times):
        while times[first] < at - HOURS:
            first += 1
        while end < len(times) and times[end] <= at + HOURS:
            end += 1
        if end - first < LEAST_NEIGHBOURS:
            continue
        around = sorted(values[first:end])
        middle = around[len(around) // 2]
        apart = abs(values[index] - middle)
        if apart <= LEAST_MB:
            continue
        if apart > DEVIATIONS * stats.SIGMA_OF_MAD * stats.median_absolute_deviation(around):
            cleaned[index] = middle
    return cleaned
