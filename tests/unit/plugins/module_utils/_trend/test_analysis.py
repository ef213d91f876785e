# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What trend() says of a history, field by field, and of what was reported upstream."""

from __future__ import annotations

import csv
import functools
import json
import math
import random
from pathlib import Path

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import known_leaks
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import (
    analysis,
    comparison,
    explain,
    forecast,
    samples,
)
from hypothesis import given, settings
from hypothesis import strategies as st

# As every caller in the collection has it.
trend = functools.partial(analysis.trend, known_leak=known_leaks.known)
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


def life(hours, rate, start=0.0, name="a", base=200, step=5, **columns):
    """Samples of one life, with a little noise."""
    chance = random.Random("%s %s %s" % (hours, rate, name))
    return [
        dict(
            {
                "timestamp": START + int((start + place * step / 60) * 3600),
                "invocation_id": name,
                "rss_bytes": int((base + rate * place * step / 60 + chance.gauss(0, 3)) * MB),
            },
            **columns,
        )
        for place in range(int(hours * 60 / step))
    ]


def lives(count, hours, rate):
    return [
        row
        for number in range(count)
        for row in life(hours, rate, number * hours, "life%d" % number)
    ]


def test_leak():
    found = trend(life(72, 18), 4096 * MB, START + 72 * 3600, limit_from="MemoryMax")
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
    # 200 + 18 x 72 is there, 4096 is the limit.
    assert found["hours_to_limit"] == pytest.approx((4096 - 200 - 18 * 72) / 18, rel=0.02)
    assert found["hours_to_limit_ci"][0] < found["hours_to_limit"] < found["hours_to_limit_ci"][1]
    # From 200 to 80 % of 4096 it takes 171 h.
    assert found["recommended_restart_hours"] == 168
    assert [box["ram_gb"] for box in found["bigger_box"]] == [2, 4, 8, 16]
    assert found["bigger_box"][1]["hours"] == pytest.approx((4096 - 512 - 210) / 18, rel=0.02)
    assert "18" in found["why"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_flat():
    found = trend(life(72, 0), 4096 * MB)
    assert found["verdict"] == "flat"
    assert (
        found["hours_to_limit"],
        found["hours_to_limit_ci"],
        found["recommended_restart_hours"],
        found["bigger_box"],
    ) == (None, None, None, [])
    assert found["what_would_settle_it"] is None


@pytest.mark.parametrize("count", range(4))
def test_next_to_nothing(count):
    found = trend(life(1, 0)[:count], 4096 * MB, START)
    assert (found["verdict"], found["samples"], found["slope_ci"], found["p_value"]) == (
        "insufficient",
        count,
        None,
        None,
    )
    assert "24 h" in found["what_would_settle_it"]
    json.dumps(found, allow_nan=False)


def test_one_short_life_is_suspected_and_many_are_a_leak():
    assert trend(life(12, 40))["verdict"] == "suspected"
    assert trend(lives(14, 12, 40))["verdict"] == "leak"


def test_what_seems_to_climb_is_not_called_harmless_within_a_day():
    """So few and so alike that chance cannot be ruled out, and every slope of the interval is a leak's."""
    rows = [
        dict(row, rss_bytes=int((200 + 40 * hour + 3 * hour**2) * MB))
        for row, hour in zip(life(8, 0), (place / 12 for place in range(96)))
    ]
    found = trend(rows)
    assert (found["verdict"], found["slope_ci"]) == ("insufficient", None)
    assert "63.8 MB/h" in found["why"] and "24 h" in found["what_would_settle_it"]


def test_a_long_warm_up_does_not_push_the_rate_out_of_its_interval():
    """14 lives of 12 h at 40 MB/h, of which each takes 80 MB more with a time constant of half an hour: the hour that is left out is not all of it."""
    rows = [
        dict(row, rss_bytes=row["rss_bytes"] + int(80 * MB * (1 - math.exp(-(place % 144) / 6))))
        for place, row in enumerate(lives(14, 12, 40))
    ]
    found = trend(rows)
    assert found["verdict"] == "leak"
    assert 0 < found["slope_ci"][0] <= 40 <= found["slope_ci"][1] < 44


def test_restarts_are_no_trend():
    """Each life starts higher than the one before: that is no growth of any of them."""
    rows = [
        row
        for number in range(14)
        for row in life(12, 0, number * 12, "life%d" % number, base=200 + 50 * number)
    ]
    assert trend(rows)["verdict"] == "flat"


def test_cadence_follows_the_leak():
    # 40 MB/h from 240 MB to 80 % of the limit.
    for limit, hours in (
        (1024, 12),
        (2048, 24),
        (4096, 72),
        (8192, 72),
        (16384, 168),
        (65536, None),
    ):
        assert trend(lives(14, 12, 40), limit * MB)["recommended_restart_hours"] == hours
    late = trend(lives(14, 12, 40), 512 * MB)
    assert late["recommended_restart_hours"] == 6
    assert "late" in late["advice"][0]


def test_boxes():
    assert forecast.boxes(288, 10)[0] == {"ram_gb": 2, "hours": 124.8}


def test_fresh_is_how_it_starts_not_how_it_was_found():
    """The guard came to a gateway that had run for 60 h: what a fresh one takes is reckoned back."""
    whole = [dict(row, uptime_seconds=row["timestamp"] - START) for row in life(96, 18, base=300)]
    late = trend(whole[60 * 12 :], 2048 * MB)
    early = trend(whole, 2048 * MB)
    assert (early["recommended_restart_hours"], late["recommended_restart_hours"]) == (72, 72)
    assert late["bigger_box"][0]["hours"] == pytest.approx(
        early["bigger_box"][0]["hours"], rel=0.05
    )


def test_what_went_by_since_the_last_sample_counts():
    """The gateway grows on, whether or not anybody looks."""
    rows = life(72, 18)
    then = trend(rows, 4096 * MB, START + 72 * 3600)
    later = trend(rows, 4096 * MB, START + 82 * 3600)
    assert then["hours_to_limit"] - later["hours_to_limit"] == pytest.approx(10, abs=0.01)
    assert (then["notes"], later["notes"]) == ([], ["the last sample is 10 h old"])
    assert later["sample_age_hours"] == pytest.approx(10.1, abs=0.1)
    assert trend(rows, 4096 * MB, START + 9000 * 3600)["hours_to_limit"] == 0


def test_what_would_settle_it_is_about_the_life_that_runs():
    rows = life(20, 40) + life(0.5, 40, 20, "b")
    assert trend(rows)["what_would_settle_it"].startswith("24 h more")


def test_boot_clock_that_goes_back_is_another_process():
    """Without names of their own, as in a CSV from a container, 14 lives are not one with a clock that was set back."""
    rows = [
        dict(row, invocation_id="", pid=1, uptime_seconds=place % 144 * 300)
        for place, row in enumerate(lives(14, 12, 40))
    ]
    found = trend(rows)
    assert (found["verdict"], found["segments"], found["notes"]) == ("leak", 14, [])


def test_lives_of_which_thinning_leaves_nothing():
    rows = [
        row
        for hour in range(300)
        for row in life(0.4, 20, hour, "life%d" % hour, step=0.05)[::100]
        + life(0.01, 20, hour + 0.9, "odd%d" % hour)[:1]
    ]
    series = samples.Series()
    for row in rows:
        series.add(
            row["invocation_id"],
            [float(row["timestamp"]), float(row["rss_bytes"])] + [None] * 6,
            (None, None, None),
        )
    series._thin()
    series.finish()
    bounds = [one[0] for one in series.lives] + [len(series)]
    assert all(start < end for start, end in zip(bounds, bounds[1:]))
    assert trend(series)["segments"] == len(series.lives)


def test_one_life_without_a_version_does_not_hide_what_is_known_of_it():
    found = trend(life(48, 20, version="0.16.0") + life(2, 20, 48, "b", version=None), 2048 * MB)
    assert found["version"] == "0.16.0" and "#25315" in found["advice"][0]


def test_fast_leak_is_suspected_early():
    found = trend(life(2.5, 1900))
    assert (found["verdict"], found["faster_than_known"]) == ("suspected", True)
    assert "report it" in found["advice"][0]
    # What a version keeps within bounds does not climb like this; what it leaks without bound may.
    for version, place in (("0.19.0", 0), ("0.16.0", 1)):
        assert "report it" in trend(life(2.5, 1900, version=version))["advice"][place]


def test_over_the_limit():
    assert trend(life(72, 18), 1024 * MB)["hours_to_limit"] == 0


def test_thirty_hours_of_one_life_are_enough():
    found = trend(life(30, 10))
    assert found["verdict"] == "leak"
    assert found["slope_mb_per_hour"] == pytest.approx(10, rel=0.03)
    assert found["observed_hours"] == pytest.approx(30, rel=0.02)
    assert trend(life(30, 0))["verdict"] == "flat"


def test_swap_is_not_given_back():
    """What a host short of memory swaps out is gone from RSS, and not from the leak."""
    rows = [
        dict(row, anon_bytes=150 * MB, swap_bytes=row["rss_bytes"] - 150 * MB, rss_bytes=180 * MB)
        for row in life(72, 10)
    ]
    found = trend(rows)
    assert (found["verdict"], found["judged_on"]) == ("leak", "anon_bytes")
    # One sample without it, and it cannot be judged on it.
    assert trend([dict(rows[0], anon_bytes=None)] + rows[1:])["judged_on"] == "rss_bytes"


def test_file_pages_are_no_leak():
    rows = [dict(row, anon_bytes=150 * MB) for row in life(72, 10)]
    assert trend(rows)["verdict"] == "flat"


def test_danger_is_that_of_the_tree():
    rows = [
        dict(row, tree_rss_bytes=row["rss_bytes"] + 1000 * MB, swap_bytes=100 * MB)
        for row in life(72, 10)
    ]
    found = trend(rows, 4096 * MB)
    assert found["hours_to_limit"] == pytest.approx((4096 - 200 - 720 - 1100) / 10, rel=0.05)


@pytest.mark.parametrize(
    ("rates", "word"),
    [((20, 20), "survives"), ((20, 0), "does not survive"), ((0, 0), "with no provider")],
)
def test_provider_switch(rates, word):
    one = life(36, rates[0], provider="openrouter", model="x/y")
    two = life(36, rates[1], 36, base=200 + 36 * rates[0], provider="anthropic", model="z")
    found = trend(one + two)
    assert [entry["provider"] for entry in found["providers"]] == ["anthropic", "openrouter"]
    assert [entry["grows"] for entry in found["providers"]] == [rates[1] > 0, rates[0] > 0]
    for entry, rate in zip(found["providers"], rates[::-1]):
        assert entry["slope_ci"][0] <= rate + 0.3 and rate - 0.3 <= entry["slope_ci"][1]
    assert word in found["provider_switch"]


def test_a_cache_that_fills_is_no_leak_that_survives_a_switch():
    rows = [
        dict(
            row,
            rss_bytes=int((200 + 500 * (1 - math.exp(-place / 12 / 14))) * MB),
            provider="a" if place < 240 else "b",
        )
        for place, row in enumerate(life(40, 0))
    ]
    found = trend(rows)
    assert found["verdict"] == "saturating" and "survives" not in found["provider_switch"]


def test_a_switch_too_late_to_tell():
    found = trend(
        life(36, 20, provider="openrouter") + life(2, 20, 36, base=920, provider="anthropic")
    )
    assert "Too little" in found["provider_switch"] and "anthropic" in found["provider_switch"]


def test_an_upgrade_starts_anew():
    old, new = (
        life(72, 30, name="old", version="0.16.0"),
        life(72, 0, 72, name="new", version="0.19.0"),
    )
    found = trend(old + new)
    assert (found["verdict"], found["version"], found["samples"]) == ("flat", "0.19.0", 864)
    assert any("earlier versions" in note for note in found["notes"])
    # A probe that failed in between is no upgrade.
    assert (
        trend(old[:100] + [dict(row, version=None) for row in old[100:200]] + old[200:])["samples"]
        == 864
    )


def test_an_upgrade_in_the_middle_of_a_week():
    """Restarts every day, from a Hermes that leaks to one that does not."""
    days = [
        life(
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
    # Each side by itself, and three days are no week.
    assert (found["result"], found["version_before"], found["version_after"]) == (
        "not_enough_yet",
        "0.18.2",
        "0.19.0",
    )
    assert found["before"]["slope_mb_per_hour"] == pytest.approx(30, rel=0.05)
    assert found["after"]["slope_mb_per_hour"] == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize(
    ("version", "word"),
    [
        ("0.9.3", "0.17.0"),
        ("0.16.0", "#25315"),
        ("0.16.4", "0.17.0"),
        ("0.17.0", None),
        ("0.18.2", "#58817"),
        ("0.19.0", "128 sessions"),
        ("0.20.0", "0.20.1"),
        ("0.20.1", None),
        ("1.0.0", None),
        ("v0.16.0", "#25315"),
        ("", None),
        (None, None),
        ("unknown", None),
    ],
)
def test_known_leaks(version, word):
    found = known_leaks.known(version)
    assert found is None if word is None else word in found["text"]


def test_without_known_leaks_the_rest_is_the_same():
    rows = life(72, 18, version="0.16.0")
    found, bare = trend(rows, 4096 * MB), analysis.trend(rows, 4096 * MB)
    assert bare["advice"] == found["advice"][1:]
    assert dict(bare, advice=None) == dict(found, advice=None)


def test_upgrade_comes_before_any_cadence():
    found = trend(life(72, 18, version="0.16.0"), 4096 * MB)
    assert found["advice"][0] == "0.16.0 leaks without bound (#25315); upgrade to 0.17.0 or later"
    assert "restart" in found["advice"][1]
    assert trend(life(1, 0, version="0.16.0"))["advice"][0].startswith("0.16.0 leaks")


def test_old_history():
    assert any("days old" in note for note in trend(life(72, 0), now=START + 30 * 86400)["notes"])


def test_text():
    lines = explain.text(trend(life(12, 40, version="0.16.0"), 4096 * MB, START))
    assert lines[0].startswith("suspected: ")
    assert "limit 4096 MB" in lines[1] and "2026" in lines[-1]


@settings(max_examples=10)
@given(st.integers(-(10**6), 10**6), st.integers(-50, 5000))
def test_a_shift_changes_no_verdict(later, up):
    rows = life(30, 60, step=15)
    moved = [
        dict(row, timestamp=row["timestamp"] + later * 60, rss_bytes=row["rss_bytes"] + up * MB)
        for row in rows
    ]
    one, two = trend(rows), trend(moved)
    for key in ("verdict", "segments", "samples", "observed_hours"):
        assert one[key] == two[key]
    # The ranks of values that differ in their last bit only may change places.
    assert one["p_value"] == pytest.approx(two["p_value"], rel=0.5)
    assert one["slope_mb_per_hour"] == pytest.approx(two["slope_mb_per_hour"], abs=2e-3)


@settings(max_examples=10)
@given(st.permutations(range(6)))
def test_order_of_lives_changes_no_verdict(order):
    rows = [life(12, 40, name="life%d" % number) for number in range(6)]
    found = [
        trend([row for number in numbers for row in rows[number]]) for numbers in (range(6), order)
    ]
    assert found[0]["verdict"] == found[1]["verdict"]
    for key in ("slope_mb_per_hour", "slope_ci", "observed_hours"):
        assert found[0][key] == pytest.approx(found[1][key], abs=2e-3)


def test_chart():
    series = samples.of_rows(lives(14, 12, 40))
    chart = analysis.chart(series, 300)
    assert 200 < len(chart["points"]) <= 300
    assert max(point[1] for point in chart["points"]) == max(series.rss)
    assert [point[3] for point in chart["points"]][::299] == [0] and chart["points"][-1][3] == 13
    assert len(chart["restarts"]) == 13
    assert analysis.chart(samples.of_rows([]), 300) == {
        "points": [],
        "judged_from": None,
        "restarts": [],
        "providers": [],
    }


def reported():
    """What was reported upstream, by source: lives with more than one point, or a point for each life, by its age."""
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
        # "300 MB to 1.6 GB in 20 h"; its four lives lie on one line.
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
def test_reported_rates(name, low, high, fast):
    """Two points are too few for a verdict; the rate between them is what was reported."""
    found = trend(REPORTED[name])
    assert (found["verdict"], found["faster_than_known"]) == ("insufficient", fast)
    assert low < found["slope_mb_per_hour"] < high


def test_reported_plateau_is_no_leak():
    found = trend(REPORTED["siphon-ai#519 soak"])
    assert found["verdict"] == "saturating"


def test_no_reported_series_is_called_a_leak_by_its_points():
    assert {trend(rows)["verdict"] for rows in REPORTED.values()} <= {"insufficient", "saturating"}


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("hermes-agent#80764 0805", 1725),
        ("hermes-agent#83092 run", 50),
        ("hermes-agent#78993 active", 436.5),
    ],
)
def test_reported_lives_as_the_guard_would_have_seen_them(name, rate):
    """Drawn as lines and sampled every 5 minutes: the rate as reported, and no more than suspected, for they ended within a day."""
    first, last = REPORTED[name][0], REPORTED[name][-1]
    hours = (last["timestamp"] - first["timestamp"]) / 3600
    found = trend(life(hours, rate, base=first["rss_bytes"] / MB))
    assert found["verdict"] == "suspected"
    assert found["slope_mb_per_hour"] == pytest.approx(rate, rel=0.02)
