# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a history in the units that it should be in? Exports of other programs often are not."""

from __future__ import annotations

from .._host.display import MB
from . import stats
from .series import Series

# Fewer samples say too little of their units.
LEAST_SAMPLES = 10
# Epoch seconds reach this in the year 5138; milliseconds were there in 1973.
MOST_SECONDS = 1e11
# A Python process takes more than this.
LEAST_BYTES = 4 * MB
# If the clock goes back at so many samples, the newest one comes first.
BACKWARDS = 0.5


def fault(series: Series) -> str | None:
    """Why ``series`` cannot be judged as it is; None if it can."""
    if len(series) < LEAST_SAMPLES:
        return None
    if stats.median(series.clock) > MOST_SECONDS:
        return (
            "the times are no epoch seconds: they would be past the year 5000; divide them by "
            "1000 if they are milliseconds, or by 1000000 if they are microseconds"
        )
    if stats.median(series.rss) < LEAST_BYTES:
        return (
            "rss_bytes is not in bytes: a gateway takes more than %d bytes; multiply it by 1024 "
            "if the unit is kB, as `ps` has it" % LEAST_BYTES
        )
    return None


def newest_first(series: Series) -> bool:
    """Whether the samples come in reverse order."""
    return len(series) >= LEAST_SAMPLES and series.set_back > BACKWARDS * len(series)
