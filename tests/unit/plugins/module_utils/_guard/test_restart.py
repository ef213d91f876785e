# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a restart, on a real process."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    arbiter,
    handover,
    ledger,
    managed,
    restart,
    signalled,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import (
    discovery,
    drain,
    state_file,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import proc
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import RunError

UNIT = "hermes-gateway.service"


def test_graceful_restart(systemd, settings, home):
    systemd.add_gateway(home)
    before = systemd.pid()
    said = []
    outcome = arbiter.restart(settings(), "it leaks", say=said.append)
    assert (outcome["event"], outcome["mode"], outcome["pid"]) == ("restart", "drain", before)
    assert outcome["new_pid"] == systemd.pid() != before
    # No turn was running: a plain restart, which does not wait for RestartSec.
    assert systemd.calls == ["try-restart " + UNIT]
    # The marker existed until the signal arrived, so that no turn could begin in between.
    assert "draining" in said
    assert (home / "signals").read_text() == "SIGTERM marker\n"
    assert not (home / ".drain_request.json").exists()
    assert [(one["event"], one["reason"]) for one in ledger.read(settings().folder, 9)] == [
        ("begun", "it leaks"),
        ("restart", "it leaks"),
    ]


def test_gateway_that_does_not_drain_is_told_to_restart_itself(
    systemd, settings, home, monkeypatch
):
    monkeypatch.setattr(restart, "DRAIN_SECONDS", 0.3)
    home.mkdir()
    (home / "mode").write_text("busy")
    systemd.add_gateway(home)
    outcome = arbiter.restart(settings(), "it leaks")
    assert (outcome["event"], outcome["mode"]) == ("restart", "resume")
    assert systemd.calls == ["kill " + UNIT]
    # The next process must not start while the marker exists.
    assert (home / "signals").read_text() == "SIGUSR1 clean\n"


def test_shell_above_a_gateway_gets_no_signal(systemd, settings, home, monkeypatch):
    """SIGUSR1 would end it, and systemd would then kill the running turns."""
    monkeypatch.setattr(restart, "DRAIN_SECONDS", 0.3)
    real = discovery.look

    def look(wanted, *more):
        found = real(wanted, *more)
        for one in found.gateways.values():
            one.main_pid = os.getppid() if one.pid else None
        return found

    monkeypatch.setattr(discovery, "look", look)
    home.mkdir()
    (home / "mode").write_text("busy")
    systemd.add_gateway(home)
    outcome = arbiter.restart(settings(), "it leaks")
    assert (outcome["event"], outcome["mode"]) == ("restart", "resume")
    assert systemd.calls == ["try-restart " + UNIT]
    assert (home / "signals").read_text() == "SIGTERM clean\n"


@pytest.mark.parametrize("version", ["0.20.0", "0.20.1", "0.22.2.post1", "1.0.0", None])
@pytest.mark.parametrize("emergency", [False, True])
def test_newer_gateway_that_does_not_drain_is_restarted_by_systemd(
    systemd, settings, home, monkeypatch, version, emergency
):
    """On SIGUSR1 it would wait for the turn, half an hour or six, and refuse all others."""
    monkeypatch.setattr(restart, "DRAIN_SECONDS", 0.3)
    home.mkdir()
    (home / "mode").write_text("busy")
    if version is None:
        monkeypatch.setattr(restart.identity, "ask", lambda gateway: "it does not answer")
    else:
        (home / "version").write_text(version)
    systemd.add_gateway(home)
    outcome = arbiter.restart(settings(), "it leaks", emergency=emergency)
    mode = "emergency" if emergency else "resume"
    assert (outcome["event"], outcome["mode"]) == ("restart", mode)
    assert systemd.calls == ["try-restart " + UNIT]
    assert (home / "signals").read_text() == "SIGTERM clean\n"


def test_idle_gateway_in_which_a_turn_begins_is_not_called_idle(
    systemd, settings, home, monkeypatch
):
    monkeypatch.setattr(restart, "DRAIN_SECONDS", 0.3)
    monkeypatch.setattr(restart.Restart, "_is_drained", lambda self: False)
    systemd.add_gateway(home)
    assert arbiter.restart(settings(), "it leaks")["mode"] == "resume"


def test_gateway_that_knows_no_drain_is_restarted_when_it_is_idle(
    systemd, settings, home, monkeypatch
):
    monkeypatch.setattr(restart.drain, "write", lambda gateway: False)
    systemd.add_gateway(home)
    assert arbiter.restart(settings(), "it leaks")["mode"] == "idle"
    assert systemd.calls == ["kill " + UNIT]


def test_restart_between_two_turns_interrupts_nothing(systemd, settings, home, monkeypatch):
    """A Hermes before 0.18.2 cannot drain, and a chat may never be quiet for a minute."""
    monkeypatch.setattr(restart.drain, "write", lambda gateway: False)
    monkeypatch.setattr(restart.database, "seconds_since_message", lambda gateway: 1)
    systemd.add_gateway(home)
    assert arbiter.restart(settings(wait_idle="1s"), "it leaks")["mode"] == "idle"


@pytest.mark.parametrize("bound", [60, 0.3])
def test_marker_stays_while_the_unit_runs_its_execstop(systemd, settings, home, monkeypatch, bound):
    """From 0.21.5 on a program runs there, for up to 2.3 s, before SIGTERM."""
    monkeypatch.setattr(signalled, "TOLD_SECONDS", bound)
    monkeypatch.setattr(signalled, "MARKER_SECONDS", 0.1)
    systemd.add_gateway(home)
    real = systemd._try_restart

    def stop():
        time.sleep(1.5)
        systemd.units[UNIT]["SubState"] = "stop-sigterm"
        real([UNIT])

    stopper = threading.Thread(target=stop)

    def begin(_rest):
        systemd.units[UNIT]["SubState"] = "stop"
        stopper.start()

    monkeypatch.setattr(systemd, "_try_restart", begin)
    outcome = arbiter.restart(settings(), "it leaks")
    stopper.join()
    assert (outcome["event"], outcome["mode"]) == ("restart", "drain")
    # A program that does not end must not block the next process with the marker.
    seen = "marker" if bound == 60 else "clean"
    assert (home / "signals").read_text() == "SIGTERM %s\n" % seen
    assert not (home / ".drain_request.json").exists()


def test_answers_that_are_owed_are_waited_for(systemd, settings, home, monkeypatch):
    monkeypatch.setattr(restart, "SETTLE_SECONDS", 30)
    systemd.add_gateway(home)
    columns = "owner_pid INTEGER, state TEXT"
    with contextlib.closing(sqlite3.connect(home / "state.db")) as base:
        base.execute("CREATE TABLE delivery_obligations (%s)" % columns)
        # Of this process, and of an earlier one, for which the restart does not wait.
        base.executemany(
            "INSERT INTO delivery_obligations VALUES (?, ?)",
            [(systemd.pid(), "attempting"), (systemd.pid(), "delivered"), (1, "pending")],
        )
        base.commit()
    asked = []
    real = restart.database.owed

    def owed(gateway):
        asked.append(real(gateway))
        if len(asked) == 2:
            with contextlib.closing(sqlite3.connect(home / "state.db")) as base:
                base.execute("UPDATE delivery_obligations SET state = 'delivered'")
                base.commit()
        return asked[-1]

    monkeypatch.setattr(restart.database, "owed", owed)
    assert arbiter.restart(settings(), "it leaks")["mode"] == "drain"
    assert asked == [1, 1, 0]


@pytest.mark.parametrize("recorded", [True, False])
def test_rest_is_short_if_hermes_says_which_answers_it_owes(
    systemd, settings, home, monkeypatch, recorded
):
    """All messages in the meantime are refused. Before 0.19 Hermes does not record delivered answers."""
    monkeypatch.setattr(restart, "DELIVERY_SECONDS", 2)
    monkeypatch.setattr(restart, "RECORDED_SECONDS", 0.2)
    systemd.add_gateway(home)
    owner = systemd.pid() if recorded else 1
    with contextlib.closing(sqlite3.connect(home / "state.db")) as base:
        base.execute("CREATE TABLE delivery_obligations (owner_pid INTEGER, state TEXT)")
        base.execute("INSERT INTO delivery_obligations VALUES (?, 'delivered')", [owner])
        base.commit()
    slept, real = [], time.sleep

    def sleep(seconds):
        slept.append(seconds)
        real(seconds)

    monkeypatch.setattr(restart.time, "sleep", sleep)
    assert arbiter.restart(settings(), "it leaks")["mode"] == "drain"
    assert (max(slept) > 1.5) is not recorded


def test_turn_that_waited_behind_another_is_waited_for(systemd, settings, home, monkeypatch):
    """Hermes begins it when the count of turns has been at 0 for a moment."""
    monkeypatch.setattr(restart, "SETTLE_SECONDS", 30)
    systemd.add_gateway(home)
    turns = iter([0, 1, 1])
    real = restart.state_file.runtime
    asked = []

    def runtime(gateway):
        found = real(gateway)
        if found["state"] == "draining":
            asked.append(next(turns, 0))
            found["active_agents"] = asked[-1]
        return found

    monkeypatch.setattr(restart.state_file, "runtime", runtime)
    assert arbiter.restart(settings(), "it leaks")["mode"] == "drain"
    assert asked[:4] == [0, 1, 1, 0]


def test_gateway_that_goes_on_working_is_waited_for_so_long(systemd, settings, home, monkeypatch):
    monkeypatch.setattr(restart, "SETTLED_SHARE", 0.3)
    worked = iter(range(10000))
    monkeypatch.setattr(restart.proc, "work_seconds", lambda pid: next(worked))
    systemd.add_gateway(home)
    said = []
    outcome = arbiter.restart(settings(), "it leaks", say=said.append)
    assert (outcome["event"], outcome["mode"]) == ("restart", "drain")
    assert [text for text in said if "still busy" in text]


def test_work_of_a_process():
    before = proc.work_seconds(os.getpid())
    sum(number * number for number in range(2000000))
    assert before is None or proc.work_seconds(os.getpid()) - before > 0.02
    assert proc.work_seconds(1 << 30) is None


@pytest.mark.parametrize("policy", ["no", "on-abnormal"])
def test_unit_that_would_stay_down_is_restarted_by_systemd(systemd, settings, home, policy):
    systemd.add_gateway(home, restart=policy)
    assert arbiter.restart(settings(), "it leaks", emergency=True)["event"] == "restart"
    assert systemd.calls == ["try-restart " + UNIT]


def test_stop_during_the_wait(systemd, settings, home, monkeypatch):
    systemd.add_gateway(home)
    asked = []

    def operator(gateway):
        if not asked:
            systemd.stop(UNIT)
        asked.append(gateway)
        return {"state": "running", "active_agents": 1, "version": None}

    monkeypatch.setattr(restart.state_file, "runtime", operator)
    outcome = arbiter.restart(settings(wait_idle="10min"), "it leaks")
    assert (outcome["event"], outcome["code"]) == ("refused", "changed")
    assert systemd.calls == []


def test_stop_while_it_drains(systemd, settings, home, monkeypatch):
    systemd.add_gateway(home)
    real = drain.write

    def operator(gateway):
        try:
            return real(gateway)
        finally:
            systemd.stop(UNIT)

    monkeypatch.setattr(restart.drain, "write", operator)
    outcome = arbiter.restart(settings(), "it leaks")
    assert (outcome["event"], outcome["code"]) == ("refused", "changed")
    assert systemd.calls == []
    assert not (home / ".drain_request.json").exists()


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_stop_after_the_signal(systemd, settings, home, state):
    systemd.add_gateway(home)
    # As a stop leaves it where a turn was under way: Hermes ends with code 1, and the unit is
    # failed.
    systemd.during = lambda verb: systemd.stop(UNIT, state)
    systemd.fails.add("kill")
    outcome = arbiter.restart(settings(), "it leaks", emergency=True)
    assert outcome["event"] == "failed"
    systemd.fails.clear()
    assert systemd.calls == ["kill " + UNIT]
    assert systemd.units[UNIT]["ActiveState"] == state


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_stop_before_the_second_try(systemd, settings, home, state):
    systemd.add_gateway(home)
    (home / "mode").write_text("hang")
    old = systemd.pid()

    def operator():
        while systemd.pid() == old:
            time.sleep(0.01)
        systemd.stop(UNIT, state)

    stopper = threading.Thread(target=operator)
    systemd.during = lambda verb: stopper.start()
    outcome = arbiter.restart(settings(), "it leaks", emergency=True)
    stopper.join()
    assert (outcome["event"], outcome["code"]) == ("failed", "stopped")
    assert systemd.calls == ["kill " + UNIT]


@pytest.mark.parametrize("mode", ["hang", "deaf"])
def test_one_more_try_and_no_loop(systemd, settings, home, monkeypatch, mode, tmp_path):
    monkeypatch.setattr(restart, "UP_SECONDS", 0.8)
    monkeypatch.setattr(restart, "EXIT_SECONDS", 60 if mode == "hang" else 0.5)
    if mode == "deaf":
        home.mkdir()
        (home / "mode").write_text(mode)
    systemd.add_gateway(home)
    (home / "mode").write_text("hang")
    told = tmp_path / "told"
    one = settings(
        notify_command="""sh -c 'echo "$HERMES_GUARD_EVENT $HERMES_GUARD_GATEWAY" >> %s'""" % told
    )
    outcome = arbiter.restart(one, "it leaks", emergency=True)
    assert (outcome["event"], outcome["code"]) == ("failed", "not-up")
    assert systemd.calls == ["kill " + UNIT, "try-restart " + UNIT]
    assert told.read_text() == "failed hermes-gateway\n"
    # The failure counts as a restart: the next one has to wait.
    assert arbiter.restart(one, "it leaks", emergency=True)["code"] == "cooldown"


def test_gateway_that_comes_up_at_the_second_try(systemd, settings, home, monkeypatch):
    monkeypatch.setattr(restart, "EXIT_SECONDS", 0.5)
    home.mkdir()
    (home / "mode").write_text("deaf")
    systemd.add_gateway(home)
    (home / "mode").write_text("up")
    outcome = arbiter.restart(settings(), "it leaks", emergency=True)
    assert (outcome["event"], outcome["mode"]) == ("restart", "second-try")


@pytest.mark.parametrize(("wrote", "least"), [("running", 120), (None, 15)])
def test_process_without_a_state_file_is_up_after_a_while(
    systemd, settings, home, stub, monkeypatch, wrote, least
):
    """A gateway that cannot import a module ends after 20 s: such a crash loop was called restarted.

    If the process before it wrote its state, the new one does too. An old Hermes writes none.
    """
    systemd.add_gateway(home)
    one = settings()
    monkeypatch.setattr(state_file, "runtime", lambda gateway: {"state": wrote})
    monkeypatch.setattr(restart.Restart, "_sample", lambda self: None)
    job = restart.Restart(managed.find(one), "it leaks", "operator", False, print)
    monkeypatch.setattr(state_file, "runtime", lambda gateway: {"state": None})
    assert not job._says_up(stub(one, uptime_seconds=least - 1.0))
    assert job._says_up(stub(one, uptime_seconds=least + 1.0))


def test_systemd_that_refuses_leaves_no_marker(systemd, settings, home):
    systemd.add_gateway(home)
    systemd.fails.add("try-restart")
    outcome = arbiter.restart(settings(), "it leaks")
    assert (outcome["event"], outcome["code"]) == ("failed", "error")
    assert "no luck" in outcome["reason"]
    assert not (home / ".drain_request.json").exists()


def test_exception_in_the_middle_leaves_no_marker(systemd, settings, home, monkeypatch):
    systemd.add_gateway(home)

    def drained(restart):
        assert (home / ".drain_request.json").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(restart.Restart, "wait_drained", drained)
    with pytest.raises(KeyboardInterrupt):
        arbiter.restart(settings(), "it leaks")
    assert not (home / ".drain_request.json").exists()
    assert not handover.busy(settings())
    assert systemd.calls == []


def test_emergency_ends_the_wait(systemd, settings, home):
    home.mkdir()
    (home / "mode").write_text("busy")
    systemd.add_gateway(home)
    one = settings(wait_idle="10min")
    handover.request(managed.find(one), "3 GB", emergency=True)
    outcome = arbiter.restart(one, "mine")
    assert (outcome["event"], outcome["mode"]) == ("restart", "emergency")


@pytest.mark.parametrize(("least", "begins_at"), [(0, 0), (2, 2), (4, 4)])
def test_chat_that_is_never_quiet_is_drained_at_a_moment_with_few_turns(
    systemd, settings, home, monkeypatch, least, begins_at
):
    """All messages are refused until the last turn ends; in the first half of the wait, the gateway must be idle.

    Of four turns, two must do when half of the second half is over, and all four at its end.
    """
    systemd.add_gateway(home)
    real, seen, sleep = state_file.runtime, [], time.sleep
    # Only the pauses count: a poll takes no time, even on a slow machine.
    clock = [time.monotonic()]
    begun = clock[0]

    def pause(seconds):
        sleep(seconds)
        clock[0] += seconds

    monkeypatch.setattr(time, "sleep", pause)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def runtime(gateway):
        found = real(gateway)
        if found["state"] == "running":
            # Few turns at 1.3 s and at 1.8 s of the wait.
            few = round(10 * (clock[0] - begun)) in (13, 18)
            seen.append(least if few else 4)
            found["active_agents"] = seen[-1]
        return found

    monkeypatch.setattr(restart.state_file, "runtime", runtime)
    monkeypatch.setattr(restart, "IDLE_LOOK_SECONDS", 0.1)
    wrote = []
    write = drain.write
    monkeypatch.setattr(drain, "write", lambda gateway: wrote.append(seen[-1]) or write(gateway))
    outcome = arbiter.restart(settings(wait_idle="2s"), "it leaks")
    assert outcome["mode"] == "drain" and wrote == [begins_at]
    assert (outcome["waited_seconds"] >= 1.9) is (least == 4)
    assert outcome["waited_seconds"] >= 1


def test_marker_that_cannot_be_removed_keeps_the_signal_back(systemd, settings, home, monkeypatch):
    systemd.add_gateway(home)

    def stuck(gateway):
        raise RunError("the drain marker cannot be removed")

    monkeypatch.setattr(restart.drain, "remove", stuck)
    said = []
    outcome = arbiter.restart(settings(), "it leaks", emergency=True, say=said.append)
    assert (outcome["event"], outcome["code"]) == ("failed", "error")
    # Reported once more at the end; the unit and the next check try again.
    assert "the drain marker cannot be removed" in said
    assert systemd.calls == []
    assert ledger.read(settings().folder, 1)[0]["event"] == "failed"


def test_runtime_of_another_life_says_nothing(systemd, settings, home):
    systemd.add_gateway(home)
    gateway = managed.find(settings())
    assert state_file.runtime(gateway)["state"] == "running"
    state = json.loads((home / "gateway_state.json").read_text())
    for change in ({"pid": 1}, {"start_time": 5}, {"gateway_state": ["running"]}):
        (home / "gateway_state.json").write_text(json.dumps(dict(state, **change)))
        assert state_file.runtime(gateway)["state"] is None
    (home / "gateway_state.json").write_text(json.dumps(dict(state, active_agents=10**300)))
    assert state_file.runtime(gateway)["active_agents"] is None
