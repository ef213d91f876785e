# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurements of a history."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import evidence, samples
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend.stats import Segment

MB = 1 << 20


def of(rows):
    return evidence.Evidence(samples.of_rows(rows))


def test_a_leak_in_numbers(runs):
    found = of(runs(14, 12, 40))
    assert found.whole.climbs() and found.late.climbs() and found.pieces.climbs()
    assert found.whole.low < 40 < found.whole.high
    assert found.rise == pytest.approx(40 * found.hours, rel=0.01)
    assert 0 < found.noise < 10 and found.fall < found.rise / 10
    assert found.long_enough() and found.clear() and found.hours_until_clear() == 0


def test_nothing_in_numbers():
    found = of([])
    assert (found.whole, found.late, found.pieces, found.early) == (None, None, None, 0)
    assert (found.hours, found.bins, found.rise, found.noise, found.fall) == (0, 0, 0, 0, 0)
    assert not found.long_enough()


def test_values_that_cannot_be_compared_have_no_trend():
    assert evidence.trend_of([]) is None
    assert evidence.trend_of([Segment([1], [5]), Segment([2], [6])]) is None
    assert evidence.trend_of([Segment([1, 1], [5, 6])]) is None


def test_a_rise_of_few_values_may_be_chance():
    assert not evidence.trend_of([Segment([1, 2, 3], [1, 2, 3])]).climbs()
    assert evidence.trend_of([Segment(list(range(30)), list(range(30)))]).climbs()
    assert not evidence.trend_of([Segment(list(range(30)), list(range(30, 0, -1)))]).climbs()


def test_anonymous_memory_is_judged_if_it_is_known(run):
    """Includes swap; a row without the value keeps the file pages of the row before."""
    rows = [dict(row, anon_bytes=100 * MB, swap_bytes=50 * MB) for row in run(24, 5)]
    name, values = evidence.judged_column(samples.of_rows(rows))
    assert name == "anon" and values[0] == 150 * MB
    name, values = evidence.judged_column(samples.of_rows(rows[:-1] + run(24, 5)[-1:]))
    assert name == "anon" and values[-1] == pytest.approx(150 * MB, abs=15 * MB)


def test_without_anonymous_memory_rss_is_judged_with_swap(run):
    rows = [dict(row, swap_bytes=50 * MB) for row in run(24, 5)]
    name, values = evidence.judged_column(samples.of_rows(rows))
    assert name == "rss" and values[0] == rows[0]["rss_bytes"] + 50 * MB


def test_rough_slope():
    def rough(*points):
        return evidence.rough_slope(
            samples.of_rows(
                [
                    {
                        "timestamp": at * 3600,
                        "invocation_id": name,
                        "rss_bytes": mb * MB,
                        "uptime_seconds": age if age is None else age * 3600,
                    }
                    for name, at, mb, age in points
                ]
            )
        )

    assert rough() is None
    assert rough(("a", 1, 100, None)) is None
    # Between the ends of each run, regardless of what is in between.
    assert rough(("a", 1, 100, 0), ("a", 2, 900, 1), ("a", 3, 120, 2)) == pytest.approx(10)
    assert rough(("a", 1, 100, 0), ("a", 3, 120, 2), ("b", 9, 500, 0), ("b", 11, 560, 2)) == 20
    # Runs with one sample are points of one curve over the age.
    assert rough(("a", 50, 160, 6), ("b", 99, 100, 0), ("c", 70, 200, 10)) == pytest.approx(10)
