# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trend statistics that need no normal distribution and shrug off outliers, over series that come in segments.

A segment is a pair of lists, times and values, in order of time. Only values of one segment are ever compared with each other,
so that a restart between two segments, which takes the memory down, is no part of any trend.

Sources: H. B. Mann, Nonparametric tests against trend, Econometrica 13 (1945). M. G. Kendall, Rank correlation methods (1975),
for the variance under ties. P. K. Sen, Estimates of the regression coefficient based on Kendall's tau, JASA 63 (1968).
R. M. Hirsch and J. R. Slack, A nonparametric trend test for seasonal data with serial dependence, Water Resources Research 20
(1984), for sums over groups that are not compared with each other. K. H. Hamed and A. R. Rao, A modified Mann-Kendall trend test
for autocorrelated data, Journal of Hydrology 204 (1998).

Our own code because a managed host has no numpy; the tests compare it with scipy and pymannkendall.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort

# The quantile of the normal distribution that leaves 2.5 % on each side.
Z95 = 1.959963984540054


def score(segments):
    """(S, Var(S)) of Mann and Kendall, summed over ``segments``, with the variance under ties, for independent values."""
    total = 0
    variance = 0.0
    for dummy, values in segments:
        seen = []
        for value in values:
            total += bisect_left(seen, value) - (len(seen) - bisect_right(seen, value))
            insort(seen, value)
        variance += _variance(seen)
    return total, variance


def _variance(ordered):
    n = len(ordered)
    total = n * (n - 1) * (2 * n + 5)
    first = 0
    while first < n:
        last = bisect_right(ordered, ordered[first], first)
        ties = last - first
        total -= ties * (ties - 1) * (2 * ties + 5)
        first = last
    return total / 18.0


def p_value(total, variance):
    """The two-sided p of score ``total`` with its ``variance``: normal, with Kendall's correction for continuity."""
    if variance <= 0 or total == 0:
        return 1.0
    return math.erfc((abs(total) - 1) / math.sqrt(2 * variance))


def slopes(segments):
    """The slopes of all pairs of values within a segment, sorted."""
    found = []
    for times, values in segments:
        for index in range(len(times) - 1):
            at, value = times[index], values[index]
            found += [
                (v - value) / (t - at)
                for t, v in zip(times[index + 1 :], values[index + 1 :])
                if t > at
            ]
    found.sort()
    return found


def sen(ordered, variance):
    """(slope, low, high): the median of the sorted ``ordered`` slopes and its 95 % interval, by the ``variance`` of the score."""
    n = len(ordered)
    if not n:
        return None
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    reach = Z95 * math.sqrt(max(variance, 0.0))
    low = max(int(round((n - reach) / 2)) - 1, 0)
    high = min(int(round((n + reach) / 2)), n - 1)
    return middle, ordered[low], ordered[high]


def inflation(segments, slope):
    """By how much serial dependence inflates the variance of the score: Hamed and Rao's n/n*.

    The autocorrelation is that of the ranks of what ``slope`` does not explain, pooled over the segments, because a short one
    says little of its own. Returned is (the factor of the paper, which leaves out lags that could be chance; the factor of a series
    that forgets at the rate of its first lag, over the lags up to the first that is not positive). The second is for a daily
    rhythm, whose negative lags hide the positive ones, and for short series, whose correlation comes out too low: by (1 + 4 r) / n
    where mean and slope were taken from the series itself (F. H. C. Marriott and J. A. Pope, Bias in the estimation of
    autocorrelations, Biometrika 41, 1954).
    """
    ranked = []
    for times, values in segments:
        ranks = _ranks([value - slope * at for at, value in zip(times, values)])
        mean = sum(ranks) / len(ranks) if ranks else 0.0
        ranked.append([rank - mean for rank in ranks])
    power = sum(value * value for ranks in ranked for value in ranks)
    if power <= 0:
        return 1.0, 1.0
    chance = Z95 / math.sqrt(sum(len(ranks) for ranks in ranked))
    longest = max(len(ranks) for ranks in ranked)
    sizes = [len(ranks) for ranks in ranked]
    base = sum(n * (n - 1) * (n - 2) for n in sizes)
    if base <= 0:
        return 1.0, 1.0
    paper, rest, memory = 0.0, 0.0, None
    for lag in range(1, longest):
        alike = (
            sum(sum(map(float.__mul__, ranks, ranks[lag:])) for ranks in ranked if len(ranks) > lag)
            / power
        )
        weight = sum((n - lag) * (n - lag - 1) * (n - lag - 2) for n in sizes if n > lag)
        if abs(alike) > chance:
            paper += alike * weight
        if memory is None:
            memory = max(0.0, min(0.95, alike + (1 + 4 * alike) * len(sizes) / sum(sizes)))
            remembers = True
        remembers = remembers and alike > 0
        if remembers:
            rest += memory**lag * weight
    return 1.0 + 2.0 * paper / base, 1.0 + 2.0 * rest / base


def _ranks(values):
    """The rank of each value, from 1; equal values share the mean of theirs."""
    ordered = sorted(values)
    return [
        (bisect_left(ordered, value) + bisect_right(ordered, value) + 1) / 2.0 for value in values
    ]


def quantile(values, share):
    """The value below which ``share`` of ``values`` lies, interpolated; None for no values."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
