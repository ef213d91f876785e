# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arbiter: what it refuses, and the order of its steps on a real process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    arbiter as arbiter_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import ledger
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import drain, state_file
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import files, proc
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import RunError

UNIT = "hermes-gateway.service"


class Stub:
    """A gateway as refusal() sees it."""

    def __init__(self, **changed):
        self.problem = None
        self.home, self.uid = "/nonexistent", 0
        self.active_state = "active"
        self.sub_state = "running"
        self.pid = 1
        self.uptime_seconds = 100000.0
        self.invocation_id = "a"
        self.__dict__.update(changed)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("trigger", "gateway", "code"),
    [
        ("operator", None, "gone"),
        ("operator", Stub(problem="the home belongs to somebody else"), "unsafe"),
        ("operator", Stub(active_state="inactive", pid=None), "stopped"),
        ("operator", Stub(active_state="failed", pid=None), "stopped"),
        ("operator", Stub(active_state="deactivating"), "stopped"),
        ("operator", Stub(active_state="activating"), "starting"),
        ("operator", Stub(active_state="reloading"), "starting"),
        ("operator", Stub(pid=None), "starting"),
        ("timer", Stub(uptime_seconds=7199), "young"),
        ("timer", Stub(uptime_seconds=7200), None),
        ("watchdog", Stub(uptime_seconds=599), "young"),
        ("watchdog", Stub(uptime_seconds=600), None),
        ("operator", Stub(uptime_seconds=1), None),
    ],
)
def test_refusals(systemd, settings, trigger, gateway, code):
    found = arbiter_module.refusal(settings(startup_grace="10min"), gateway, trigger)
    assert (found and found[0]) == code


def entry(settings, when, trigger="watchdog", event="restart"):
    with open(os.path.join(settings.folder, "ledger.jsonl"), "a") as out:
        out.write(json.dumps({"time": when, "event": event, "trigger": trigger}) + "\n")


@pytest.mark.parametrize(
    ("trigger", "ago", "uptime", "code"),
    [
        ("watchdog", 1799, 100000, "cooldown"),
        ("watchdog", 1801, 100000, None),
        ("timer", 599, 100000, "cooldown"),
        ("operator", 599, 100000, "cooldown"),
        ("operator", 601, 100000, None),
        # The clock was set back after the restart: just now for a young process, long ago for an old one.
        ("watchdog", -3600, 900, "cooldown"),
        ("watchdog", -3600, 1801, None),
        ("watchdog", -90000, 700, None),
    ],
)
def test_cooldown(systemd, settings, trigger, ago, uptime, code):
    one = settings(min_uptime="0s")
    now = time.time()
    entry(one, now - ago)
    found = arbiter_module.refusal(one, Stub(uptime_seconds=uptime), trigger, now)
    assert (found and found[0]) == code


def test_daily_cap_is_the_watchdogs_alone(systemd, settings):
    one = settings(daily_cap="2", min_uptime="0s")
    now = time.time()
    entry(one, now - 90000)
    entry(one, now - 8000)
    entry(one, now - 7000, trigger="timer")
    assert arbiter_module.refusal(one, Stub(), "watchdog", now) is None
    entry(one, now - 6000, event="failed")
    assert arbiter_module.refusal(one, Stub(), "watchdog", now)[0] == "daily-cap"
    assert arbiter_module.refusal(one, Stub(), "timer", now) is None


def test_graceful_restart(systemd, settings, home):
    systemd.add_gateway(home)
    before = systemd.pid()
    said = []
    outcome = arbiter_module.restart(settings(), "it leaks", say=said.append)
    assert (outcome.event, outcome.entry["mode"], outcome.entry["pid"]) == (
        "restart",
        "drain",
        before,
    )
    assert outcome.entry["new_pid"] == systemd.pid() != before
    # Nothing was under way: a plain restart, which does not wait for RestartSec.
    assert systemd.calls == ["try-restart " + UNIT]
    # The marker lay there until the signal came, so that no turn could begin in between.
    assert "draining" in said
    assert (home / "signals").read_text() == "SIGTERM marker\n"
    assert not (home / ".drain_request.json").exists()
    assert [(one["event"], one["reason"]) for one in ledger.read(settings().folder, 9)] == [
        ("begun", "it leaks"),
        ("restart", "it leaks"),
    ]


