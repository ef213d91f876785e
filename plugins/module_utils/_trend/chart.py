# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reduces a history to few enough points for a chart."""

from __future__ import annotations

from typing import Any

from . import stats
from .segments import BASELINE_SHARE
from .series import Series


def thin(series: Series, points: int) -> dict[str, Any]:
    """At most ``points`` of the history, with restarts and changes of provider; ready for JSON.

    A point is [timestamp, highest RSS in bytes, baseline in bytes, number of the run]. Each covers
    the same number of samples. The highest RSS is used so that no burst is lost. ``judged_from`` is
    the timestamp of the first sample that counts for the verdict.
    """
    bounds = series.bounds()
    size = max(1, -(-len(series) // points))
    rows = []
    number = 0
    for start in range(0, len(series), size):
        part = series.rss[start : start + size]
        while bounds[number][1] <= start:
            number += 1
        baseline = stats.quantile(part, BASELINE_SHARE)
        rows.append([int(series.clock[start]), int(max(part)), int(baseline), number])
    return {
        "points": rows,
        "judged_from": int(series.of_this_version().clock[0]) if len(series) else None,
        "restarts": [int(series.clock[first]) for first, _last in bounds[1:]][-points:],
        "providers": [
            [int(series.clock[one.start])] + list(one.identity) for one in series.identities
        ][-points:],
    }
