# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of trend() field by field, also on figures reported upstream."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import comparison, samples
from hypothesis import given, settings
from hypothesis import strategies as st

CHECKOUT = Path(__file__).resolve().parents[5]
MB = 1 << 20
START = 1790000000
KEYS = {
    "verdict",
    "slope_mb_per_hour",
    "slope_ci",
    "p_value",
    "observed_hours",
    "segments",
    "samples",
    "rss_mb",
    "limit_mb",
    "hours_to_limit",
    "recommended_restart_hours",
    "faster_than_known",
    "why",
}


def test_leak(trend, run):
    found = trend(run(72, 18), 4096 * MB, START + 72 * 3600, limit_from="MemoryMax")
    assert KEYS < set(found)
    assert (found["verdict"], found["segments"], found["samples"], found["faster_than_known"]) == (
        "leak",
        1,
        864,
        False,
    )
    assert found["slope_ci"][0] < 18 < found["slope_ci"][1] and found[
        "slope_mb_per_hour"
    ] == pytest.approx(18, abs=0.3)
    assert found["p_value"] < 0.01
    assert found["observed_hours"] == pytest.approx(72, abs=0.1)
    assert (found["limit_mb"], found["limit_from"]) == (4096, "MemoryMax")
    # Memory is at 200 + 18 x 72, the limit is 4096.
    assert found["hours_to_limit"] == pytest.approx((4096 - 200 - 18 * 72) / 18, rel=0.02)
    assert found["hours_to_limit_ci"][0] < found["hours_to_limit"] < found["hours_to_limit_ci"][1]
    # From 200 to 80 % of 4096 it takes 171 h.
    assert found["recommended_restart_hours"] == 168
    assert [box["ram_gb"] for box in found["bigger_box"]] == [2, 4, 8, 16]
    assert found["bigger_box"][1]["hours"] == pytest.approx((4096 - 512 - 210) / 18, rel=0.02)
    assert "18" in found["why"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_flat(trend, run):
    found = trend(run(72, 0), 4096 * MB)
    assert found["verdict"] == "flat"
    assert (
        found["hours_to_limit"],
        found["hours_to_limit_ci"],
        found["recommended_restart_hours"],
        found["bigger_box"],
    ) == (None, None, None, [])
    assert found["what_would_settle_it"] is None


@pytest.mark.parametrize("count", range(4))
def test_next_to_nothing(trend, run, count):
    found = trend(run(1, 0)[:count], 4096 * MB, START)
    assert (found["verdict"], found["samples"], found["slope_ci"], found["p_value"]) == (
        "insufficient",
        count,
        None,
        None,
    )
    assert "24 h" in found["what_would_settle_it"]
    json.dumps(found, allow_nan=False)


def test_one_short_run_is_suspected_and_many_are_a_leak(trend, run, runs):
    assert trend(run(12, 40))["verdict"] == "suspected"
    assert trend(runs(14, 12, 40))["verdict"] == "leak"


def test_what_seems_to_climb_is_not_called_harmless_within_a_day(trend, run):
    """Too few and similar values to rule out chance; no slope of the interval is harmless."""
    rows = [
        dict(row, rss_bytes=int((200 + 40 * hour + 3 * hour**2) * MB))
        for row, hour in zip(run(8, 0), (place / 12 for place in range(96)))
    ]
    found = trend(rows)
    assert (found["verdict"], found["slope_ci"]) == ("insufficient", None)
    assert "63.8 MB/h" in found["why"] and "24 h" in found["what_would_settle_it"]


def test_a_long_warm_up_does_not_push_the_rate_out_of_its_interval(trend, runs):
    """14 runs of 12 h at 40 MB/h, each of which takes 80 MB more.

    The time constant is half an hour, so the hour that is left out is not all of it.
    """
    rows = [
        dict(row, rss_bytes=row["rss_bytes"] + int(80 * MB * (1 - math.exp(-(place % 144) / 6))))
        for place, row in enumerate(runs(14, 12, 40))
    ]
    found = trend(rows)
    assert found["verdict"] == "leak"
    # The upper end has a margin of a tenth, the lower end what a cache may take in 12 h.
    assert 0 < found["slope_ci"][0] <= 40 <= found["slope_ci"][1] < 46


def test_restarts_are_not_a_trend(trend, run):
    """Each run starts higher than the one before, but does not grow."""
    rows = [
        row
        for number in range(14)
        for row in run(12, 0, number * 12, "run%d" % number, base=200 + 50 * number)
    ]
    assert trend(rows)["verdict"] == "flat"


def test_thirty_hours_of_one_run_are_enough(trend, run):
    found = trend(run(30, 10))
    assert found["verdict"] == "leak"
    assert found["slope_mb_per_hour"] == pytest.approx(10, rel=0.03)
    assert found["observed_hours"] == pytest.approx(30, rel=0.02)
    assert trend(run(30, 0))["verdict"] == "flat"


def test_swap_is_not_given_back(trend, run):
    """Swapped memory is no longer in RSS, but still part of the leak."""
    rows = [
        dict(row, anon_bytes=150 * MB, swap_bytes=row["rss_bytes"] - 150 * MB, rss_bytes=180 * MB)
        for row in run(72, 10)
    ]
    found = trend(rows)
    assert (found["verdict"], found["judged_on"]) == ("leak", "anon_bytes")
    # With one value missing, the column cannot be used.
    assert trend([dict(rows[0], anon_bytes=None)] + rows[1:])["judged_on"] == "rss_bytes"


def test_file_pages_are_not_a_leak(trend, run):
    rows = [dict(row, anon_bytes=150 * MB) for row in run(72, 10)]
    assert trend(rows)["verdict"] == "flat"


def test_an_upgrade_in_the_middle_of_a_week(trend, run):
    """Restarts every day, from a Hermes that leaks to one that does not."""
    days = [
        run(
            24,
            30 if day < 4 else 0,
            24 * day,
            "day%d" % day,
            version="0.18.2" if day < 4 else "0.19.0",
            uptime_seconds=None,
        )
        for day in range(7)
    ]
    before, after = trend(sum(days[:4], [])), trend(sum(days, []))
    assert (before["verdict"], before["version"]) == ("leak", "0.18.2")
    assert (after["verdict"], after["version"], after["samples"]) == ("flat", "0.19.0", 3 * 288)
    found = comparison.compare(samples.of_rows(sum(days, [])), None)
    # Each side is separate, and three days are less than a week.
    assert (found["result"], found["version_before"], found["version_after"]) == (
        "not_enough_yet",
        "0.18.2",
        "0.19.0",
    )
    assert found["before"]["slope_mb_per_hour"] == pytest.approx(30, rel=0.05)
    assert found["after"]["slope_mb_per_hour"] == pytest.approx(0, abs=0.2)


def test_old_history(trend, run):
    assert any("days old" in note for note in trend(run(72, 0), now=START + 30 * 86400)["notes"])


@settings(max_examples=10)
@given(st.integers(-(10**6), 10**6), st.integers(-50, 5000))
def test_a_shift_does_not_change_the_verdict(trend, run, later, up):
    rows = run(30, 60, step=15)
    moved = [
        dict(row, timestamp=row["timestamp"] + later * 60, rss_bytes=row["rss_bytes"] + up * MB)
        for row in rows
    ]
    one, two = trend(rows), trend(moved)
    for key in ("verdict", "segments", "samples", "observed_hours"):
        assert one[key] == two[key]
    # Values that differ only in the last bit may swap ranks.
    assert one["p_value"] == pytest.approx(two["p_value"], rel=0.5)
    assert one["slope_mb_per_hour"] == pytest.approx(two["slope_mb_per_hour"], abs=2e-3)


@settings(max_examples=10)
@given(st.permutations(range(6)))
def test_order_of_runs_does_not_change_the_verdict(trend, run, order):
    rows = [run(12, 40, name="run%d" % number) for number in range(6)]
    found = [
        trend([row for number in numbers for row in rows[number]]) for numbers in (range(6), order)
    ]
    assert found[0]["verdict"] == found[1]["verdict"]
    for key in ("slope_mb_per_hour", "slope_ci", "observed_hours"):
        assert found[0][key] == pytest.approx(found[1][key], abs=2e-3)


def reported():
    """What was reported upstream, by source.

    Runs with more than one point, or a point for each run, by its age.
    """
    with open(str(CHECKOUT / "tests/data/reported-memory.csv"), newline="") as handle:
        table = list(csv.DictReader(handle))
    found = {}
    for number, row in enumerate(table):
        alone = (
            sum(
                1
                for other in table
                if (other["source"], other["series"]) == (row["source"], row["series"])
            )
            == 1
        )
        seconds = float(row["hours"]) * 3600
        found.setdefault(
            row["source"].rpartition("/")[2] + ("" if alone else " " + row["series"]), []
        ).append(
            {
                "timestamp": START + (number * 10**6 if alone else 0) + seconds,
                "invocation_id": row["series"],
                "uptime_seconds": seconds,
                "rss_bytes": float(row["memory_mb"]) * MB,
            }
        )
    return found


REPORTED = reported()


@pytest.mark.parametrize(
    ("name", "low", "high", "fast"),
    [
        # "300 MB to 1.6 GB in 20 h"; its four runs are on one line.
        ("hermes-agent#58817", 60, 68, False),
        # "about 1.9 GB/h", "about 2.4 GB/h (end points give 2.2)".
        ("hermes-agent#80764 0805", 1700, 1900, True),
        ("hermes-agent#80764 0807", 2100, 2400, True),
        # "about 430 MB/h".
        ("hermes-agent#78993 active", 425, 440, True),
        # 149 MB to 1.1 GB in 19 h.
        ("hermes-agent#83092 run", 48, 52, False),
        # 60 GB in the second hour.
        ("hermes-agent#81625 cycle", 25000, 60000, True),
    ],
)
def test_reported_rates(trend, name, low, high, fast):
    """Two points are too few for a verdict; the rate between them is as reported."""
    found = trend(REPORTED[name])
    assert (found["verdict"], found["faster_than_known"]) == ("insufficient", fast)
    assert low < found["slope_mb_per_hour"] < high


def test_reported_plateau_is_not_a_leak(trend):
    found = trend(REPORTED["siphon-ai#519 soak"])
    assert found["verdict"] == "saturating"


def test_reported_points_alone_are_never_a_leak(trend):
    assert {trend(rows)["verdict"] for rows in REPORTED.values()} <= {"insufficient", "saturating"}


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("hermes-agent#80764 0805", 1725),
        ("hermes-agent#83092 run", 50),
        ("hermes-agent#78993 active", 436.5),
    ],
)
def test_reported_runs_as_the_guard_would_have_sampled_them(trend, run, name, rate):
    """Drawn as lines and sampled every 5 minutes: the rate as reported.

    No more than suspected, for they ended within a day.
    """
    first, last = REPORTED[name][0], REPORTED[name][-1]
    hours = (last["timestamp"] - first["timestamp"]) / 3600
    found = trend(run(hours, rate, base=first["rss_bytes"] / MB))
    assert found["verdict"] == "suspected"
    assert found["slope_mb_per_hour"] == pytest.approx(rate, rel=0.02)
