# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Suspended calendar restarts: the duration, what is refused and what is not, and the end."""

from __future__ import annotations

import json
import os
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    arbiter,
    cli_status,
    doctor,
    handover,
    ledger,
    managed,
    memory_trend,
    policy,
    restart,
    restart_calendar,
    suspension,
    watchdog,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    status as status_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard.suspension import Wanted
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError

HOUR = 3600


@pytest.fixture
def boot(monkeypatch):
    """A boot whose id and clock the test sets."""
    state = {"id": "one", "seconds": 1000.0}
    monkeypatch.setattr(suspension, "_boot_id", lambda: state["id"])
    monkeypatch.setattr(suspension, "_boot_seconds", lambda: state["seconds"])
    return state


@pytest.fixture
def armed(systemd, settings, tmp_path):
    """Settings of a running gateway under a watchdog."""
    systemd.add_gateway(tmp_path / "home")
    systemd.units["hermes-mem-watchdog.timer"] = {
        "Id": "hermes-mem-watchdog.timer",
        "LoadState": "loaded",
        "ActiveState": "active",
    }
    return settings(threshold="1T")


def test_a_scheduled_restart_is_refused_and_an_operators_is_not(armed, systemd):
    assert suspension.suspend([armed], Wanted(48))[0]
    pid = systemd.pid()
    outcome = arbiter.restart(armed, "scheduled restart", trigger="timer")
    assert (outcome["event"], outcome["code"], systemd.pid()) == ("refused", "suspended", pid)
    assert "calendar restarts are suspended for another 48 h" in outcome["reason"]
    assert ledger.read(armed.folder, 1)[0]["code"] == "suspended"
    assert arbiter.restart(armed, "new version", trigger="operator")["event"] == "restart"


def test_the_watchdogs_request_is_carried_out(armed, systemd):
    suspension.suspend([armed], Wanted(48))
    handover.request(managed.find(armed), "too much memory")
    assert arbiter.restart(armed, "scheduled restart", trigger="timer")["trigger"] == "watchdog"


def test_above_the_threshold_nothing_is_suspended(armed):
    suspension.suspend([armed], Wanted(48))
    armed.threshold = 1
    armed.min_uptime = 0
    assert policy.refusal(managed.find(armed), "timer") is None


def test_threshold_that_only_alerts_is_no_exception(armed):
    """The watchdog would not restart it, so this is a calendar restart."""
    suspension.suspend([armed], Wanted(48))
    armed.threshold, armed.min_uptime, armed.action = 1, 0, "alert"
    assert policy.refusal(managed.find(armed), "timer")[0] == "suspended"


@pytest.mark.parametrize("trigger, watchdog", [("timer", False), ("watchdog", True)])
def test_restart_that_already_waits(armed, systemd, monkeypatch, trigger, watchdog):
    """An operator suspends the restarts while one waits until idle."""
    armed.wait_idle, armed.min_uptime, armed.startup_grace = 600, 0, 0

    def wait_idle(_self):
        suspension.suspend([armed], Wanted(48, None, watchdog))

    monkeypatch.setattr(restart.Restart, "wait_idle", wait_idle)
    outcome = arbiter.restart(armed, "x", trigger=trigger)
    assert (outcome["event"], systemd.calls) == ("refused", [])
    assert "suspended for another 48 h" in outcome["reason"]


def test_it_ends_by_itself(armed, boot):
    suspension.suspend([armed], Wanted(24))
    boot["seconds"] += 24 * HOUR - 10
    assert suspension.until(armed.folder) == pytest.approx(time.time() + 10, abs=3)
    boot["seconds"] += 20
    assert suspension.until(armed.folder) is None
    armed.min_uptime = 0
    assert policy.refusal(managed.find(armed), "timer") is None


@pytest.mark.parametrize("set_by", [-30 * 86400, -3600, 3600, 30 * 86400], ids=str)
def test_a_clock_that_is_set_does_not_count(armed, boot, set_by):
    suspension.suspend([armed], Wanted(24))
    boot["seconds"] += 10 * HOUR
    now = time.time() + 10 * HOUR + set_by
    assert suspension.until(armed.folder, now) == pytest.approx(now + 14 * HOUR, abs=3)


