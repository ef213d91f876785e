# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rate of growth with an interval that covers more than noise.

Sen's interval is valid for a line with noise. A gateway also has caches that fill and a daily
rhythm. Each estimate of the rate has a different error, so the interval covers all of them.
"""

from __future__ import annotations

from . import daytime, stats
from .evidence import Evidence, Trend
from .stats import TheilSen

# The noise makes the level at either end of a run uncertain: two standard deviations of the
# difference of two levels.
ENDS = 2.0 * 2.0**0.5
# MB that caches may add in a run after its warm-up, besides a leak. The amount is the same in short
# and in long runs, so it weighs more per hour in short ones.
FILL_MB = 60.0
# Further uncertainty of the highest rate, as a share of it and in MB/h.
MARGIN, MARGIN_MB = 0.1, 0.5


def of_growth(evidence: Evidence, whole: Trend) -> TheilSen:
    """The rate of growth in MB/h with its interval; ``whole`` is the overall trend."""
    low, high = [whole.low], [whole.high]
    late = evidence.late
    if late is not None:
        low.append(late.low if late.low > 0 else late.slope)
        high.append(late.high if late.low > 0 else late.slope)
    if evidence.restarted:
        return _of_restarted(evidence, whole.slope, low, high)
    rates = [one / daytime.DAY for one in evidence.days[-2:]]
    reach = ENDS * evidence.noise / evidence.longest
    least = min(low + rates) - reach - FILL_MB / evidence.longest
    return TheilSen(whole.slope, least, max(high + rates) + reach)


def _of_restarted(
    evidence: Evidence, slope: float, low: list[float], high: list[float]
) -> TheilSen:
    """The rate is the gain of runs over whole days, in which the time of day cancels out."""
    if evidence.balance is not None:
        slope = evidence.balance.rate
        high.append(slope)
    if evidence.parts is not None:
        low.append(min(evidence.parts.rates))
        high.append(evidence.parts.mean)
    usual = stats.median([one.hours for one in evidence.runs])
    least = min(low + [slope]) - FILL_MB / max(usual, evidence.width)
    return TheilSen(slope, least, (1 + MARGIN) * max(high) + MARGIN_MB)
