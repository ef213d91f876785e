# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on each gateway: without a history, and after a change."""

from __future__ import annotations

import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    config,
    history,
    memory_trend,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import unit_journal
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import cgroup
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import (
    GuardError,
    SettingError,
)

MB, GB = 1 << 20, 1 << 30


def test_earlier_runs_count_on_the_first_day(systemd, settings, tmp_path, monkeypatch):
    systemd.add_gateway(tmp_path / "home")
    now = time.time()
    found = [
        unit_journal.Run(at, "hermes-gateway", None, invocation, 72000, 2 * GB, None, None)
        for at, invocation in ((now - 100000, "a"), (now - 20000, "b"))
    ]
    monkeypatch.setattr(
        unit_journal,
        "earlier_runs",
        lambda gateway, hours: found if gateway.name == "hermes-gateway" and hours > 24 else [],
    )
    answer = memory_trend.of_gateways([settings()])["hermes-gateway"]
    assert (answer["verdict"], answer["segments"]) == ("insufficient", 3)
    assert 80 < answer["slope_mb_per_hour"] < 110
    assert answer["what_would_settle_it"]
    assert any("2 earlier stops" in note for note in answer["notes"])


def test_first_day_without_a_journal(systemd, settings, tmp_path, monkeypatch):
    systemd.add_gateway(tmp_path / "home")
    monkeypatch.setattr(unit_journal, "earlier_runs", lambda gateway, hours: [])
    answer = memory_trend.of_gateways([settings()])["hermes-gateway"]
    assert (answer["verdict"], answer["segments"]) == ("insufficient", 1)
    assert answer["rss_mb"] > 0


@pytest.fixture
def configured(systemd, settings, tmp_path, monkeypatch):
    """One gateway that is configured, with a history of two versions: the folder of its history."""
    monkeypatch.setattr(config.load, "__defaults__", (str(tmp_path / "etc"),))
    systemd.add_gateway(tmp_path / "home")
    one = settings()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/guard.conf").write_text(
        "[hermes-gateway]\nunit = hermes-gateway.service\nuser = %s\nhome = %s\n"
        % (one.user, one.home)
    )
    start = int(time.time()) - 8 * 3600
    for place in range(8):
        history.append(
            one.folder,
            {
                "timestamp": start + 3600 * place,
                "invocation_id": "a" if place < 4 else "b",
                "uptime_seconds": 3600 * (place % 4),
                "rss_bytes": GB,
                "version": "0.16.0" if place < 4 else "0.19.0",
            },
        )
    return start


def test_changes_are_compared_only_if_asked_for(configured):
    assert list(memory_trend.collect([])) == ["trends"]
    answer = memory_trend.collect([], since="version")
    assert list(answer["trends"]) == list(answer["changes"]) == ["hermes-gateway"]
    change = answer["changes"]["hermes-gateway"]
    assert (change["version_before"], change["version_after"]) == ("0.16.0", "0.19.0")
    assert (change["result"], change["since"]) == ("not_enough_yet", configured + 4 * 3600)


def test_runs_that_the_watchdog_ends_below_the_memory_limit_are_a_leak(
    systemd, settings, tmp_path, monkeypatch
):
    """With a memory limit of 80 % of the RAM, they end at 62 % of it."""
    systemd.add_gateway(tmp_path / "home")
    one = settings(threshold="1024M")
    start = int(time.time()) - 7 * 86400
    for place in range(7 * 288):
        age = place % 49 * 300
        history.append(
            one.folder,
            {
                "timestamp": start + 300 * place,
                "invocation_id": "run%d" % (place // 49),
                "uptime_seconds": age,
                "rss_bytes": 220 * MB + age * 200 * MB // 3600 + place % 3 * MB,
            },
        )
    monkeypatch.setattr(
        memory_trend.limits, "cgroup_limit", lambda gateway: cgroup.Limit(1638 * MB, "MemoryMax")
    )
    answer = memory_trend.of_gateways([one])["hermes-gateway"]
    assert (answer["limit_mb"], answer["limit_from"]) == (1024, "the watchdog's threshold")
    assert (answer["verdict"], answer["recommended_restart_hours"]) == ("leak", 3)


def test_a_change_is_compared_with_the_limit_of_the_forecast(configured, monkeypatch):
    monkeypatch.setattr(
        memory_trend.limits,
        "forecast_limit",
        lambda settings, gateway, used: (7 * MB if gateway and used == GB else 0, "a test"),
    )
    seen = []
    monkeypatch.setattr(
        memory_trend.comparison,
        "compare",
        lambda series, since, limit_bytes=None: seen.append(limit_bytes) or {},
    )
    memory_trend.of_change([config.load()["hermes-gateway"]])
    assert seen == [7 * MB]


@pytest.mark.parametrize("form", ["%d", "%Y-%m-%d %H:%M:%S"])
def test_change_at_a_time(configured, form):
    at = configured + 6 * 3600 - 60
    since = form % at if form == "%d" else time.strftime(form, time.gmtime(at))
    change = memory_trend.collect(["hermes-gateway"], since=since)["changes"]["hermes-gateway"]
    assert change["since"] == configured + 6 * 3600


@pytest.mark.parametrize("since", ["soon", "", "-5", "2026-13-01"])
def test_time_that_is_none(configured, since):
    with pytest.raises(SettingError) as raised:
        memory_trend.collect([], since=since)
    said = str(raised.value)
    assert said.startswith("since: invalid time %r: expected " % since)
    assert '"version"' in said and "epoch seconds" in said


@pytest.mark.parametrize("points", [-1, 301])
def test_too_many_points(configured, points):
    with pytest.raises(SettingError) as raised:
        memory_trend.collect([], points)
    assert str(raised.value) == "points: invalid number %d: expected 0 to 300" % points


def test_configuration_that_cannot_be_listed(configured, tmp_path, monkeypatch):
    def listdir(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(config.os, "listdir", listdir)
    with pytest.raises(GuardError) as raised:
        memory_trend.collect([])
    assert str(raised.value) == "%s: Permission denied" % (tmp_path / "etc/guard.conf.d")


def test_fault_of_one_gateway_costs_no_other_its_verdict(configured, monkeypatch):
    """All sources belong to a user: the process, the state file, the journal."""
    one = config.load()["hermes-gateway"]
    other = type(one).__new__(type(one))
    vars(other).update(vars(one), name="other")
    read = memory_trend._read

    def broken(settings):
        if settings.name == "other":
            raise ValueError("no sense in it")
        return read(settings)

    monkeypatch.setattr(memory_trend, "_read", broken)
    answer = memory_trend.of_gateways([other, one], points=10)
    assert answer["hermes-gateway"]["samples"] == 4
    assert answer["other"]["verdict"] == "insufficient" and "chart" in answer["other"]
    assert "its memory cannot be analysed: no sense in it" in answer["other"]["notes"]
    assert set(answer["other"]) == set(answer["hermes-gateway"])
    changes = memory_trend.of_change([other, one])
    assert changes["hermes-gateway"]["result"] == "not_enough_yet"
    assert changes["other"]["why"] == "its memory cannot be analysed: no sense in it"
