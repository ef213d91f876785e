# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ended if the guard did not end it: the journal entries, and the text for the operator.

The texts and fields of the entries are those that systemd 247 to 257 write.
"""

from __future__ import annotations

import os
import signal
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    alarms,
    arbiter,
    doctor,
    down,
    ended,
    last_seen,
    ledger,
    memory_trend,
    status,
    watchdog,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import cgroup, journal, proc

UNIT = "hermes-gateway.service"
EXIT = "98e322203f7a4ed290d09fe03c09fe15"
RESULT = "d9b373ed55a64feb8242e02dbe79a49c"
STOPPED = "9d1aaa27d60140bd96365438aad20286"
STOPPING = "de5b426a63be47a7b6ac3eaac82e2f6f"
SUCCESS = "7ad2d189f7e94e70a38c781354912448"
OUT_OF_MEMORY = "fe6faa94e7774663a0da52717891d8ef"


def entry(message_id, text="", ago=0.0, **fields):
    named = {"MESSAGE_ID": message_id, "MESSAGE": "%s: %s" % (UNIT, text)}
    return journal.Entry(time.time() - ago, dict(named, **fields))


def exited(how, ago=0.0):
    return entry(EXIT, "Main process exited, " + how, ago)


KILL = exited("code=killed, status=9/KILL")
# A control process, such as that of ExecStop=, does not say anything about the gateway.
CONTROL = entry(EXIT, "Control process exited, code=exited, status=1/FAILURE")


@pytest.mark.parametrize(
    ("entries", "code", "words"),
    [
        ([], "unknown", "the journal has no entry"),
        ([KILL, entry(RESULT, UNIT_RESULT="signal")], "killed", "SIGKILL"),
        ([exited("code=killed, status=15/TERM")], "killed", "SIGTERM"),
        ([exited("code=killed, status=11/SEGV")], "crashed", "SIGSEGV"),
        ([exited("code=dumped, status=6/ABRT")], "crashed", "SIGABRT"),
        ([exited("code=killed, status=99/n/a")], "killed", "signal 99"),
        ([CONTROL, exited("code=exited, status=1/FAILURE")], "crashed", "exit code 1"),
        ([exited("code=exited, status=75/TEMPFAIL")], "exited", "exit code 75"),
        ([entry(SUCCESS, "Deactivated successfully.")], "exited", "without an error"),
        ([KILL, entry(RESULT, UNIT_RESULT="oom-kill")], "oom-killed", "OOM-killed"),
        ([entry(OUT_OF_MEMORY), KILL], "oom-killed", "OOM-killed"),
        ([entry(RESULT, UNIT_RESULT="start-limit-hit")], "crashed", "start-limit-hit"),
        ([entry(STOPPING, JOB_TYPE="stop")], "stopped", "by someone other than the guard"),
        # Hermes ends with 1 if it is stopped in a turn: it was stopped all the same.
        (
            [entry(STOPPING, JOB_TYPE="stop"), exited("code=exited, status=1/FAILURE")],
            "stopped",
            "",
        ),
        (
            [entry(STOPPING, JOB_TYPE="stop"), entry(SUCCESS), entry(STOPPED, JOB_TYPE="restart")],
            "restarted",
            "by someone other",
        ),
        ([KILL, entry(STOPPED, JOB_TYPE="restart")], "killed", "SIGKILL"),
        # It had ended before the stop.
        ([KILL, entry(STOPPING, JOB_TYPE="stop")], "killed", "SIGKILL"),
    ],
)
def test_what_the_journal_says(entries, code, words):
    found, reason, _moment = ended.judge(entries)
    assert (found, words in reason) == (code, True), reason


@pytest.fixture
def written(monkeypatch):
    """The journal: the entries that the test adds, and the number of queries."""
    state = {"entries": [], "asked": 0}

    def read(*_all, **_more):
        state["asked"] += 1
        return journal.Answer(state["entries"], [])

    monkeypatch.setattr(journal, "entries", read)
    monkeypatch.setattr(ended, "_by_systemd", lambda gateway: (ended.UNKNOWN, "not known"))
    return state


@pytest.fixture
def one(systemd, settings, home, tmp_path, monkeypatch):
    """A gateway that a check has seen, and that systemd does not start again.

    With the link in which systemd keeps its invocation, in the cgroup of this test.
    """
    links = tmp_path / "run/systemd/units"
    links.mkdir(parents=True)
    real = systemd.start

    def start(unit):
        real(unit)
        path = links / ("invocation:" + unit)
        if path.is_symlink():
            path.unlink()
        path.symlink_to(systemd.units[unit]["InvocationID"])

    monkeypatch.setattr(systemd, "start", start)
    monkeypatch.setattr(last_seen, "SYSTEM_RUNTIME", str(tmp_path / "run"))
    monkeypatch.setattr(cgroup, "processes", lambda pid, group: [pid])
    systemd.add_gateway(home, restart="no")
    group = proc.read("/proc/self/cgroup").splitlines()[-1].partition("::")[2] or "/"
    systemd.units[UNIT]["ControlGroup"] = group
    made = settings(threshold="1T")
    assert watchdog.check([made])[1]
    return made


def die(systemd, written, *entries):
    """The process of the gateway is killed; systemd writes ``entries`` about it."""
    facts = {"_PID": "1", "UNIT": UNIT, "INVOCATION_ID": systemd.units[UNIT]["InvocationID"]}
    written["entries"] += [journal.Entry(one.time, dict(one.fields, **facts)) for one in entries]
    process = systemd.processes[UNIT]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 10
    while systemd.units[UNIT]["ActiveState"] == "active" and time.monotonic() < deadline:
        time.sleep(0.01)


def events(settings):
    return [(one["event"], one["code"]) for one in ledger.read(settings.folder, 50)]


def test_killed_and_started_again(systemd, one, written):
    die(systemd, written, exited("code=killed, status=9/KILL"))
    systemd.start(UNIT)
    lines, good = watchdog.check([one])
    assert good and lines == [
        "hermes-gateway: killed: its process was killed with SIGKILL, but not by systemd"
    ]
    assert events(one) == [("ended", "killed")]
    # Only once: the next check does not query the journal.
    assert watchdog.check([one]) == ([], True)
    assert (events(one), written["asked"]) == ([("ended", "killed")], 1)
    end = status.status([one])["gateways"][0]["last_end"]
    assert (end["code"], end["runs"]) == ("killed", 1)
    assert not [line for line in doctor.problems([one]) if "down" in line]


def test_several_crashes_between_two_checks_are_counted(systemd, one, written):
    for _time in range(3):
        die(systemd, written, exited("code=exited, status=1/FAILURE"))
        systemd.start(UNIT)
    lines, _good = watchdog.check([one])
    assert lines[0].endswith("; 3 runs have ended like this since the last check")
    assert ledger.read(one.folder, 1)[0]["runs"] == 3


def test_each_way_in_which_a_run_ended_is_an_entry(systemd, one, written):
    """As after an upgrade: someone restarts it, and the new run does not last until a check."""
    die(systemd, written, entry(STOPPING, JOB_TYPE="stop"), entry(STOPPED, JOB_TYPE="restart"))
    systemd.start(UNIT)
    die(systemd, written, exited("code=exited, status=1/FAILURE"))
    watchdog.check([one])
    found = [("ended", "restarted"), ("ended", "crashed"), ("alert", "down")]
    assert events(one) == found
    assert "it has not started again" in ledger.read(one.folder, 2)[0]["reason"]


def test_run_that_the_guard_began_and_that_crashed_at_once(systemd, one, written):
    systemd.units[UNIT]["Restart"] = "always"
    assert arbiter.restart(one, "new version", emergency=True)["event"] == "restart"
    systemd.units[UNIT]["Restart"] = "no"
    die(systemd, written, exited("code=exited, status=1/FAILURE"))
    watchdog.check([one])
    assert events(one)[2:] == [("ended", "crashed"), ("alert", "down")]


def test_restart_of_the_guard_is_no_end(systemd, one, written):
    one.restart = "always"
    systemd.units[UNIT]["Restart"] = "always"
    assert arbiter.restart(one, "new version", emergency=True)["event"] == "restart"
    assert watchdog.check([one]) == ([], True)
    assert [event for event, _code in events(one)] == ["begun", "restart"]
    assert written["asked"] == 0


def test_gateway_that_failed(systemd, one, written, monkeypatch):
    """The alert is raised once, and closed when the gateway runs again."""
    told = []
    monkeypatch.setattr(alarms.notify, "send", lambda settings, entry: told.append(entry))
    one.notify_command = "true"
    die(systemd, written, exited("code=exited, status=1/FAILURE"))
    assert systemd.units[UNIT]["ActiveState"] == "failed"
    for _time in range(3):
        watchdog.check([one])
    assert events(one) == [("ended", "crashed"), ("alert", "down")]
    assert [(entry["event"], entry["code"]) for entry in told] == [("alert", "down")]
    gateway = status.status([one])["gateways"][0]
    assert gateway["down"].startswith("it is down (failed), since about 20")
    assert "it exited with exit code 1; the guard never starts" in gateway["down"]
    assert gateway["down"].endswith(": systemctl start hermes-gateway.service")
    assert [alert["code"] for alert in gateway["alerts"]] == ["down"]
    assert [line for line in doctor.problems([one]) if "it is down (failed)" in line]
    assert memory_trend.of_gateways([one])["hermes-gateway"]["down"] == gateway["down"]
    systemd.start(UNIT)
    watchdog.check([one])
    assert alarms.open_codes(one) == {"down"}, "it may be a crash loop"
    # "it is down; to start it: ..." would be wrong advice about a gateway that runs.
    [alert] = status.status([one])["gateways"][0]["alerts"]
    assert (alert["code"], alert["reason"]) == ("down", down.RUNS_AGAIN)
    assert "two minutes" in down.RUNS_AGAIN and watchdog.UP_SECONDS == 120
    monkeypatch.setattr(watchdog, "UP_SECONDS", 0)
    watchdog.check([one])
    assert told[-1]["event"] == "recovered" and alarms.open_codes(one) == set()
    assert memory_trend.of_gateways([one])["hermes-gateway"]["down"] is None


def stop(systemd, written, state="inactive"):
    """Someone stops the unit."""
    fields = {"_PID": "1", "UNIT": UNIT, "INVOCATION_ID": systemd.units[UNIT]["InvocationID"]}
    stopping = entry(STOPPING, JOB_TYPE="stop")
    written["entries"] = [journal.Entry(stopping.time, dict(stopping.fields, **fields))]
    systemd.stop(UNIT, state)


def test_gateway_that_failed_after_an_operator_started_it(systemd, one, written):
    """No check has seen the run that failed: the stop before it is no excuse."""
    stop(systemd, written)
    watchdog.check([one])
    assert alarms.open_codes(one) == set()
    systemd.start(UNIT)
    run = systemd.units[UNIT]["InvocationID"]
    systemd.stop(UNIT, "failed")
    systemd.units[UNIT]["InvocationID"] = run
    watchdog.check([one])
    assert alarms.open_codes(one) == {"down"}


def test_gateway_that_does_not_start_after_a_reboot(systemd, one, written, monkeypatch):
    """An alert, once the host has had the time to start it."""
    systemd.stop(UNIT)
    boot = [-3600.0]
    monkeypatch.setattr(ended.time, "clock_gettime", lambda _clock: boot[0])
    watchdog.check([one])
    assert events(one) == [("ended", "reboot")] and alarms.open_codes(one) == set()
    boot[0] = 1000.0
    watchdog.check([one])
    assert alarms.open_codes(one) == {"down"}


def test_gateway_that_was_stopped_is_no_fault(systemd, one, written):
    stop(systemd, written, "failed")
    watchdog.check([one])
    assert events(one) == [("ended", "stopped")] and alarms.open_codes(one) == set()
    assert not [line for line in doctor.problems([one]) if "down" in line]
    assert [line for line in doctor.notes([one]) if "it was stopped by someone other" in line]


def test_crash_is_told_once_an_hour(systemd, one, written, monkeypatch):
    told = []
    monkeypatch.setattr(alarms.notify, "send", lambda settings, entry: told.append(entry))
    one.notify_command = "true"
    for _time in range(2):
        die(systemd, written, exited("code=exited, status=1/FAILURE"))
        systemd.start(UNIT)
        watchdog.check([one])
    assert [(one["event"], one["code"]) for one in told] == [("crashed", "crashed")]
    assert events(one) == [("ended", "crashed")] * 2


def test_user_cannot_write_the_end_of_another_gateway(systemd, one, written):
    """An entry written by a user's process does not have the _PID of systemd."""
    die(systemd, written)
    faked = dict(KILL.fields, _PID="4711", UNIT=UNIT, INVOCATION_ID="x")
    written["entries"] = [journal.Entry(time.time(), faked)]
    systemd.start(UNIT)
    watchdog.check([one])
    assert events(one) == [("ended", "unknown")]