def test_killed_before_the_last_line_of_the_ledger(systemd, settings, home, monkeypatch):
    systemd.add_gateway(home)
    monkeypatch.setattr(arbiter_module._Restart, "_wait_up", killed)
    with pytest.raises(KeyboardInterrupt):
        arbiter_module.restart(settings(), "it leaks", "watchdog")
    # Nobody could note how it ended, and yet it counts.
    one = settings(min_uptime="0s", daily_cap="1")
    assert arbiter_module.refusal(one, Stub(), "timer")[0] == "cooldown"
    assert arbiter_module.refusal(one, Stub(), "watchdog", time.time() + 1801)[0] == "daily-cap"


def killed(_restart):
    raise KeyboardInterrupt


def test_disk_that_is_full_undoes_nothing(systemd, settings, home, monkeypatch):
    systemd.add_gateway(home)
    before = systemd.pid()

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ledger.files, "append_line", full)
    outcome = arbiter_module.restart(settings(), "it leaks")
    assert (outcome.event, outcome.entry["unwritten"]) == (
        "restart",
        "[Errno 28] No space left on device",
    )
    assert outcome.entry["new_pid"] == systemd.pid() != before
    assert not (home / ".drain_request.json").exists()


def test_second_restart_within_ten_minutes_is_refused(systemd, settings, home):
    systemd.add_gateway(home)
    assert arbiter_module.restart(settings(), "one", emergency=True).event == "restart"
    outcome = arbiter_module.restart(settings(), "two", emergency=True)
    assert (outcome.event, outcome.entry["code"]) == ("refused", "cooldown")
    assert len(systemd.calls) == 1


def test_gateway_that_does_not_drain_is_told_to_restart_itself(
    systemd, settings, home, monkeypatch
):
    monkeypatch.setattr(arbiter_module, "DRAIN_SECONDS", 0.3)
    home.mkdir()
    (home / "mode").write_text("busy")
    systemd.add_gateway(home)
    outcome = arbiter_module.restart(settings(), "it leaks")
    assert (outcome.event, outcome.entry["mode"]) == ("restart", "resume")
    assert systemd.calls == ["kill " + UNIT]
    # The next process must not boot beside a marker.
    assert (home / "signals").read_text() == "SIGUSR1 clean\n"


def test_answers_that_are_owed_are_waited_for(systemd, settings, home, monkeypatch):
    monkeypatch.setattr(arbiter_module, "SETTLE_SECONDS", 30)
    systemd.add_gateway(home)
    columns = "owner_pid INTEGER, state TEXT"
    with contextlib.closing(sqlite3.connect(home / "state.db")) as base:
        base.execute("CREATE TABLE delivery_obligations (%s)" % columns)
        # Of this process, and of an earlier one, which nobody waits for.
        base.executemany(
            "INSERT INTO delivery_obligations VALUES (?, ?)",
            [(systemd.pid(), "attempting"), (systemd.pid(), "delivered"), (1, "pending")],
        )
        base.commit()
    asked = []
    real = arbiter_module.database.owed

    def owed(gateway):
        asked.append(real(gateway))
        if len(asked) == 2:
            with contextlib.closing(sqlite3.connect(home / "state.db")) as base:
                base.execute("UPDATE delivery_obligations SET state = 'delivered'")
                base.commit()
        return asked[-1]

    monkeypatch.setattr(arbiter_module.database, "owed", owed)
    assert arbiter_module.restart(settings(), "it leaks").entry["mode"] == "drain"
    assert asked == [1, 1, 0]


def test_gateway_that_goes_on_working_is_waited_for_so_long(systemd, settings, home, monkeypatch):
    monkeypatch.setattr(arbiter_module, "SETTLED_SHARE", 0.3)
    worked = iter(range(10000))
    monkeypatch.setattr(arbiter_module.proc, "work_seconds", lambda pid: next(worked))
    systemd.add_gateway(home)
    said = []
    outcome = arbiter_module.restart(settings(), "it leaks", say=said.append)
    assert (outcome.event, outcome.entry["mode"]) == ("restart", "drain")
    assert [text for text in said if "still busy" in text]


def test_work_of_a_process():
    before = proc.work_seconds(os.getpid())
    sum(number * number for number in range(2000000))
    assert before is None or proc.work_seconds(os.getpid()) - before > 0.02
    assert proc.work_seconds(1 << 30) is None


@pytest.mark.parametrize("policy", ["no", "on-abnormal"])
def test_unit_that_would_stay_down_is_restarted_by_systemd(systemd, settings, home, policy):
    systemd.add_gateway(home, restart=policy)
    assert arbiter_module.restart(settings(), "it leaks", emergency=True).event == "restart"
    assert systemd.calls == ["try-restart " + UNIT]


