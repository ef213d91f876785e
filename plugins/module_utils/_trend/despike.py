# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes short dips and bursts out of a baseline: the Hampel filter.

A value that is far from the median of its neighbours is replaced by that median. A step stays: on
both sides of it, most neighbours agree with the value.

Source: L. Davies and U. Gather, The identification of multiple outliers, JASA 88 (1993), for the
median and the median absolute deviation as a rule against outliers, after F. R. Hampel.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import stats

# So many hours on each side: what lasts for less goes.
HOURS = 2.5
# An outlier is so many standard deviations of its neighbourhood from their median,
DEVIATIONS = 4.0
# and so many MB: what differs by less does no harm.
LEAST_MB = 20.0
# Of fewer values than this, none is known to be the outlier.
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
