# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detects growth that slows down, by comparing the squared errors of a line and a logarithm.

A leak adds the same amount each hour. A filling cache is hit more and more often, and a heap
reaches a new maximum less and less often: both add the same amount each time the age doubles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from .segments import BinnedRun

# The first third of a run is left out, because caches also fill at the start of a leak.
FROM_SHARE = 1 / 3
# The logarithm must reduce the error to this share: noise favours neither curve.
BETTER = 0.9


def slows(runs: Sequence[BinnedRun]) -> bool:
    """Whether a logarithm of the age explains the later part of ``runs`` better than a line."""
    line, curve = 0.0, 0.0
    for run in runs:
        first = next((i for i, at in enumerate(run.times) if at >= FROM_SHARE * run.times[-1]), 0)
        times, values = run.times[first:], run.baseline[first:]
        if len(times) < 4:
            continue
        line += _squares(times, values, lambda at: at)
        curve += _squares(times, values, math.log)
    return curve < BETTER * line


def _squares(
    times: Sequence[float], values: Sequence[float], shape: Callable[[float], float]
) -> float:
    """The residual sum of squares of the best fit ``a + b * shape(age)``."""
    at = [shape(time) for time in times]
    x, y = sum(at) / len(at), sum(values) / len(values)
    spread = sum((one - x) ** 2 for one in at)
    slope = sum((one - x) * (value - y) for one, value in zip(at, values)) / spread
    return sum((value - y - slope * (one - x)) ** 2 for one, value in zip(at, values))
