# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers to act on: when memory runs out, how often to restart until then, and what a bigger box buys. Sizes in MB, times in hours."""

from __future__ import annotations

CADENCES = (6, 12, 24, 48, 72, 168)
BOXES = (2, 4, 8, 16)
# What the rest of a small server takes, and how full it may get with a burst still to come.
SYSTEM_MB = 512.0
USABLE = 0.8
# Slower than this, an upgrade or a reboot comes first.
NO_NEED_HOURS = 720.0


def hours_to(limit_mb, level_mb, slope, interval):
    """(hours until ``level_mb`` has grown to ``limit_mb``, [earliest, latest]; the latest is None where the growth may be none)."""
    left = max(0.0, limit_mb - level_mb)
    low, high = interval
    return left / slope, [left / high, left / low if low > 0 else None]


def cadence(limit_mb, fresh_mb, fastest):
    """(the longest restart cadence that keeps a gateway of ``fresh_mb`` under ``limit_mb``, the hours that there are).

    The cadence is None where none is needed, and the shortest one where none is short enough: see the hours.
    """
    hours = max(0.0, USABLE * limit_mb - fresh_mb) / fastest
    if hours >= NO_NEED_HOURS:
        return None, hours
    return max([one for one in CADENCES if one <= hours], default=CADENCES[0]), hours


def boxes(fresh_mb, slope):
    """How many hours servers of 2 to 16 GB last from a fresh start: a list of dict."""
    return [
        {"ram_gb": size, "hours": round(max(0.0, size * 1024 - SYSTEM_MB - fresh_mb) / slope, 1)}
        for size in BOXES
    ]