def test_host_was_restarted(systemd, one, written, monkeypatch):
    systemd.stop(UNIT)
    monkeypatch.setattr(ended.time, "clock_gettime", lambda clock: -3600.0)
    systemd.start(UNIT)
    lines, _good = watchdog.check([one])
    assert lines == ["hermes-gateway: reboot: the host was rebooted"]
    assert written["asked"] == 0


@pytest.mark.parametrize("sub_state", ["auto-restart", "auto-restart-queued"])
def test_gateway_that_is_started_again_and_again(systemd, one, written, sub_state):
    die(systemd, written, exited("code=exited, status=1/FAILURE"))
    systemd.units[UNIT].update(ActiveState="activating", SubState=sub_state)
    watchdog.check([one])
    assert events(one) == [("ended", "crashed"), ("alert", "down")]
    reason = ledger.read(one.folder, 1)[0]["reason"]
    assert "systemd is restarting it" in reason and "to start it" not in reason


def test_what_starts_or_stops_is_not_down(stub, one):
    for state in ("activating", "deactivating", "active", "reloading"):
        assert not down.is_down(stub(one, active_state=state, sub_state="start"))


def test_fault_of_the_journal_costs_no_check(systemd, one, monkeypatch):
    monkeypatch.setattr(ended, "judge", lambda entries: 1 / 0)
    systemd.stop(UNIT)
    systemd.start(UNIT)
    lines, good = watchdog.check([one])
    assert good and lines[0].startswith(
        "hermes-gateway: the end of its last run cannot be determined"
    )
