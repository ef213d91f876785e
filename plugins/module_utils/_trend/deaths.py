# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds runs that end at the memory limit.

A timer ends a run at a certain age, a limit ends it at a certain size. If run after run ends at the
limit, the cause is not a filling cache, however short the runs are.
"""

from __future__ import annotations

from typing import NamedTuple

from .._host.display import HOUR
from . import stats
from .series import Series

# A run ended at the limit if, at its pace, the next sample would have exceeded this share of it.
NEAR = 0.85
# A pattern needs at least this many such runs, and half of all runs that ended.
LEAST = 3
# The pace over this many samples, or between the last two if that is faster.
PACE_SAMPLES = 4


class Deaths(NamedTuple):
    """The number of runs that ended at the limit, and their median and shortest length."""

    many: int
    usual_hours: float
    shortest_hours: float


def at_limit(series: Series, limit_bytes: float | None) -> Deaths | None:
    """The runs that ended at ``limit_bytes``; None without a pattern."""
    bounds = series.bounds()
    if limit_bytes is None or len(bounds) <= LEAST:
        return None
    lengths = []
    for run, (start, end) in zip(series.runs[:-1], bounds[:-1]):
        first = max(start, end - PACE_SAMPLES)
        last = series.footprint[end - 1]
        steps = end - 1 - first
        pace = 0.0
        if steps:
            pace = max((last - series.footprint[first]) / steps, last - series.footprint[end - 2])
        if last + pace >= NEAR * limit_bytes:
            seconds = series.time[end - 1] - series.time[start] + (run.age or 0.0)
            lengths.append(seconds / HOUR)
    if len(lengths) < LEAST or 2 * len(lengths) < len(bounds) - 1:
        return None
    return Deaths(len(lengths), stats.median(lengths), min(lengths))