def test_stopped_gateway_is_not_started(systemd, settings, home):
    systemd.add_gateway(home, start=False)
    outcome = arbiter_module.restart(settings(), "it leaks", trigger="timer")
    assert (outcome.event, outcome.entry["code"]) == ("refused", "stopped")
    assert systemd.calls == []


def test_stop_during_the_wait(systemd, settings, home, monkeypatch):
    systemd.add_gateway(home)
    asked = []

    def operator(gateway):
        if not asked:
            systemd.stop(UNIT)
        asked.append(gateway)
        return {"state": "running", "active_agents": 1}

    monkeypatch.setattr(arbiter_module.state_file, "runtime", operator)
    outcome = arbiter_module.restart(settings(wait_idle="10min"), "it leaks")
    assert (outcome.event, outcome.entry["code"]) == ("refused", "changed")
    assert systemd.calls == []


def test_stop_while_it_drains(systemd, settings, home, monkeypatch):
    systemd.add_gateway(home)
    real = drain.write

    def operator(gateway):
        try:
            return real(gateway)
        finally:
            systemd.stop(UNIT)

    monkeypatch.setattr(arbiter_module.drain, "write", operator)
    outcome = arbiter_module.restart(settings(), "it leaks")
    assert (outcome.event, outcome.entry["code"]) == ("refused", "changed")
    assert systemd.calls == []
    assert not (home / ".drain_request.json").exists()


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_stop_after_the_signal(systemd, settings, home, state):
    systemd.add_gateway(home)
    # As a stop leaves it where a turn was under way: Hermes ends with code 1, and the unit is failed.
    systemd.during = lambda verb: systemd.stop(UNIT, state)
    systemd.fails.add("kill")
    outcome = arbiter_module.restart(settings(), "it leaks", emergency=True)
    assert outcome.event == "failed"
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
    outcome = arbiter_module.restart(settings(), "it leaks", emergency=True)
    stopper.join()
    assert (outcome.event, outcome.entry["code"]) == ("failed", "stopped")
    assert systemd.calls == ["kill " + UNIT]


@pytest.mark.parametrize("mode", ["hang", "deaf"])
def test_one_more_try_and_no_loop(systemd, settings, home, monkeypatch, mode, tmp_path):
    monkeypatch.setattr(arbiter_module, "UP_SECONDS", 0.8)
    monkeypatch.setattr(arbiter_module, "EXIT_SECONDS", 60 if mode == "hang" else 0.5)
    if mode == "deaf":
        home.mkdir()
        (home / "mode").write_text(mode)
    systemd.add_gateway(home)
    (home / "mode").write_text("hang")
    told = tmp_path / "told"
    one = settings(
        notify_command="""sh -c 'echo "$HERMES_GUARD_EVENT $HERMES_GUARD_GATEWAY" >> %s'""" % told
    )
    outcome = arbiter_module.restart(one, "it leaks", emergency=True)
    assert (outcome.event, outcome.entry["code"]) == ("failed", "not-up")
    assert systemd.calls == ["kill " + UNIT, "try-restart " + UNIT]
    assert told.read_text() == "failed hermes-gateway\n"
    # The failure counts as a restart: the next one has to wait.
    assert arbiter_module.restart(one, "it leaks", emergency=True).entry["code"] == "cooldown"


def test_gateway_that_comes_up_at_the_second_try(systemd, settings, home, monkeypatch):
    monkeypatch.setattr(arbiter_module, "EXIT_SECONDS", 0.5)
    home.mkdir()
    (home / "mode").write_text("deaf")
    systemd.add_gateway(home)
    (home / "mode").write_text("up")
    outcome = arbiter_module.restart(settings(), "it leaks", emergency=True)
    assert (outcome.event, outcome.entry["mode"]) == ("restart", "second-try")


def test_two_at_once(systemd, settings, home):
    """The second asks while the first is in the middle of its restart: it is refused, and nothing is restarted twice."""
    systemd.add_gateway(home)
    reached, go_on = threading.Event(), threading.Event()
    systemd.during = lambda verb: reached.set() or go_on.wait(60)
    first = []
    thread = threading.Thread(
        target=lambda: first.append(arbiter_module.restart(settings(), "now", emergency=True))
    )
    thread.start()
    assert reached.wait(60)
    second = arbiter_module.restart(settings(), "now", emergency=True)
    go_on.set()
    thread.join()
    assert (second.event, second.entry["code"]) == ("refused", "busy")
    assert first[0].event == "restart"
    assert systemd.calls == ["kill " + UNIT]


