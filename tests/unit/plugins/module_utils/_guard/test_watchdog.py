# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watchdog's check, on real processes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    handover,
    history,
    identity,
    ledger,
    limits,
    managed,
    policy,
    sampling,
    watchdog,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import client
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import proc
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import RunError

UNIT = "hermes-gateway.service"
ASKED = "start hermes-gateway-restart.service"


@pytest.fixture
def clock(monkeypatch):
    """The wall clock, set by the test."""
    now = [time.time()]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


def check(clock, *every, count=1):
    """Checks, five minutes apart: (the last one's lines, whether all were good)."""
    for _number in range(count):
        clock[0] += 300
        answer = watchdog.check(list(every))
    return answer


def request(one):
    with open(os.path.join(one.folder, "request.json")) as handle:
        return json.load(handle)


def test_three_of_five_and_not_before(systemd, settings, home, clock):
    systemd.add_gateway(home)
    one = settings(threshold="1M")
    assert check(clock, one, count=2) == ([], True)
    assert systemd.calls == []
    lines, good = check(clock, one)
    assert good
    assert "above the threshold of 1 MB in 3 of 3 samples" in lines[0]
    assert systemd.calls == [ASKED]
    assert request(one)["invocation_id"] == systemd.units[UNIT]["InvocationID"]
    assert not request(one)["emergency"]


def test_only_samples_of_one_life_count(systemd, settings, home, clock):
    systemd.add_gateway(home)
    one = settings(threshold="1M")
    check(clock, one, count=2)
    systemd._restart([UNIT])
    assert check(clock, one, count=2) == ([], True)
    assert systemd.calls == []
    check(clock, one)
    assert systemd.calls == [ASKED]


def test_check_that_only_looks(systemd, settings, home, clock, monkeypatch):
    """The check that an installation runs restarts nothing; the next one of the timer decides."""
    systemd.add_gateway(home)
    one = settings(threshold="1M", breaches="1 of 1")
    monkeypatch.setenv("HERMES_GUARD_LOOK_UNTIL", str(1 << 40))
    assert check(clock, one) == ([], True)
    assert len(history.tail(one.folder, 9)) == 1 and systemd.calls == []
    # Even if the record cannot be read, the watchdog acts again.
    monkeypatch.setenv("HERMES_GUARD_LOOK_UNTIL", "1")
    check(clock, one)
    assert systemd.calls == [ASKED]


def test_samples_below_count_against(systemd, settings, home, clock):
    systemd.add_gateway(home)
    low, high = settings(threshold="100%"), settings(threshold="1M")
    gateway = managed.find(low)
    for used in (1, 1, 1, 9, 9):
        clock[0] += 300
        row = dict(sampling.take(gateway), tree_rss_bytes=used << 20, swap_bytes=0)
        history.append(low.folder, row)
    gateway.settings = settings(threshold="5M")
    assert limits.breached(gateway, row) == (2, 5)
    gateway.settings = settings(threshold="5M", breaches="1 of 1")
    assert limits.breached(gateway, row) == (1, 1)
    assert check(clock, low) == ([], True)
    check(clock, high)
    assert systemd.calls == [ASKED]


def test_children_count(systemd, settings, home, clock):
    home.mkdir()
    (home / "mode").write_text("family")
    systemd.add_gateway(home)
    one = settings(threshold="60M", breaches="1 of 1")
    deadline = time.monotonic() + 60
    while (
        sum(proc.memory(pid)["rss_bytes"] for pid in proc.descendants(systemd.pid())) < 64 << 20
        and time.monotonic() < deadline
    ):
        time.sleep(0.01)
    check(clock, one)
    row = history.tail(one.folder, 1)[0]
    assert row["rss_bytes"] < 60 << 20 < row["tree_rss_bytes"]
    assert systemd.calls == [ASKED]


