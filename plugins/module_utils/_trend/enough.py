# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether enough was seen for a verdict, and for the word leak."""

from __future__ import annotations

import math
from collections.abc import Sequence

# Below either, too little was seen for a verdict, unless it climbs too fast to wait.
LEAST_BINS = 8
LEAST_HOURS = 6.0
# A day has a night; a shorter run may have seen nothing but the morning.
SURE_RUN_HOURS = 24.0
# In a run of so many hours, half a day at least is seen at two ages.
TELLS_AGE_HOURS = 36.0
# What restarts on a calendar leave: 14 runs of 12 h are as good as a week. A run counts from 6 h.
CARRY_RUNS, CARRY_RUN_HOURS, CARRY_TOTAL_HOURS = 4, 6.0, 48.0
# (rise x hours) against the noise, in hours: 10 times the noise in a day, 3 times in three days.
# Noise that remembers for hours climbs for a day now and then.
CLEAR_HOURS = 240.0


def long_enough(runs: Sequence[float]) -> bool:
    """Whether runs of so many hours are enough for the word leak.

    One long run is, and so are several shorter ones that support each other.
    """
    carrying = [hours for hours in runs if hours >= CARRY_RUN_HOURS]
    return (
        max(runs, default=0.0) >= SURE_RUN_HOURS
        or len(carrying) >= CARRY_RUNS
        and sum(carrying) >= CARRY_TOTAL_HOURS
    )


def clear(rise: float, hours: float, noise: float) -> bool:
    """Whether a rise in so many hours stands out from the noise, both in MB.

    The shorter the time, the more it must stand out.
    """
    return rise * hours >= CLEAR_HOURS * noise


def hours_until_clear(slope: float, hours: float, noise: float) -> float:
    """How many hours after the first ``hours`` a rise of ``slope`` MB/h takes to be clear."""
    return max(0.0, math.sqrt(CLEAR_HOURS * noise / slope) - hours)