def test_a_reboot_goes_by_the_time_of_day(armed, boot):
    suspension.suspend([armed], Wanted(24))
    now = time.time()
    boot.update(id="two", seconds=5.0)
    assert suspension.until(armed.folder, now + 10 * HOUR) == pytest.approx(now + 24 * HOUR, abs=3)
    assert suspension.until(armed.folder, now + 24 * HOUR + 5) is None
    assert suspension.until(armed.folder, now - HOUR) is None


def test_a_second_time_does_not_prolong_it(armed, boot):
    first = suspension.suspend([armed], Wanted(24))
    boot["seconds"] += HOUR
    changed, ends = suspension.suspend([armed], Wanted(72))
    assert not changed
    end = first[1]["hermes-gateway"].until - HOUR
    assert ends["hermes-gateway"].until == pytest.approx(end, abs=3)
    changed, ends = suspension.suspend([armed], Wanted(72), again=True)
    assert changed
    end = ends["hermes-gateway"].until
    assert suspension.until(armed.folder) == pytest.approx(end, abs=3)
    assert ends["hermes-gateway"].until == pytest.approx(time.time() + 72 * HOUR, abs=3)


def test_a_dry_run_writes_nothing(armed):
    assert suspension.suspend([armed], Wanted(48), dry_run=True)[0]
    assert suspension.until(armed.folder) is None


def test_resumed(armed):
    suspension.suspend([armed], Wanted(48))
    assert suspension.resume([armed]) == ["hermes-gateway"]
    assert suspension.until(armed.folder) is None
    assert suspension.resume([armed]) == []


@pytest.mark.parametrize("hours", [-1, 0, 169, 1000])
def test_hours_that_are_not_allowed(armed, hours):
    with pytest.raises(GuardError, match="expected 1 to 168"):
        suspension.suspend([armed], Wanted(hours))


def test_refused_without_a_watchdog(systemd, settings, tmp_path):
    systemd.add_gateway(tmp_path / "home")
    systemd.units["hermes-mem-watchdog.timer"] = {
        "Id": "hermes-mem-watchdog.timer",
        "ActiveState": "active",
    }
    with pytest.raises(GuardError, match="the watchdog is not active for hermes-gateway"):
        suspension.suspend([settings(threshold="")], Wanted(48))


@pytest.mark.parametrize("hours", [1, 2, 168])
def test_any_number_of_hours_up_to_a_week(armed, hours):
    suspension.suspend([armed], Wanted(hours))
    end = time.time() + hours * HOUR
    assert suspension.until(armed.folder) == pytest.approx(end, abs=3)


def test_a_host_that_only_alerts(armed):
    """An alert about a gateway that runs out of memory must still be possible."""
    armed.action = "alert"
    assert suspension.suspend([armed], Wanted(48))[0]
    assert suspension.until(armed.folder) is not None


def test_from_a_time_on(armed, boot):
    begin = time.time() + 60 * HOUR
    _changed, ends = suspension.suspend([armed], Wanted(48, begin))
    assert suspension.until(armed.folder) is None
    sentence = ends["hermes-gateway"].sentence()
    assert sentence.startswith("calendar restarts will be suspended from 20")
    assert suspension.read(armed.folder) == pytest.approx((begin, begin + 48 * HOUR, 0), abs=3)
    boot["seconds"] += 59 * HOUR
    assert suspension.until(armed.folder) is None
    boot["seconds"] += 2 * HOUR
    assert suspension.until(armed.folder) == pytest.approx(time.time() + 47 * HOUR, abs=3)
    boot["seconds"] += 48 * HOUR
    assert suspension.read(armed.folder) is None


def test_a_reboot_before_it_begins(armed, boot):
    now = time.time()
    suspension.suspend([armed], Wanted(48, now + 60 * HOUR))
    boot.update(id="two", seconds=5.0)
    assert suspension.until(armed.folder, now + 59 * HOUR) is None
    end = suspension.until(armed.folder, now + 61 * HOUR)
    assert end == pytest.approx(now + 108 * HOUR, abs=3)


