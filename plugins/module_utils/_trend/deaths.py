# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that end where the memory ends.

A timer ends a run after some hours, a limit ends it at some size. Runs that end at the limit, one
after the other, are no caches that fill, however short they are.
"""

from __future__ import annotations

from typing import NamedTuple

from .._host.display import HOUR
from . import stats
from .series import Series

# A run ended at the limit if, by its pace, the next sample would have been above this share of it.
NEAR = 0.85
# So many of them, and half of all runs that ended, are a pattern.
LEAST = 3
# The pace is that of so many samples, or of the last of them if that is faster.
PACE_SAMPLES = 4


class Deaths(NamedTuple):
    """How many runs ended at the limit, and the median and the shortest of their lengths."""

    many: int
    usual_hours: float
    shortest_hours: float


def at_limit(series: Series, limit_bytes: float | None) -> Deaths | None:
    """The runs that ended at ``limit_bytes``; None if these are no pattern."""
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
