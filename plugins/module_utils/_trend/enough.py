# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides whether there is enough data for a verdict, and for the verdict leak."""

from __future__ import annotations

import math
from collections.abc import Sequence

# Minimum data for a verdict, unless memory grows too fast to wait.
LEAST_BINS = 8
LEAST_HOURS = 6.0
# A full day includes a night; a shorter run may cover only a morning.
SURE_RUN_HOURS = 24.0
# A run of this many hours covers half of the hours of the day twice, at different ages.
TELLS_AGE_HOURS = 36.0
# With calendar restarts, several runs together are enough. A run counts from 6 h.
CARRY_RUNS, CARRY_RUN_HOURS, CARRY_TOTAL_HOURS = 4, 6.0, 48.0
# Minimum of (rise x hours) / noise, in hours: 10 times the noise in a day, 3 times in three days.
# Noise that is correlated over hours occasionally rises for a day.
CLEAR_HOURS = 240.0


def long_enough(runs: Sequence[float]) -> bool:
    """Whether ``runs`` (their lengths in hours) are long enough for the verdict leak.

    One long run is enough, or several shorter ones together.
    """
    carrying = [hours for hours in runs if hours >= CARRY_RUN_HOURS]
    return (
        max(runs, default=0.0) >= SURE_RUN_HOURS
        or len(carrying) >= CARRY_RUNS
        and sum(carrying) >= CARRY_TOTAL_HOURS
    )


def clear(rise: float, hours: float, noise: float) -> bool:
    """Whether ``rise`` (MB) within ``hours`` clearly exceeds ``noise`` (MB).

    The shorter the time, the larger the rise must be.
    """
    return rise * hours >= CLEAR_HOURS * noise


def hours_until_clear(slope: float, hours: float, noise: float) -> float:
    """Hours after the first ``hours`` until a rise of ``slope`` MB/h clearly exceeds the noise."""
    return max(0.0, math.sqrt(CLEAR_HOURS * noise / slope) - hours)
