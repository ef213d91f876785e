# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Robust, nonparametric trend statistics over several segments.

Only values of the same segment are compared, so that the drop of memory at a restart between two
segments does not affect a trend.

Sources: H. B. Mann, Nonparametric tests against trend, Econometrica 13 (1945). M. G. Kendall, Rank
correlation methods (1975), for the variance under ties. P. K. Sen, Estimates of the regression
coefficient based on Kendall's tau, JASA 63 (1968). R. M. Hirsch and J. R. Slack, A nonparametric
trend test for seasonal data with serial dependence, Water Resources Research 20 (1984), for sums
over groups that are not compared with each other. K. H. Hamed and A. R. Rao, A modified
Mann-Kendall trend test for autocorrelated data, Journal of Hydrology 204 (1998).

Implemented here because managed hosts have no numpy; the tests compare the results with scipy and
pymannkendall.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# The quantile of the normal distribution that leaves 2.5 % on each side.
Z95 = 1.959963984540054
# The standard deviation of a normal distribution in units of its median absolute deviation.
SIGMA_OF_MAD = 1.4826
# Upper bound of a corrected autocorrelation: at 1, the series would carry no information.
MOST_MEMORY = 0.95


class Segment(NamedTuple):
    """Values that may be compared with each other: ``values`` at ``times``, in order of time."""

    times: Sequence[float]
    values: Sequence[float]


class MannKendall(NamedTuple):
    """The Mann-Kendall score S and its variance for independent values."""

    s: int
    variance: float


class TheilSen(NamedTuple):
    """Sen's slope with its 95 % interval."""

    slope: float
    low: float
    high: float


class VarianceInflation(NamedTuple):
    """The factor by which serial dependence inflates the variance of S, estimated in two ways."""

    hamed_rao: float
    first_lag: float


def mann_kendall(segments: Iterable[tuple[Sequence[float], Sequence[float]]]) -> MannKendall:
    """S and Var(S), summed over ``segments``, with the variance under ties."""
    total = 0
    variance = 0.0
    for _times, values in segments:
        seen: list[float] = []
        for value in values:
            total += bisect_left(seen, value) - (len(seen) - bisect_right(seen, value))
            insort(seen, value)
        variance += _variance(seen)
    return MannKendall(total, variance)


def _variance(ordered: Sequence[float]) -> float:
    """Var(S) of the sorted values of one segment."""
    n = len(ordered)
    total = n * (n - 1) * (2 * n + 5)
    first = 0
    while first < n:
        last = bisect_right(ordered, ordered[first], first)
        ties = last - first
        total -= ties * (ties - 1) * (2 * ties + 5)
        first = last
    return total / 18.0


def p_value(s: float, variance: float) -> float:
    """The two-sided p of score ``s``: normal, with Kendall's continuity correction."""
    if variance <= 0 or s == 0:
        return 1.0
    return math.erfc((abs(s) - 1) / math.sqrt(2 * variance))


def pairwise_slopes(segments: Iterable[tuple[Sequence[float], Sequence[float]]]) -> list[float]:
    """The slopes of all pairs of values within a segment, sorted."""
    found: list[float] = []
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


def theil_sen(ordered: Sequence[float], variance: float) -> TheilSen:
    """The median of the sorted ``ordered`` slopes; ValueError if empty.

    The interval follows from ``variance``, the variance of the score S.
    """
    n = len(ordered)
    if not n:
        raise ValueError("no slopes, so no median")
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    reach = Z95 * math.sqrt(max(variance, 0.0))
    low = max(int(round((n - reach) / 2)) - 1, 0)
    high = min(int(round((n + reach) / 2)), n - 1)
    return TheilSen(middle, ordered[low], ordered[high])


def variance_inflation(
    segments: Iterable[tuple[Sequence[float], Sequence[float]]], slope: float
) -> VarianceInflation:
    """The factor by which serial dependence inflates the variance of S: Hamed and Rao's n/n*.

    The autocorrelation is that of the ranks of the residuals of ``slope``, pooled over the
    segments, because a short segment alone is not informative.

    ``hamed_rao`` is the factor of the paper, which ignores lags that are not significant.
    ``first_lag`` is the factor of a first-order autoregressive series with the correlation of the
    first lag, over the lags before the first one that is not positive. It covers a daily rhythm,
    whose negative lags hide the positive ones, and short series, whose correlation is
    underestimated: by (1 + 4 r) / n if mean and slope are estimated from the series itself
    (F. H. C. Marriott and J. A. Pope, Bias in the estimation of autocorrelations, Biometrika 41,
    1954).
    """
    ranked = [_centred_ranks(times, values, slope) for times, values in segments]
    sizes = [len(ranks) for ranks in ranked]
    power = sum(value * value for ranks in ranked for value in ranks)
    base = sum(n * (n - 1) * (n - 2) for n in sizes)
    if power <= 0 or base <= 0:
        return VarianceInflation(1.0, 1.0)
    chance = Z95 / math.sqrt(sum(sizes))
    significant, remembered = 0.0, 0.0
    memory: float | None = None
    remembers = True
    for lag in range(1, max(sizes)):
        correlation = (
            sum(sum(map(float.__mul__, ranks, ranks[lag:])) for ranks in ranked if len(ranks) > lag)
            / power
        )
        weight = sum((n - lag) * (n - lag - 1) * (n - lag - 2) for n in sizes if n > lag)
        if abs(correlation) > chance:
            significant += correlation * weight
        if memory is None:
            bias = (1 + 4 * correlation) * len(sizes) / sum(sizes)
            memory = max(0.0, min(MOST_MEMORY, correlation + bias))
        remembers = remembers and correlation > 0
        if remembers:
            remembered += memory**lag * weight
    return VarianceInflation(1.0 + 2.0 * significant / base, 1.0 + 2.0 * remembered / base)


def _centred_ranks(times: Sequence[float], values: Sequence[float], slope: float) -> list[float]:
    """The centred ranks of the residuals of ``slope``."""
    ranks = _ranks([value - slope * at for at, value in zip(times, values)])
    mean = sum(ranks) / len(ranks) if ranks else 0.0
    return [rank - mean for rank in ranks]


def _ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value, from 1; ties share their mean rank."""
    ordered = sorted(values)
    return [
        (bisect_left(ordered, value) + bisect_right(ordered, value) + 1) / 2.0 for value in values
    ]


def quantile(values: Sequence[float], share: float) -> float:
    """The ``share`` quantile of ``values``, interpolated; ValueError if empty."""
    if not values:
        raise ValueError("no values, so no quantile")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def median(values: Sequence[float]) -> float:
    """The median of ``values``; ValueError if empty."""
    return quantile(values, 0.5)


def median_absolute_deviation(values: Sequence[float]) -> float:
    """The median distance from the median; ValueError if empty."""
    middle = median(values)
    return median([abs(value - middle) for value in values])