def test_lock_is_held_between_processes(systemd, settings, home):
    systemd.add_gateway(home)
    one = settings()
    code = "import fcntl, sys; lock = open(sys.argv[1], 'w'); fcntl.flock(lock, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, os.path.join(one.folder, "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        other.stdout.readline()
        assert arbiter_module.busy(one)
        assert arbiter_module.restart(one, "now").entry["code"] == "busy"
        other.kill()
    assert not arbiter_module.busy(one)


def test_timer_has_patience_for_a_check_that_cleans(systemd, settings, home, monkeypatch):
    monkeypatch.setattr(arbiter_module, "LOCK_SECONDS", 2)
    systemd.add_gateway(home, start=False)
    one = settings()
    with arbiter_module._locked(one) as ours:
        assert ours
        outcomes = []
        waiting = threading.Thread(
            target=lambda: outcomes.append(arbiter_module.restart(one, "now"))
        )
        waiting.start()
        time.sleep(0.2)
    waiting.join()
    assert outcomes[0].entry["code"] == "stopped"


def test_systemd_that_refuses_leaves_no_marker(systemd, settings, home):
    systemd.add_gateway(home)
    systemd.fails.add("try-restart")
    outcome = arbiter_module.restart(settings(), "it leaks")
    assert (outcome.event, outcome.entry["code"]) == ("failed", "error")
    assert "no luck" in outcome.reason
    assert not (home / ".drain_request.json").exists()


def test_exception_in_the_middle_leaves_no_marker(systemd, settings, home, monkeypatch):
    systemd.add_gateway(home)

    def drained(restart):
        assert (home / ".drain_request.json").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(arbiter_module._Restart, "_drained", drained)
    with pytest.raises(KeyboardInterrupt):
        arbiter_module.restart(settings(), "it leaks")
    assert not (home / ".drain_request.json").exists()
    assert not arbiter_module.busy(settings())
    assert systemd.calls == []