def test_swap_counts(systemd, settings, home, clock, monkeypatch):
    systemd.add_gateway(home)
    one = settings(threshold="1G", breaches="1 of 1")
    real = proc.read

    def swapped(path, limit=1 << 20):
        text = real(path, limit)
        return text and text.replace("VmSwap:\t       0 kB", "VmSwap:\t 2000000 kB")

    assert check(clock, one) == ([], True)
    monkeypatch.setattr(proc, "read", swapped)
    lines, _good = check(clock, one)
    assert "swap 1953 MB" in lines[0]
    assert systemd.calls == [ASKED]


def test_no_watchdog_only_a_history(systemd, settings, home, clock):
    systemd.add_gateway(home)
    assert check(clock, settings(), count=3) == ([], True)
    assert len(history.tail(settings().folder, 9)) == 3
    assert systemd.calls == []


def test_stopped_gateway(systemd, settings, home, clock):
    systemd.add_gateway(home, start=False)
    one = settings(threshold="1M", breaches="1 of 1")
    assert check(clock, one) == ([], True)
    assert (os.listdir(one.folder), systemd.calls) == ([], [])


def test_grace_is_said_once(systemd, settings, home, clock):
    systemd.add_gateway(home)
    one = settings(threshold="1M", breaches="1 of 1", startup_grace="10min")
    lines, good = check(clock, one, count=3)
    assert good
    assert "the restart was refused: it has been running for" in lines[0]
    assert [(entry["event"], entry["code"]) for entry in ledger.read(one.folder, 9)] == [
        ("refused", "young")
    ]
    assert systemd.calls == []


def test_cooldown(systemd, settings, home, clock):
    systemd.add_gateway(home)
    one = settings(threshold="1M", breaches="1 of 1", cooldown="28min")
    ledger.write(one.folder, "restart", "restarted", "leak", trigger="timer")
    assert (
        "the restart was refused: the last restart was 25 min ago"
        in check(clock, one, count=5)[0][0]
    )
    assert systemd.calls == []
    check(clock, one)
    assert systemd.calls == [ASKED]


NOTIFIER = """
import json, os, sys
with open(os.path.join(os.path.dirname(sys.argv[0]), "told"), "a") as out:
    out.write(json.dumps([sys.argv[1:], dict(os.environ), json.load(sys.stdin)]) + "\\n")
sys.exit(os.path.exists(os.path.join(os.path.dirname(sys.argv[0]), "fails")))
"""


