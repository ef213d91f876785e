# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the limit is reached, how often to restart until then, and what a larger server gains."""

from __future__ import annotations

import re

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import forecast

MB = 1 << 20
START = 1790000000


def test_cadence_follows_the_leak(trend, runs):
    # 40 MB/h from 240 MB, with a margin of a tenth, to 90 % of the limit.
    for limit, hours in (
        (512, 4),
        (640, 6),
        (1024, 12),
        (2048, 24),
        (4096, 72),
        (8192, 72),
        (16384, 168),
        (65536, None),
    ):
        assert trend(runs(14, 12, 40), limit * MB)["recommended_restart_hours"] == hours
    late = trend(runs(14, 12, 40), 300 * MB)
    assert late["recommended_restart_hours"] == forecast.CADENCES[0]
    assert "in only" in late["advice"][0]


def test_a_cadence_is_shorter_than_runs_that_ended_at_the_limit():
    assert forecast.cadence(4096, 300, 40, longest=5.0).every == 4
    assert forecast.cadence(4096, 300, 40, longest=3.4).every == 3


def test_bursts_count_as_memory_that_must_be_free(trend, run):
    """A tool takes 300 MB every six hours, on top of 5 MB/h: a burst reaches the limit."""
    plain = run(96, 5)
    rows = [
        dict(row, rss_bytes=row["rss_bytes"] + (300 * MB if place % 72 == 0 else 0))
        for place, row in enumerate(plain)
    ]
    calm, bursting = trend(plain, 1200 * MB), trend(rows, 1200 * MB)
    # The next burst of that height reaches the limit 60 h earlier, and one may be a quarter higher.
    assert calm["hours_to_limit"] - bursting["hours_to_limit"] == pytest.approx(60, abs=3)
    assert calm["hours_to_limit_ci"][0] - bursting["hours_to_limit_ci"][0] >= 65
    assert calm["recommended_restart_hours"] > bursting["recommended_restart_hours"]


@pytest.mark.parametrize(
    ("hours", "factor"), [(1, 3.4), (24, 3.4), (72, 2.6), (336, 1.5), (720, 1.25), (9000, 1.25)]
)
def test_a_month_has_higher_bursts_than_the_observed_days(hours, factor):
    """Of exponential sizes, the highest of 150 is twice that of 9; and a sample may miss one."""
    assert forecast.in_a_month(100, hours) == pytest.approx(100 * factor, rel=0.03)


def test_the_limit_in_the_advice_is_enough(trend, runs):
    rows = runs(14, 12, 40)
    late = trend(rows, 300 * MB)["advice"]
    found = [re.search(r"a limit of ([0-9]+) MB would be enough", text) for text in late]
    named = int(next(one for one in found if one).group(1))
    assert 300 < named < 600
    larger = trend(rows, named * MB)
    assert larger["recommended_restart_hours"] == late_hours(late)
    assert not any("in only" in text for text in larger["advice"])


def late_hours(texts):
    """The cadence that ``texts`` call too long."""
    return next(
        int(re.search("every ([0-9]+) h", text).group(1)) for text in texts if "in only" in text
    )


def test_boxes():
    assert forecast.boxes(288, 10)[0] == {"ram_gb": 2, "hours": 124.8}


def test_fresh_is_how_it_starts_not_how_it_was_found(trend, run):
    """The guard was installed after 60 h: the level of a fresh process is calculated back."""
    whole = [dict(row, uptime_seconds=row["timestamp"] - START) for row in run(96, 18, base=300)]
    late = trend(whole[60 * 12 :], 2048 * MB)
    early = trend(whole, 2048 * MB)
    assert (early["recommended_restart_hours"], late["recommended_restart_hours"]) == (72, 72)
    assert late["bigger_box"][0]["hours"] == pytest.approx(
        early["bigger_box"][0]["hours"], rel=0.05
    )


def test_time_since_the_last_sample_counts(trend, run):
    """The gateway keeps growing without samples."""
    rows = run(72, 18)
    then = trend(rows, 4096 * MB, START + 72 * 3600)
    later = trend(rows, 4096 * MB, START + 82 * 3600)
    assert then["hours_to_limit"] - later["hours_to_limit"] == pytest.approx(10, abs=0.01)
    assert (then["notes"], later["notes"]) == ([], ["the last sample is 10 h old"])
    assert later["sample_age_hours"] == pytest.approx(10.1, abs=0.1)
    assert trend(rows, 4096 * MB, START + 9000 * 3600)["hours_to_limit"] == 0


def test_over_the_limit(trend, run):
    assert trend(run(72, 18), 1024 * MB)["hours_to_limit"] == 0


def test_the_footprint_of_the_tree_counts_for_the_limit(trend, run):
    rows = [
        dict(row, tree_rss_bytes=row["rss_bytes"] + 1000 * MB, swap_bytes=100 * MB)
        for row in run(72, 10)
    ]
    found = trend(rows, 4096 * MB)
    assert found["hours_to_limit"] == pytest.approx((4096 - 200 - 720 - 1100) / 10, rel=0.05)
