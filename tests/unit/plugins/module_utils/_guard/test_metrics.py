# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of metrics as text: names, types, labels and values are what rules and dashboards use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import metrics
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import verdict_rules

GOLDEN = Path(__file__).resolve().parents[5] / "tests/data/metrics/hermes-guard.prom"
MB = 1 << 20
NOW = 1795440000


def running():
    """A gateway with all values known."""
    return {
        "gateway": "hermes-gateway",
        "info": metrics.labels(unit="hermes-gateway.service", scope="system", version="0.19.0"),
        "up": True,
        "unit_state": metrics.one_of("state", metrics.STATES, "active"),
        "start_time_seconds": NOW - 86400,
        "sample_timestamp_seconds": NOW,
        "memory_footprint_bytes": 700 * MB,
        "memory_resident_bytes": 600 * MB,
        "memory_anonymous_bytes": 500 * MB,
        "memory_swap_bytes": 0,
        "memory_cgroup_bytes": 800 * MB,
        "memory_limit_bytes": 2048 * MB,
        "memory_threshold_bytes": 1024 * MB,
        "memory_verdict": metrics.one_of("verdict", metrics.VERDICTS, "leak"),
        "memory_verdict_timestamp_seconds": NOW - 1200,
        "memory_growth_bytes_per_second": 5242.88,
        "memory_growth_lower_bytes_per_second": 5000.5,
        "memory_growth_upper_bytes_per_second": 5500,
        "memory_limit_reached_timestamp_seconds": NOW + 269619,
        "memory_limit_reached_earliest_timestamp_seconds": NOW + 257000,
        "memory_limit_reached_latest_timestamp_seconds": NOW + 282000,
        "next_restart_timestamp_seconds": NOW + 7200,
        "restarts_suspended_until_timestamp_seconds": NOW + 100000,
        "restarts_total": metrics.restarts({"watchdog drain": 3, "timer idle": 1}),
        "restart_failures_total": metrics.counts("code", metrics.FAILURES, {"not-up": 1}),
        "restart_refusals_total": metrics.counts("code", metrics.REFUSALS, {"cooldown": 2}),
        "alerts_total": metrics.counts("code", metrics.ALERTS, {"threshold": 2}),
        "oom_kills_total": 1,
        "watchdog_restart_enabled": True,
        "watchdog_restarts_last_day": 3,
        "watchdog_restarts_last_day_max": 6,
        "frozen": False,
        "heartbeat_timestamp_seconds": NOW - 12.5,
        "active_agents": 2,
    }


def stopped():
    """A gateway that does not run, was never sampled or judged, and has no watchdog."""
    return {
        "gateway": "hermes-gateway-b@ada",
        "info": metrics.labels(unit="hermes-gateway-b.service", scope="user", version=""),
        "up": False,
        "unit_state": metrics.one_of("state", metrics.STATES, "failed"),
        "memory_limit_bytes": 2048 * MB,
        "restarts_total": metrics.restarts({}),
        "restart_failures_total": metrics.counts("code", metrics.FAILURES, {}),
        "restart_refusals_total": metrics.counts("code", metrics.REFUSALS, {}),
        "alerts_total": metrics.counts("code", metrics.ALERTS, {}),
        "oom_kills_total": 0,
    }


GUARD = {
    "info": metrics.labels(version="1.0.0"),
    "check_timestamp_seconds": NOW,
    "check_interval_seconds": 300,
    "check_duration_seconds": 0.031,
    "check_failed_gateways": 0,
    "gateways": 2,
}


def test_whole_page():
    """Every line is an interface: change tests/data/metrics only on purpose."""
    assert metrics.page(GUARD, [running(), stopped()]) == GOLDEN.read_text()


def series(text):
    return [line.split(" ")[0] for line in text.splitlines() if not line.startswith("#")]


def test_series_of_one_metric_stand_together_and_no_series_is_there_twice():
    text = metrics.page(GUARD, [running(), stopped()])
    names = [one.partition("{")[0] for one in series(text)]
    assert [one for one in names if names.count(one) > 0] == sorted(names, key=names.index)
    assert len(set(series(text))) == len(series(text))
    assert text.endswith("\n")


def test_each_metric_has_help_and_type_and_follows_the_naming_rules():
    text = metrics.page(GUARD, [running(), stopped()])
    for name, kind, help_text in [
        *(("hermes_gateway_" + one[0], *one[1:]) for one in metrics.GATEWAY),
        *(("hermes_guard_" + one[0], *one[1:]) for one in metrics.GUARD),
    ]:
        assert "# HELP %s %s\n# TYPE %s %s\n" % (name, help_text, name, kind) in text
        assert (kind == "counter") == name.endswith("_total")
        assert re.match(r"[a-z_]+\Z", name) and help_text.endswith(".") and "\n" not in help_text


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("restarts_total", 15),
        ("restart_failures_total", 3),
        ("restart_refusals_total", 12),
        ("alerts_total", 13),
        ("memory_verdict", 8),
        ("unit_state", 7),
    ],
)
def test_every_label_value_is_there_from_the_first_page(name, count):
    """A counter that starts at 1 raises no alert: its increase() is 0."""
    text = metrics.page(GUARD, [running() if name == "memory_verdict" else stopped()])
    found = [one for one in series(text) if one.startswith("hermes_gateway_%s{" % name)]
    assert len(found) == count


def test_one_state_is_1_and_an_unknown_one_is_none_of_them():
    assert metrics.one_of("state", metrics.STATES, "failed")['state="failed"'] == 1
    assert sum(metrics.one_of("state", metrics.STATES, "failed").values()) == 1
    assert sum(metrics.one_of("state", metrics.STATES, None).values()) == 0


def test_verdicts_are_those_that_the_judgement_knows():
    source = (
        Path(verdict_rules.__file__).read_text()
        + Path(verdict_rules.__file__.replace("verdict_rules", "judgement")).read_text()
    )
    assert {one for one in metrics.VERDICTS if '"%s"' % one in source} == set(metrics.VERDICTS)


def test_label_values_are_escaped():
    text = metrics.page({}, [{"gateway": 'a"b\\c\nd', "up": 1}])
    assert 'hermes_gateway_up{gateway="a\\"b\\\\c\\nd"} 1\n' in text


def test_what_is_unknown_is_not_on_the_page():
    text = metrics.page({}, [{"gateway": "x", "up": 0, "frozen": None}])
    assert series(text) == ['hermes_gateway_up{gateway="x"}'] and "frozen" not in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(True, "1"), (0, "0"), (1795440000.0, "1795440000"), (0.25, "0.25"), (5.24e-07, "5.24e-07")],
)
def test_numbers(value, shown):
    assert metrics.page({}, [{"gateway": "x", "up": value}]).endswith("} %s\n" % shown)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", None, True, [1], {"a": 1}])
def test_what_is_no_number_is_unknown(value):
    assert metrics.finite(value) is None
