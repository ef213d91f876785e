# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison before and after a change, on simulated histories."""

from __future__ import annotations

import json
import random

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import cli
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import comparison, samples

START = 1786000000
MB = 1 << 20


def history(*parts, seed=7, step=300):
    """Rows of a history; ``parts`` are (version, hours, MB/h, hours of a run)."""
    rng = random.Random(seed)
    rows, at, count = [], START, 0
    for version, hours, slope, length in parts:
        end, born = at + hours * 3600, at
        count += 1
        while at < end:
            if at - born >= length * 3600:
                born, count = at, count + 1
            rss = (
                250
                + slope * (at - born) / 3600
                + abs(rng.gauss(0, 6))
                + (rng.uniform(20, 120) if rng.random() < 0.05 else 0)
            )
            rows.append(
                {
                    "timestamp": at,
                    "invocation_id": "run%d" % count,
                    "uptime_seconds": at - born,
                    "rss_bytes": int(rss * MB),
                    "anon_bytes": int(rss * MB),
                    "swap_bytes": 0,
                    "provider": "p",
                    "model": "m",
                    "version": version,
                }
            )
            at += step
    return rows


def result(rows, since=None):
    return comparison.compare(samples.of_rows(rows), since)


@pytest.mark.parametrize("length", [12, 1000], ids="runs of {} h".format)
def test_fixed(length):
    answer = result(history(("0.16.0", 96, 60, length), ("0.17.0", 180, 0, length)))
    assert (answer["result"], answer["version_before"], answer["version_after"]) == (
        "fixed",
        "0.16.0",
        "0.17.0",
    )
    assert answer["since"] == START + 96 * 3600
    assert answer["before"]["slope_mb_per_hour"] == pytest.approx(60, rel=0.1)
    assert answer["why"].startswith("Fixed from 0.16.0 to 0.17.0: memory grew by ")


@pytest.mark.parametrize("length", [12, 1000], ids="runs of {} h".format)
def test_improved_as_the_article_has_it(length):
    answer = result(history(("0.18.0", 120, 60, length), ("0.19.0", 200, 25, length)))
    assert answer["result"] == "improved"
    assert answer["after"]["slope_mb_per_hour"] == pytest.approx(25, rel=0.1)


def test_still_leaking():
    answer = result(history(("0.18.0", 120, 20, 24), ("0.19.0", 200, 20, 24)))
    assert answer["result"] == "still_leaking"


def test_worse():
    assert (
        result(history(("0.19.0", 120, 0, 1000), ("0.20.0", 200, 30, 1000)))["result"] == "new_leak"
    )


def test_no_leak_before_or_after():
    assert (
        result(history(("0.18.0", 120, 0, 1000), ("0.19.0", 200, 0, 1000)))["result"] == "no_leak"
    )


@pytest.mark.parametrize("slope", [0, 60])
def test_not_enough_yet(slope):
    answer = result(history(("0.16.0", 96, 60, 12), ("0.17.0", 60, slope, 12)))
    assert answer["result"] == "not_enough_yet"
    assert answer["hours_still"] == pytest.approx(108, abs=1)
    assert "check again in 4.5 days" in answer["why"]


def test_time_without_samples_is_not_enough():
    rows = history(("0.16.0", 96, 60, 12), ("0.17.0", 200, 0, 1000))
    gap = [
        row for row in rows if row["version"] == "0.16.0" or row["timestamp"] > START + 280 * 3600
    ]
    answer = result(gap)
    assert answer["result"] == "not_enough_yet"
    assert 0 < answer["hours_still"] < 168


def test_nothing_to_compare_with():
    assert result(history(("0.16.0", 2, 60, 12), ("0.17.0", 200, 0, 12)))["result"] == "no_baseline"
    assert (
        result(history(("0.16.0", 2, 60, 12), ("0.17.0", 200, 40, 1000)))["result"]
        == "still_leaking"
    )


HEALTHY = ("0.18.0", 168, 0, 1000)
OFTEN = 480, 1125, 2 / 3
SELDOM = 480, 600, 1.25


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((HEALTHY, ("0.19.0", *OFTEN)), "new_leak"),
        ((HEALTHY, ("0.19.0", *SELDOM)), "new_leak"),
        ((("0.18.0", *OFTEN), ("0.19.0", 240, 0, 1000)), "fixed"),
        ((("0.18.0", *SELDOM), ("0.19.0", 240, 0, 1000)), "fixed"),
        ((("0.18.0", *OFTEN), ("0.19.0", *OFTEN)), "still_leaking"),
        ((("0.18.0", *SELDOM), ("0.19.0", *SELDOM)), "still_leaking"),
        ((HEALTHY, ("0.19.0", 100, *OFTEN[1:])), "not_enough_yet"),
    ],
)
def test_runs_that_end_at_the_limit_within_an_hour_or_two(parts, expected):
    """Runs every 40 or 75 minutes: after an hour of warm-up, hardly a sample would be left."""
    answer = comparison.compare(samples.of_rows(history(*parts)), None, 1024 * MB)
    assert answer["result"] == expected, answer


