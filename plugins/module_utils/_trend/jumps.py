# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds jumps of a baseline, the trend without them, and how far the baseline falls again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from . import stats
from .stats import Segment

# A jump is the difference between the medians of this many bins before and after it: 2.5 h on each
# side, so that a burst does not count.
REACH = 5
# A jump must exceed the usual difference by this factor, which noise does not reach by chance.
STANDS_OUT = 4
# With more cuts, the pieces would be too short to show a leak.
MOST_JUMPS = 3


class Jump(NamedTuple):
    """A jump by ``height`` MB, up or down, before bin number ``place``."""

    place: int
    height: float


def find(baseline: Sequence[float], most: int = MOST_JUMPS) -> list[Jump]:
    """At most ``most`` jumps that clearly exceed the usual noise, in order of time."""
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
        # The same jump also shows in neighbouring bins.
        if all(abs(index - other.place) >= 2 * REACH for other in jumps):
            jumps.append(Jump(index, height))
    return sorted(jumps)


def cut(segment: Segment) -> list[Segment]:
    """The segment cut at its jumps, so that the pieces show the trend without them."""
    times, values = segment
    pieces, start = [], 0
    for index in [jump.place for jump in find(values)] + [len(values)]:
        pieces.append(Segment(times[start:index], values[start:index]))
        start = index
    return pieces


def lasting(baseline: Sequence[float], index: int) -> float:
    """By how many MB the rest of a run from ``index`` on exceeds the part before."""
    return stats.median(baseline[index:]) - stats.median(baseline[:index])


def given_back(baseline: Sequence[float], reach: int) -> float:
    """The deepest fall from an earlier high, in MB, of the lowest value within ``reach`` bins.

    Only memory that stays released for hours counts, not the end of a burst.
    """
    high, fall = -math.inf, 0.0
    for index in range(len(baseline)):
        lowest = min(baseline[max(0, index - reach) : index + reach + 1])
        high = max(high, lowest)
        fall = max(fall, high - lowest)
    return fall