# The command line itself, in a process of its own that is killed while it drains; systemctl is a script that knows one unit.
KILLED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import arbiter, cli, config
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import command
config.FOLDER, config.STATE, show = sys.argv[2:5]
config.load.__defaults__ = (config.FOLDER,)
real = command.run
command.run = lambda argv, *rest, **named: command.Result(0, open(show).read(), "") if argv[0] == "systemctl" else real(argv, *rest, **named)
arbiter._Restart._drained = lambda restart: print("drains", flush=True) or __import__("time").sleep(30)
sys.exit(cli.main(["restart", "--gateway", "hermes-gateway", "--reason", "x", "--json"] + sys.argv[5:]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_killed_while_it_drains(systemd, settings, home, tmp_path, import_root, number):
    systemd.add_gateway(home)
    one = settings()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/guard.conf").write_text(
        "[hermes-gateway]\nunit = %s\nuser = %s\nhome = %s\nwait_idle = 0s\n"
        % (UNIT, one.user, home)
    )
    (tmp_path / "show").write_text(
        "".join("%s=%s\n" % pair for pair in systemd.units[UNIT].items())
    )
    command = [
        sys.executable,
        "-c",
        KILLED,
        import_root,
        str(tmp_path / "etc"),
        str(tmp_path / "state"),
        str(tmp_path / "show"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as arbiter:
        assert arbiter.stdout.readline() == b"drains\n"
        assert (home / ".drain_request.json").exists()
        arbiter.send_signal(number)
    # Nobody can clean up after SIGKILL but the next one: the unit's ExecStopPost, or the check.
    assert (home / ".drain_request.json").exists() == (number == signal.SIGKILL)
    subprocess.run(command + ["--clean"], check=True)
    assert not (home / ".drain_request.json").exists()
    assert not (home / "signals").exists()


def test_clean_leaves_the_marker_of_a_restart_under_way_and_of_others(systemd, settings, home):
    systemd.add_gateway(home)
    one = settings()
    gateway = arbiter_module.find(one)
    marker = home / ".drain_request.json"
    marker.write_text('{"principal": "dashboard"}')
    assert not arbiter_module.clean(one, gateway)
    marker.write_text('{"principal": "hermes-guard"}')
    with arbiter_module._locked(one):
        assert not arbiter_module.clean(one, gateway)
    assert marker.exists()
    assert arbiter_module.clean(one, gateway)
    assert not marker.exists()


def test_request_gives_the_units_start_its_reason(systemd, settings, home):
    systemd.add_gateway(home)
    one = settings()
    arbiter_module.request(one, arbiter_module.find(one), "3 GB", emergency=True)
    # An operator in between has a reason of their own and does not take the word away.
    systemd.units[UNIT]["ActiveState"] = "activating"
    assert arbiter_module.restart(one, "mine").entry["asked"] == "mine"
    systemd.units[UNIT]["ActiveState"] = "active"
    outcome = arbiter_module.restart(one, "scheduled restart", trigger="timer")
    assert [outcome.entry[key] for key in ("event", "trigger", "reason", "mode")] == [
        "restart",
        "watchdog",
        "3 GB",
        "emergency",
    ]


@pytest.mark.parametrize(
    "content",
    [
        {"reason": "old", "time": 0},
        {"reason": "another life", "invocation_id": "x"},
        {"reason": 1},
        {"time": "now", "reason": "x"},
    ],
)
def test_request_that_is_not_for_now(systemd, settings, home, content):
    systemd.add_gateway(home)
    one = settings()
    gateway = arbiter_module.find(one)
    files.write_atomic(
        os.path.join(one.folder, "request.json"),
        json.dumps(dict({"time": time.time(), "invocation_id": gateway.invocation_id}, **content)),
    )
    outcome = arbiter_module.restart(one, "scheduled restart", trigger="timer")
    # As for any timer: a gateway that has just started is left alone.
    assert (outcome.entry["trigger"], outcome.entry["code"]) == ("timer", "young")


def test_emergency_ends_the_wait(systemd, settings, home):
    home.mkdir()
    (home / "mode").write_text("busy")
    systemd.add_gateway(home)
    one = settings(wait_idle="10min")
    arbiter_module.request(one, arbiter_module.find(one), "3 GB", emergency=True)
    outcome = arbiter_module.restart(one, "mine")
    assert (outcome.event, outcome.entry["mode"]) == ("restart", "emergency")


def test_marker_that_cannot_be_removed_keeps_the_signal_back(systemd, settings, home, monkeypatch):
    systemd.add_gateway(home)

    def stuck(gateway):
        raise RunError("the drain marker cannot be removed")

    monkeypatch.setattr(arbiter_module.drain, "remove", stuck)
    with pytest.raises(RunError):
        arbiter_module.restart(settings(), "it leaks", emergency=True)
    assert systemd.calls == []
    assert ledger.read(settings().folder, 1)[0]["event"] == "failed"


def test_runtime_of_another_life_says_nothing(systemd, settings, home):
    systemd.add_gateway(home)
    gateway = arbiter_module.find(settings())
    assert state_file.runtime(gateway)["state"] == "running"
    state = json.loads((home / "gateway_state.json").read_text())
    for change in ({"pid": 1}, {"start_time": 5}, {"gateway_state": ["running"]}):
        (home / "gateway_state.json").write_text(json.dumps(dict(state, **change)))
        assert state_file.runtime(gateway)["state"] is None
    (home / "gateway_state.json").write_text(json.dumps(dict(state, active_agents=10**300)))
    assert state_file.runtime(gateway)["active_agents"] is None


def test_a_drain_of_somebody_else_is_left_alone(systemd, settings, home):
    """Its dashboard's marker: a scheduled restart would open the gateway again, and neither writes nor removes it."""
    systemd.add_gateway(home)
    one, gateway = settings(), None
    gateway = arbiter_module.find(one)
    marker = home / drain.NAME
    marker.write_text(json.dumps({"principal": "dashboard:ada"}))
    os.chown(str(marker), gateway.uid, -1)
    assert arbiter_module.refusal(one, gateway, "timer")[0] == "draining"
    # What would be a danger to wait for goes on, without it.
    assert (arbiter_module.refusal(one, gateway, "watchdog") or ("",))[0] != "draining"
    assert drain.write(gateway) is False
    assert drain.remove(gateway) is False
    assert json.loads(marker.read_text()) == {"principal": "dashboard:ada"}


def test_the_rest_of_a_host_is_left_alone_where_one_does_not_come_up(monkeypatch):
    from types import SimpleNamespace

    from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import gateway_restart

    asked = []

    def ask(name, reason, emergency):
        asked.append(name)
        return {"event": "failed" if name == "b" else "restart", "reason": "x"}

    monkeypatch.setattr(gateway_restart.guard_program, "restart", ask)
    entries = gateway_restart._one_by_one(
        [SimpleNamespace(name=name) for name in "abcd"], "test", False
    )
    assert asked == ["a", "b"]
    assert [entry["event"] for entry in entries] == ["restart", "failed", "refused", "refused"]
