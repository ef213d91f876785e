# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interval of a growth rate."""

from __future__ import annotations

import math

from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import (
    evidence,
    intervals,
    samples,
)

MB = 1 << 20


def interval(rows):
    found = evidence.Evidence(samples.of_rows(rows))
    return intervals.of_growth(found, found.whole)


def test_a_cache_that_fills_on_top_of_a_leak_is_within_the_interval(run):
    """100 MB in the first hours, then 5 MB/h: the slope of the whole is above 5."""
    rows = [
        dict(row, rss_bytes=row["rss_bytes"] + int(100 * MB * (1 - math.exp(-place / 60))))
        for place, row in enumerate(run(72, 5))
    ]
    found = interval(rows)
    assert found.low <= 5 <= found.high < 10


def test_the_interval_of_short_runs_reaches_to_what_a_cache_may_do(runs):
    found = interval(runs(14, 12, 5))
    assert found.low < 0 < 5 < found.high
    assert abs(found.slope - 5) < 0.5
