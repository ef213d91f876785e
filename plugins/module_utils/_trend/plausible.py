# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that a history uses the right units, which exports of other programs often do not."""

from __future__ import annotations

from .._host.display import MB
from . import stats
from .series import Series

# With fewer samples, the units cannot be guessed.
LEAST_SAMPLES = 10
# Epoch seconds reach this value in the year 5138; milliseconds passed it in 1973.
MOST_SECONDS = 1e11
# Every Python process uses more.
LEAST_BYTES = 4 * MB
# If the clock goes back at this share of the samples, the newest one comes first.
BACKWARDS = 0.5


def fault(series: Series) -> str | None:
    """Why ``series`` cannot be analysed as it is; None if it can."""
    if len(series) < LEAST_SAMPLES:
        return None
    if stats.median(series.clock) > MOST_SECONDS:
        return (
            "timestamp is not in epoch seconds: the times would be after the year 5000; divide by "
            "1000 if they are milliseconds, or by 1000000 if they are microseconds"
        )
    if stats.median(series.rss) < LEAST_BYTES:
        return (
            "rss_bytes is not in bytes: a gateway uses more than %d bytes; multiply by 1024 "
            "if the unit is kB, as in the output of `ps`" % LEAST_BYTES
        )
    return None


def newest_first(series: Series) -> bool:
    """Whether the samples are in reverse order."""
    return len(series) >= LEAST_SAMPLES and series.set_back > BACKWARDS * len(series)
