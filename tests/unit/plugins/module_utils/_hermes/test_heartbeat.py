# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway whose process runs, but whose event loop is frozen."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import socket
import threading
import time
from types import SimpleNamespace

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    alarms,
    arbiter,
    ledger,
    watchdog,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import heartbeat
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    command,
    confined,
    proc,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import RunError

UNIT = "hermes-gateway.service"


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr(heartbeat, "LOOK_AGAIN_SECONDS", 0)


@pytest.fixture
def one(tmp_path, monkeypatch):
    """A gateway that has run for a day."""
    monkeypatch.setattr(proc, "seconds_since", lambda ticks: 86400.0)
    account = pwd.getpwuid(os.getuid())
    return SimpleNamespace(
        home=str(tmp_path), uid=account.pw_uid, account=account, pid=os.getpid(), start_ticks=1
    )


def beat(home, ago, number, **changed):
    os.makedirs(os.path.join(str(home), "state"), exist_ok=True)
    content = {
        "pid": number,
        "updated_at": "2026-11-22T04:00:00+00:00",
        "monotonic": time.monotonic() - ago,
        "start_time": 1.0,
    }
    content.update(changed)
    with open(os.path.join(str(home), "state", "gateway.heartbeat"), "w") as out:
        out.write(json.dumps(content))


@pytest.mark.parametrize(
    ("ago", "frozen"), [(0, False), (29, False), (299, False), (301, True), (80000, True)]
)
def test_it_beats_every_30_seconds(one, ago, frozen):
    beat(one.home, ago, one.pid)
    assert (heartbeat.frozen(one) is not None) == frozen


def test_no_setting_of_the_clock_makes_it_old(one, monkeypatch):
    beat(one.home, 10, one.pid)
    for jump in (86400, -3600):
        monkeypatch.setattr(time, "time", lambda jump=jump: 1.8e9 + jump)
        assert 10 <= heartbeat.silence(one) < 300


@pytest.mark.parametrize(
    "changed",
    [
        {"pid": 1},
        {"monotonic": None},
        {"monotonic": "5"},
        {"monotonic": True},
        {"monotonic": 1e18},
        {"monotonic": float("nan")},
        {"monotonic": []},
        # Older than the process: from an earlier run with its pid.
        {"monotonic": -1e9},
    ],
)
def test_what_says_nothing_of_this_life(one, changed):
    beat(one.home, 400, one.pid, **changed)
    assert heartbeat.silence(one) is None


@pytest.mark.parametrize(
    "number", ["1" + 400 * "0", "-1" + 400 * "0", "1e400", "NaN", "true", '"5"', "[]"]
)
def test_a_beat_that_no_clock_shows(one, number):
    """The user controls the file: the watchdog continues with any content."""
    beat(one.home, 400, one.pid)
    path = os.path.join(one.home, heartbeat.NAME)
    with open(path, "w") as handle:
        handle.write('{"pid": %d, "monotonic": %s}' % (one.pid, number))
    assert heartbeat.frozen(one) is None


def test_an_older_hermes_has_none(one):
    assert heartbeat.frozen(one) is None


def test_a_machine_that_was_paused(one, monkeypatch):
    beat(one.home, 4000, one.pid)
    # The heartbeat is overdue, and is written as soon as the loop continues.
    monkeypatch.setattr(time, "sleep", lambda seconds: beat(one.home, 0, one.pid))
    assert heartbeat.frozen(one) is None


def test_a_full_disk_stops_the_beat_and_not_the_loop(one, monkeypatch):
    beat(one.home, 400, one.pid)
    assert heartbeat.frozen(one)
    for room in ({"f_bavail": 0}, {"f_favail": 0}):
        info = {"f_bavail": 1 << 20, "f_frsize": 4096, "f_files": 1 << 20, "f_favail": 1 << 20}
        info = {**info, **room}
        monkeypatch.setattr(os, "statvfs", lambda path, info=info: SimpleNamespace(**info))
        assert heartbeat.frozen(one) is None


@pytest.mark.parametrize("fault", ["122, 'Disk quota exceeded'", "30, 'Read-only file system'"])
def test_quota_or_read_only_disk_stops_the_beat_and_not_the_loop(one, monkeypatch, fault):
    """Only a write shows it: statvfs knows the disk's room and not the user's, and in the sandbox
    of the units every home is read-only.
    """
    beat(one.home, 400, one.pid)
    assert heartbeat.frozen(one)
    assert os.listdir(os.path.join(one.home, "state")) == ["gateway.heartbeat"]
    over = heartbeat._WITNESS.replace("os.fsync(fd)", "raise OSError(%s)" % fault)
    monkeypatch.setattr(heartbeat, "_WITNESS", over)
    assert heartbeat.frozen(one) is None
    assert os.listdir(os.path.join(one.home, "state")) == ["gateway.heartbeat"]


@contextlib.contextmanager
def witness(one, answers):
    """The socket of a loop; ``answers`` decides by the number of the call whether it answers."""
    path = os.path.join(one.home, "state", "gateway.loop-tick.%d.sock" % one.pid)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(path)
        server.listen(8)
        kept = []

        def serve():
            for number in range(99):
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return
                if answers(number):
                    kept[-1].sendall(b"1")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield kept
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for line in kept:
            line.close()


