# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interval of a growth rate, with what the noise alone does not show in it.

Sen's interval holds for a line with noise. A gateway is a line with noise, a cache that fills and a
day. Each of the estimates below is wrong in another way, so the interval reaches over all of them.
"""

from __future__ import annotations

from . import daytime
from .evidence import Evidence, Trend
from .stats import TheilSen

# The level at either end is uncertain by the noise: two standard deviations of a difference.
ENDS = 2.0 * 2.0**0.5


def of_growth(evidence: Evidence, whole: Trend) -> TheilSen:
    """The slope of ``whole`` with its interval."""
    low, high = [whole.low], [whole.high]
    if evidence.late is not None:
        low.append(evidence.late.low if evidence.late.low > 0 else evidence.late.slope)
        high.append(evidence.late.high if evidence.late.low > 0 else evidence.late.slope)
    if len(evidence.days) >= 2:
        rates = [one / daytime.DAY for one in evidence.days[-7:]]
        low.append(min(rates[-2:]))
        high.append(max(rates[-2:]))
    if evidence.restarted:
        if evidence.parts:
            low.append(min(evidence.parts))
        if evidence.balance is not None:
            high.append(max(evidence.balance.rate, min(evidence.balance.high, 2 * whole.high)))
    reach = 0.0
    if not evidence.restarted:
        reach = ENDS * evidence.noise / max(one.hours for one in evidence.runs)
    return TheilSen(whole.slope, min(low) - reach, max(high) + reach)