def test_no_change_of_the_version():
    answer = result(history(("0.19.0", 200, 0, 1000)))
    assert (answer["result"], answer["since"]) == ("no_change", None)
    assert "The version does not change" in answer["why"]


def test_no_history():
    assert result([])["result"] == "no_change"


def test_session_compression_at_a_time():
    rows = history(("0.19.0", 120, 40, 24), ("0.19.0", 200, 10, 24))
    answer = result(rows, since=START + 120 * 3600)
    assert (answer["result"], answer["version_before"], answer["version_after"]) == (
        "improved",
        "0.19.0",
        "0.19.0",
    )
    assert answer["why"].startswith("Improved, from ")


def test_a_time_in_the_middle_of_a_run():
    answer = result(history(("0.19.0", 400, 15, 1000)), since=START + 200 * 3600)
    assert answer["result"] == "still_leaking"
    assert answer["after"]["slope_mb_per_hour"] == pytest.approx(15, rel=0.1)


def test_a_time_after_the_last_sample():
    assert result(history(("0.19.0", 50, 0, 1000)), since=START * 2)["result"] == "no_change"


def test_the_last_of_two_upgrades_counts():
    answer = result(
        history(("0.15.0", 48, 80, 12), ("0.16.0", 48, 80, 12), ("0.17.0", 200, 0, 1000))
    )
    assert (answer["result"], answer["version_before"]) == ("fixed", "0.16.0")


def test_an_unknown_version_is_not_a_change():
    rows = history(("0.16.0", 96, 60, 12), (None, 1, 0, 12), ("0.17.0", 200, 0, 1000))
    assert (result(rows)["result"], result(rows)["since"]) == ("fixed", START + 97 * 3600)


def test_a_filling_cache_after_the_upgrade_is_not_a_leak():
    rows = history(("0.16.0", 96, 60, 12), ("0.17.0", 240, 0, 1000))
    for row in rows[96 * 12 :]:
        row["anon_bytes"] = row["rss_bytes"] = row["rss_bytes"] + int(
            150 * MB * (1 - 2 ** (-row["uptime_seconds"] / 36000.0))
        )
    assert result(rows)["result"] == "fixed"


def test_fixed_ten_days_ago():
    answer = result(history(("0.16.0", 120, 60, 1000), ("0.17.0", 240, 0, 1000)))
    assert (answer["result"], round(answer["before"]["slope_mb_per_hour"])) == ("fixed", 60)


@pytest.mark.parametrize(
    "text, epoch",
    [
        ("version", None),
        ("1786000000", 1786000000.0),
        ("2026-08-05", 1785888000.0),
        ("2026-08-05 14:00", 1785938400.0),
        ("2026-08-05T14:00:30Z", 1785938430.0),
    ],
)
def test_times(text, epoch):
    assert comparison.moment(text) == epoch


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "-5", "nan"])
def test_an_invalid_time_is_refused(text):
    with pytest.raises(ValueError, match="^invalid time .*: expected "):
        comparison.moment(text)


def test_on_the_command_line(tmp_path, capsys):
    rows = history(("0.16.0", 96, 60, 12), ("0.17.0", 180, 0, 12))
    path = tmp_path / "memory.csv"
    path.write_text(
        "\n".join(
            [",".join(rows[0])] + [",".join(str(value) for value in row.values()) for row in rows]
        )
        + "\n"
    )
    assert cli.main(["trend", "--samples", str(path), "--since", "version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"] == "fixed"
    assert cli.main(["trend", "--samples", str(path), "--since", "2026-08-06"]) == 0
    assert ": " in capsys.readouterr().out
    assert cli.main(["trend", "--samples", str(path), "--since", "soon"]) == 1
    assert "--since: invalid time 'soon'" in capsys.readouterr().err


def test_an_earlier_upgrade_is_not_credited_to_the_last():
    """0.17.0 fixed it; 0.17.1 changed nothing and is compared with 0.17.0."""
    answer = result(
        history(("0.16.0", 192, 40, 1000), ("0.17.0", 72, 0, 1000), ("0.17.1", 216, 0, 1000))
    )
    assert (answer["result"], answer["version_before"], answer["version_after"]) == (
        "no_leak",
        "0.17.0",
        "0.17.1",
    )


def test_one_sample_with_a_wrong_clock_is_not_the_time_of_the_change():
    rows = history(("0.16.0", 96, 60, 1000), ("0.17.0", 200, 0, 1000))
    first = next(index for index, row in enumerate(rows) if row["version"] == "0.17.0")
    for wrong in (60, rows[first]["timestamp"] + 20 * 86400):
        answer = result(
            [
                dict(row, timestamp=wrong) if index == first else row
                for index, row in enumerate(rows)
            ]
        )
        assert answer["result"] == "fixed", (wrong, answer)
