# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a baseline jumps, what a jump leaves of a trend, and how far a baseline falls again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from . import stats
from .stats import Segment

# A jump is the difference between the medians of so many bins before and after it: 2.5 h on each
# side, so that a burst is no jump.
REACH = 5
# It must be so many times as high as the usual difference: what noise reaches by chance is less.
STANDS_OUT = 4
# With more cuts than this, nothing would be left to see a leak in.
MOST_JUMPS = 3


class Jump(NamedTuple):
    """A jump by ``height`` MB, up or down, before bin number ``place``."""

    place: int
    height: float


def find(baseline: Sequence[float], most: int = MOST_JUMPS) -> list[Jump]:
    """The ``most`` jumps that stand out from the usual ups and downs, in order of time."""
    found = []
    for index in range(REACH, len(baseline) - REACH + 1):
        before = sorted(baseline[index - REACH : index])[REACH // 2]
        after = sorted(baseline[index : index + REACH])[REACH // 2]
        found.append((abs(after - before), index, after - before))
    if not found:
        return []
    found.sort()
    usual = found[len(found) // 2][0]
    jumps: list[Jump] = []
    for size, index, height in reversed(found):
        if len(jumps) == most or size < STANDS_OUT * usual:
            break
        # The same jump shows at its neighbours too.
        if all(abs(index - other.place) >= 2 * REACH for other in jumps):
            jumps.append(Jump(index, height))
    return sorted(jumps)


def cut(segment: Segment) -> list[Segment]:
    """The segment cut where it jumps: what is left of its trend without the jumps."""
    times, values = segment
    pieces, start = [], 0
    for index in [jump.place for jump in find(values)] + [len(values)]:
        pieces.append(Segment(times[start:index], values[start:index]))
        start = index
    return pieces


def lasting(baseline: Sequence[float], index: int) -> float:
    """By how much, in MB, the rest of a run from ``index`` on lies above what was before."""
    return stats.median(baseline[index:]) - stats.median(baseline[:index])


def given_back(baseline: Sequence[float], reach: int) -> float:
    """The deepest fall from an earlier high, in MB, of the lowest value within ``reach`` bins.

    That is what was gone for hours, and not a burst.
    """
    high, fall = -math.inf, 0.0
    for index in range(len(baseline)):
        lowest = min(baseline[max(0, index - reach) : index + reach + 1])
        high = max(high, lowest)
        fall = max(fall, high - lowest)
    return fall