@pytest.fixture
def armed(one, monkeypatch):
    """From Hermes 0.21 on: the file is old, and the loop has a socket."""
    monkeypatch.setattr(heartbeat, "ANSWER_SECONDS", 0.3)
    beat(one.home, 400, one.pid, loop_tick_socket=True)
    return one


def test_busy_gateway_whose_loop_answers_is_not_frozen(armed):
    """Six requests of more than five minutes take all threads, so that none writes the file."""
    with witness(armed, lambda number: True):
        assert heartbeat.frozen(armed) is None
    # One answer in three tries is enough.
    os.unlink(os.path.join(armed.home, "state", "gateway.loop-tick.%d.sock" % armed.pid))
    with witness(armed, lambda number: number == 2):
        assert heartbeat.frozen(armed) is None


def test_loop_whose_file_is_old_and_whose_socket_is_silent_is_frozen(armed):
    with witness(armed, lambda number: False) as calls:
        assert 400 <= heartbeat.frozen(armed) < 500
        assert len(calls) == heartbeat.TRIES
    # No process listens any more.
    assert heartbeat.frozen(armed)


def test_socket_that_is_not_there_is_no_evidence(armed):
    assert heartbeat.frozen(armed) is None
    path = os.path.join(armed.home, "state", "gateway.loop-tick.%d.sock" % armed.pid)
    with open(path, "w"):
        pass
    assert heartbeat.frozen(armed) is None


@pytest.mark.parametrize("value", [False, None, "true", 1, []])
def test_hermes_without_its_second_witness_is_never_frozen_by_the_file(one, value):
    beat(one.home, 400, one.pid, loop_tick_socket=value)
    assert heartbeat.frozen(one) is None


@pytest.mark.parametrize(
    "result", [None, command.Result(1, "silent\n", ""), command.Result(0, "no-room\n", "")]
)
def test_witness_that_cannot_be_asked_is_no_evidence(one, monkeypatch, result):
    beat(one.home, 400, one.pid)

    def run(*_arguments, **_named):
        if result is None:
            raise RunError("python3 did not end within 30 s")
        return result

    monkeypatch.setattr(confined, "run", run)
    assert heartbeat.frozen(one) is None


def test_the_watchdog_asks_for_an_emergency(systemd, settings, tmp_path, monkeypatch):
    systemd.add_gateway(tmp_path / "home")
    monkeypatch.setattr(proc, "seconds_since", lambda ticks: 86400.0)
    watched = settings(threshold="1000000M")
    beat(tmp_path / "home", 400, systemd.pid())
    lines, good = watchdog.check([watched])
    assert good and "its event loop has been frozen for 7 min" in lines[0]
    assert systemd.calls == ["start hermes-gateway-restart.service"]
    with open(os.path.join(watched.folder, "request.json")) as handle:
        assert json.load(handle)["emergency"]


def test_alert_about_a_frozen_gateway_stays_open(systemd, settings, tmp_path, monkeypatch):
    """Its codes are those of memory alerts too, and its memory is far below the threshold."""
    systemd.add_gateway(tmp_path / "home")
    monkeypatch.setattr(proc, "seconds_since", lambda ticks: 86400.0)
    watched = settings(threshold="1000000M", notify_command="true", cooldown=0, daily_cap=1)
    beat(tmp_path / "home", 400, systemd.pid())
    told = []
    monkeypatch.setattr(alarms.notify, "send", lambda settings, entry: told.append(entry))
    row = {"time": time.time() - 3600, "event": "restart", "code": "restarted", "reason": "x"}
    ledger.write(watched.folder, **dict(row, trigger="watchdog"))
    for _number in range(3):
        watchdog.check([watched])
    assert [(one["event"], one["code"]) for one in told] == [("alert", "daily-cap")]


@pytest.mark.parametrize("changed", [{"action": "alert", "threshold": "1000000M"}, {}])
def test_only_a_watchdog_that_may_restart_does(systemd, settings, tmp_path, monkeypatch, changed):
    systemd.add_gateway(tmp_path / "home")
    monkeypatch.setattr(proc, "seconds_since", lambda ticks: 86400.0)
    watched = settings(**changed)
    beat(tmp_path / "home", 400, systemd.pid())
    for _number in range(2):
        watchdog.check([watched])
    assert systemd.calls == []
    assert [one["code"] for one in ledger.read(watched.folder, 9)] == (
        ["frozen"] if changed else []
    )


def test_the_arbiter_waits_for_nothing_and_sends_what_systemd_can_enforce(
    systemd, settings, tmp_path, monkeypatch
):
    home = tmp_path / "home"
    systemd.add_gateway(home)
    monkeypatch.setattr(heartbeat, "frozen", lambda gateway: 400.0)
    said = []
    outcome = arbiter.restart(settings(wait_idle="600s"), "frozen", say=said.append)
    assert (outcome["event"], outcome["mode"]) == ("restart", "emergency")
    assert systemd.calls == ["try-restart " + UNIT]
    assert "draining" not in said
    assert (home / "signals").read_text() == "SIGTERM clean\n"