@pytest.mark.parametrize(("ahead", "word"), [(-60, "in the past"), (31 * 24 * HOUR, "too far")])
def test_times_that_are_not_allowed(armed, ahead, word):
    with pytest.raises(GuardError, match="--from: .* " + word):
        suspension.suspend([armed], Wanted(48, time.time() + ahead))
    assert suspension.read(armed.folder) is None


def test_the_watchdog_too(armed, systemd):
    """It then only alerts, also above the threshold, and names the end of the suspension."""
    suspension.suspend([armed], Wanted(2, None, True))
    armed.threshold, armed.breaches, armed.startup_grace = 1, (1, 1), 0
    pid = systemd.pid()
    lines, good = watchdog.check([armed])
    assert good and "ALERT: " in lines[0]
    assert "all automatic restarts are suspended for another 2 h" in lines[0]
    assert handover.take_request(armed, managed.find(armed)) is None
    outcome = arbiter.restart(armed, "scheduled restart", trigger="timer")
    assert (outcome["code"], systemd.pid()) == ("suspended", pid)
    assert suspension.resume([armed], watchdog=True) == ["hermes-gateway"]
    assert suspension.until(armed.folder) is not None
    assert suspension.of_watchdog(armed.folder) is None
    assert suspension.resume([armed], watchdog=True) == []


def test_refused_where_the_watchdogs_timer_does_not_run(armed, systemd):
    del systemd.units["hermes-mem-watchdog.timer"]
    with pytest.raises(GuardError, match="the watchdog is not active"):
        suspension.suspend([armed], Wanted(48))
    assert suspension.until(armed.folder) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"since": "x", "until": 1, "boot_seconds": 0}',
        '{"since": 0, "until": 1e99, "boot_seconds": 0}',
        '{"since": NaN, "until": NaN, "boot_seconds": NaN}',
        '{"since": 0, "until": 4e9, "boot_seconds": 0}',
    ],
)
def test_what_cannot_be_read_suspends_nothing(armed, text):
    with open(os.path.join(armed.folder, suspension.NAME), "w", encoding="utf-8") as handle:
        handle.write(text)
    assert suspension.until(armed.folder) is None


@pytest.fixture
def timer(monkeypatch, tmp_path):
    """The unit file of the restart timer, which does not exist yet."""
    monkeypatch.setattr(restart_calendar, "FOLDER", str(tmp_path))
    return tmp_path / "hermes-gateway-restart.timer"


def test_seen_in_status_and_doctor(armed, timer):
    timer.write_text("[Timer]\nOnCalendar=*-*-* 04:00:00\n")
    assert status_module.status([armed])["gateways"][0]["suspended_until"] is None
    assert doctor.notes([armed]) == []
    suspension.suspend([armed], Wanted(48))
    status = json.loads(json.dumps(status_module.status([armed])))
    assert status["gateways"][0]["suspended_until"] == pytest.approx(time.time() + 48 * HOUR, abs=3)
    assert "hermes-gateway: calendar restarts are suspended" in doctor.notes([armed])[0]
    armed.threshold = None
    assert [line for line in doctor.problems([armed]) if "but no watchdog is installed" in line]


def test_not_seen_if_nothing_exists_that_it_suspends(armed, timer):
    """The restart timer was removed after restarts were suspended."""
    suspension.suspend([armed], Wanted(48))
    one = status_module.status([armed])["gateways"][0]
    assert (one["suspended_from"], one["suspended_until"]) == (None, None)
    assert "suspended" not in " ".join(cli_status.lines({"gateways": [one], "not_managed": []}))
    assert doctor.notes([armed]) == []
    assert memory_trend.of_gateways([armed])[armed.name]["suspended_until"] is None

    timer.write_text("[Timer]\nOnCalendar=*-*-* 04:00:00\n")
    assert status_module.status([armed])["gateways"][0]["suspended_until"] is not None
    assert memory_trend.of_gateways([armed])[armed.name]["suspended_until"] is not None


def test_seen_without_a_timer_if_it_suspends_the_watchdog(armed, timer):
    suspension.suspend([armed], Wanted(48, None, True))
    one = status_module.status([armed])["gateways"][0]
    assert one["watchdog_suspended"] and one["suspended_until"] is not None
    # Without a threshold there is no watchdog either.
    armed.threshold = None
    assert status_module.status([armed])["gateways"][0]["suspended_until"] is None