@pytest.fixture
def notifier(tmp_path, systemd):
    """A command for notify_command, and its input."""
    (tmp_path / "notify.py").write_text(NOTIFIER)

    def told():
        return (
            [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
            if (tmp_path / "told").exists()
            else []
        )

    return "%s %s '$(touch %s/evil)' ; touch %s/evil" % (
        systemd.python,
        tmp_path / "notify.py",
        tmp_path,
        tmp_path,
    ), told


def test_daily_cap_is_one_alarm_a_life(systemd, settings, home, clock, notifier, tmp_path):
    systemd.add_gateway(home)
    command, told = notifier
    one = settings(threshold="1M", breaches="1 of 1", daily_cap="2", notify_command=command)
    for _number in range(2):
        ledger.write(one.folder, "restart", "restarted", "leak", trigger="watchdog")
    clock[0] += 7200
    lines, _good = check(clock, one, count=3)
    assert lines[0].startswith("hermes-gateway: ALERT: ")
    assert "2 times in 24 h" in lines[0]
    assert systemd.calls == []
    assert len(told()) == 1
    systemd._restart([UNIT])
    check(clock, one, count=2)
    assert len(told()) == 2
    # A day later the watchdog acts again.
    clock[0] += 86400
    check(clock, one)
    assert systemd.calls == [ASKED]


def test_alert_only_and_what_the_command_is_told(
    systemd, settings, home, clock, notifier, tmp_path
):
    systemd.add_gateway(home)
    command, told = notifier
    one = settings(threshold="1M", breaches="1 of 1", action="alert", notify_command=command)
    lines, good = check(clock, one, count=2)
    assert (good, lines[0].partition(" ALERT")[1], systemd.calls) == (True, " ALERT", [])
    arguments, environment, said = told()[0]
    assert len(told()) == 1
    # No shell: shell syntax arrives as literal arguments.
    assert arguments == ["$(touch %s/evil)" % tmp_path, ";", "touch", "%s/evil" % tmp_path]
    assert not (tmp_path / "evil").exists()
    row = history.tail(one.folder, 2)[0]
    figures = {
        name: environment["HERMES_GUARD_" + name]
        for name in ("EVENT", "GATEWAY", "BYTES", "RSS_BYTES", "THRESHOLD_BYTES")
    }
    assert figures == {
        "EVENT": "alert",
        "GATEWAY": "hermes-gateway",
        "BYTES": str(row["tree_rss_bytes"] + row["swap_bytes"]),
        "RSS_BYTES": str(row["rss_bytes"]),
        "THRESHOLD_BYTES": str(1 << 20),
    }
    assert "above the threshold" in environment["HERMES_GUARD_REASON"]
    same = ("event", "gateway", "reason", "bytes", "rss_bytes", "threshold_bytes", "host")
    assert {name: str(said[name]) for name in same} == {
        name: environment["HERMES_GUARD_" + name.upper()] for name in same
    }
    assert (said["code"], said["sample"]["pid"]) == ("threshold", systemd.pid())


@pytest.mark.parametrize("command", ["/no/such/program", "'not closed", "false"])
def test_notifier_that_fails_stops_nothing(systemd, settings, home, clock, command):
    systemd.add_gateway(home)
    """And the check says so, without the words of the command, which may hold a token."""
    lines, good = check(
        clock, settings(threshold="1M", breaches="1 of 1", notify_command=command + " TOKEN")
    )
    assert systemd.calls == [ASKED]
    assert not good and "the next check tries again" in lines[1]
    assert "TOKEN" not in "".join(lines)


def test_told_once_while_a_restart_waits(systemd, settings, home, clock, notifier):
    systemd.add_gateway(home)
    command, told = notifier
    one = settings(threshold="1M", breaches="1 of 1", notify_command=command)
    check(clock, one)
    with handover.locked(one):
        lines, _good = check(clock, one, count=2)
    assert lines[0].endswith(": a restart is under way")
    assert (systemd.calls, len(told())) == ([ASKED], 1)


def test_emergency_reaches_a_restart_that_waits(systemd, settings, home, clock, monkeypatch):
    systemd.add_gateway(home)
    one = settings(threshold="1M", breaches="1 of 1")
    check(clock, one)
    handover.take_request(one, managed.find(one))
    monkeypatch.setattr(limits, "kernel_limit", lambda *dummy: 2 << 20)
    with handover.locked(one):
        check(clock, one)
    assert request(one)["emergency"]


def test_restart_unit_that_is_not_there_is_an_alarm(systemd, settings, home, clock):
    systemd.add_gateway(home)
    systemd.fails.add("start")
    lines, _good = check(clock, settings(threshold="1M", breaches="1 of 1"))
    assert "the restart could not be requested" in lines[0]


def two(systemd, settings, tmp_path, **changed):
    for name in ("hermes-gateway", "hermes-gateway-coder"):
        systemd.add_gateway(tmp_path / name, unit=name + ".service")
    return [
        settings(unit=name + ".service", home=tmp_path / name, **changed)
        for name in ("hermes-gateway", "hermes-gateway-coder")
    ]


def test_unwritable_history_stops_neither_the_others_nor_the_watchdog(
    systemd, settings, tmp_path, clock
):
    one, other = two(systemd, settings, tmp_path, threshold="1M", breaches="1 of 1")
    os.mkdir(os.path.join(one.folder, "memory.csv"))
    lines, good = check(clock, one, other)
    assert not good
    assert [line for line in lines if line.startswith("hermes-gateway: cannot be checked: ")]
    assert len(history.tail(other.folder, 9)) == 1
    assert systemd.calls == [ASKED, "start hermes-gateway-coder-restart.service"]


def test_without_a_history_one_sample_near_the_limit_is_enough(
    systemd, settings, home, clock, monkeypatch
):
    systemd.add_gateway(home)
    one = settings(threshold="1M")

    def full(folder, row):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(watchdog.history, "append", full)
    assert check(clock, one)[1] is False
    assert systemd.calls == []
    monkeypatch.setattr(limits, "kernel_limit", lambda *dummy: 2 << 20)
    check(clock, one)
    assert systemd.calls == [ASKED]


def test_one_sample_near_the_limit_is_an_emergency(systemd, settings, home, clock, monkeypatch):
    """Also below the threshold, which may be above the limit."""
    systemd.add_gateway(home)
    one = settings(threshold="100%")
    assert check(clock, one) == ([], True)
    monkeypatch.setattr(limits, "kernel_limit", lambda *dummy: 2 << 20)
    lines, good = check(clock, one)
    assert good and "above 95 % of the limit of 2 MB: a restart was requested" in lines[0]
    assert systemd.calls == [ASKED] and request(one)["emergency"]


def test_host_without_memory_is_an_emergency(systemd, settings, home, clock, monkeypatch):
    systemd.add_gateway(home)
    one = settings(threshold="1M")
    memory = {"total_bytes": 100 << 20, "available_bytes": 6 << 20, "swap_total_bytes": 0}
    monkeypatch.setattr(proc, "host_memory", lambda: memory)
    assert check(clock, one) == ([], True)
    memory["available_bytes"] = 4 << 20
    lines, good = check(clock, one)
    assert good and "only 4 MB of RAM is available on this host" in lines[0]
    assert systemd.calls == [ASKED] and request(one)["emergency"]


def test_full_disk_is_no_reason_not_to_act(systemd, settings, home, clock, monkeypatch):
    systemd.add_gateway(home)
    one = settings(threshold="1M", breaches="1 of 1")

    def full(*_arguments, **_named):
        raise OSError(28, "No space left on device")

    for name in ("append_line", "write_atomic"):
        monkeypatch.setattr(history.files, name, full)
    assert check(clock, one)[1] is False
    assert systemd.calls == [ASKED]
    # The request is not stored, so the arbiter takes it for the calendar's: it is the watchdog's.
    gateway = managed.find(one)
    gateway.uptime_seconds = one.startup_grace + 1
    assert gateway.uptime_seconds < one.min_uptime
    assert policy.refusal(gateway, "timer") is None
    gateway.uptime_seconds = one.startup_grace - 1
    assert policy.refusal(gateway, "timer")[0] == "young"


def test_disk_that_became_read_only_keeps_no_restart_back(systemd, settings, home, monkeypatch):
    """A lock needs no write access; a file that is there already can be locked."""
    systemd.add_gateway(home)
    one = settings()
    with handover.locked(one) as ours:
        assert ours
    real = os.open

    def read_only(path, flags, *more, **named):
        if str(path).startswith(one.folder) and flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT):
            raise OSError(30, "Read-only file system")
        return real(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", read_only)
    assert handover.busy_seconds(one) is None
    with handover.locked(one) as ours:
        assert ours
        assert handover.busy_seconds(one) is not None


def test_gateway_that_nobody_thought_of_does_not_end_the_check(
    systemd, settings, tmp_path, clock, monkeypatch
):
    one, other = two(systemd, settings, tmp_path)
    real = sampling.measured

    def strange(gateway):
        if gateway.name == one.name:
            raise KeyError("strange")
        return real(gateway)

    monkeypatch.setattr(sampling, "measured", strange)
    lines, good = check(clock, one, other)
    assert (good, len(lines), len(history.tail(other.folder, 9))) == (False, 1, 1)


def test_hostile_state_file(systemd, settings, tmp_path, clock):
    one, other = two(systemd, settings, tmp_path, threshold="1M")
    path = Path(one.home, "gateway_state.json")
    state = json.loads(path.read_text())
    for text in (
        json.dumps(dict(state, active_agents=10**400)),
        "[" * 200000,
        json.dumps(dict(state, gateway_state={}, platforms=[1])),
    ):
        path.write_text(text)
        assert check(clock, one, other)[1]
    assert [row["active_agents"] for row in history.tail(one.folder, 9)] == [None, None, 0]
    assert len(history.tail(other.folder, 9)) == 3


def test_marker_of_a_killed_arbiter_is_removed(systemd, settings, home, clock):
    systemd.add_gateway(home)
    marker = home / ".drain_request.json"
    marker.write_text('{"principal": "hermes-guard"}')
    with handover.locked(settings()):
        assert check(clock, settings()) == ([], True)
    assert marker.exists()
    assert check(clock, settings())[0] == [
        "hermes-gateway: removed the drain marker of an interrupted restart"
    ]
    assert not marker.exists()


def test_marker_that_cannot_be_removed_does_not_end_the_watch(
    systemd, settings, home, clock, monkeypatch
):
    systemd.add_gateway(home)
    (home / ".drain_request.json").write_text('{"principal": "hermes-guard"}')

    def read_only(_gateway):
        raise RunError("the drain marker cannot be removed: Read-only file system")

    monkeypatch.setattr(handover.drain, "remove", read_only)
    one = settings(threshold="1M", breaches="1 of 1")
    lines, good = check(clock, one)
    assert not good and "the drain marker cannot be removed" in lines[1]
    assert (len(history.tail(one.folder, 9)), systemd.calls) == (1, [ASKED])


def test_clock_that_goes_back(systemd, settings, home, clock):
    systemd.add_gateway(home)
    one = settings(threshold="1M")
    check(clock, one)
    clock[0] -= 1000000
    check(clock, one, count=2)
    assert systemd.calls == [ASKED]


@pytest.mark.parametrize("askable", [True, False])
def test_version_is_that_of_the_code_that_runs(systemd, settings, home, askable):
    """After an upgrade without a restart Hermes's Python knows another; and it may not answer."""
    systemd.add_gateway(home)
    state = json.loads((home / "gateway_state.json").read_text())
    (home / "gateway_state.json").write_text(json.dumps(dict(state, code_version="0.22.2.post1")))
    gateway = managed.find(settings())
    gateway.python = gateway.python if askable else None
    assert sampling.take(gateway)["version"] == "0.22.2.post1"


@pytest.fixture
def asked(monkeypatch):
    """The homes whose Hermes was queried."""
    homes = []

    def probe(gateway):
        homes.append(gateway.home)
        return {"version": "0.19.0", "provider": "p", "model": "m"}

    monkeypatch.setattr(client, "probe", probe)
    return homes


def test_check_asks_no_hermes_and_has_a_unit_ask_once_a_run(systemd, settings, home, clock, asked):
    systemd.add_gateway(home)
    check(clock, settings(), count=3)
    assert (asked, systemd.identity_asked) == ([], 1)
    # Unknown values are not guessed.
    assert {row["version"] for row in history.tail(settings().folder, 9)} == {None}
    assert identity.answer([settings()]) == [] and len(asked) == 1
    check(clock, settings(), count=2)
    assert history.tail(settings().folder, 1)[0]["version"] == "0.19.0"
    systemd._restart([UNIT])
    check(clock, settings())
    # It may have been an upgrade.
    assert history.tail(settings().folder, 1)[0]["version"] is None
    assert (len(asked), systemd.identity_asked) == (1, 2)


def test_configuration_that_changes_all_the_time_is_not_asked_for_all_the_time(
    systemd, settings, home, clock, asked
):
    systemd.add_gateway(home)
    for number in range(12):
        (home / "config.yaml").write_text("a: %s" % ("x" * number))
        check(clock, settings())
        assert identity.answer([settings()]) == []
    # Twelve checks are an hour; two queries must be at least ten minutes apart.
    assert (len(asked), systemd.identity_asked) == (6, 6)
    assert history.tail(settings().folder, 1)[0]["version"] == "0.19.0"
