# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts are sent until the notify command succeeds, sent again near the limit, and closed."""

from __future__ import annotations

import json
import os
import stat
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    alarms,
    check_alerts,
    doctor,
    last_seen,
    ledger,
    limits,
    managed,
    notify,
    watchdog,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import journal
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import SystemdError

UNIT = "hermes-gateway.service"
NOTIFIER = """
import json, os, sys
place = os.path.dirname(sys.argv[0])
if os.path.exists(os.path.join(place, "fails")):
    sys.exit(7)
with open(os.path.join(place, "told"), "a") as out:
    said = json.load(sys.stdin)
    for name in ("event", "code", "gateway", "host", "reason"):
        assert said[name] == os.environ["HERMES_GUARD_" + name.upper()]
    out.write(json.dumps([said["event"], said["code"], said["reason"]]) + "\\n")
"""


class Notifier:
    """A notify command, and the messages that it was given: (event, code) in order."""

    def __init__(self, place, python):
        self.place = place
        (place / "notify.py").write_text(NOTIFIER)
        self.command = "%s %s" % (python, place / "notify.py")

    def works(self, works):
        path = self.place / "fails"
        if works:
            path.unlink()
        else:
            path.touch()

    @property
    def all(self):
        path = self.place / "told"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def told(self):
        return [tuple(one[:2]) for one in self.all]


@pytest.fixture
def notifier(tmp_path, systemd):
    return Notifier(tmp_path, systemd.python)


@pytest.fixture
def one(systemd, settings, home, notifier):
    """A gateway whose watchdog only alerts."""
    systemd.add_gateway(home)
    return settings(
        threshold="1M", breaches="1 of 1", action="alert", notify_command=notifier.command
    )


def test_alarm_that_the_notifier_does_not_take_is_told_again(one, notifier):
    notifier.works(False)
    for _number in range(2):
        lines, good = watchdog.check([one])
        assert not good
        assert lines[1].endswith(
            "the notify command failed (exit code 7); the next check tries again"
        )
    notifier.works(True)
    for _number in range(2):
        assert watchdog.check([one])[1]
    assert notifier.told == [("alert", "threshold")]


def test_second_alarm_near_the_limit_and_one_when_it_is_over(one, notifier, monkeypatch):
    watchdog.check([one])
    used = limits.resident(json.loads(json.dumps(alarms_row(one))))
    # At 91 % of the limit, which is not an emergency yet.
    monkeypatch.setattr(limits, "kernel_limit", lambda *dummy: int(used / 0.91))
    for _number in range(2):
        watchdog.check([one])
    # At 96 % it is an emergency; the same alert covers it.
    monkeypatch.setattr(limits, "kernel_limit", lambda *dummy: int(used / 0.96))
    watchdog.check([one])
    assert notifier.told == [("alert", "threshold"), ("alert", "near-limit")]
    monkeypatch.setattr(limits, "kernel_limit", lambda *dummy: 1 << 60)
    one.threshold = 1 << 40
    for _number in range(2):
        watchdog.check([one])
    assert notifier.told[2:] == [("recovered", "threshold")]
    assert alarms.open_codes(one) == set()
    # If it grows again, it raises an alert again.
    one.threshold = 1 << 20
    watchdog.check([one])
    assert notifier.told[3:] == [("alert", "threshold")]
    assert [entry["event"] for entry in ledger.read(one.folder, 9)][-2:] != []


def alarms_row(one):
    gateway = managed.find(one)
    return watchdog.sampling.take(gateway)


def test_over_after_the_last_samples_only(one, notifier, settings):
    """Memory that oscillates around the threshold raises one alert."""
    one.breaches = (1, 3)
    watchdog.check([one])
    one.threshold = 1 << 40
    past = watchdog.history.tail(one.folder, 1)[0]
    one.threshold = 1 << 20
    path = os.path.join(one.folder, "memory.csv")
    for number in range(3):
        row = dict(past, timestamp=past["timestamp"] + number + 1, tree_rss_bytes=1, rss_bytes=1)
        watchdog.history.append(one.folder, dict(row, swap_bytes=0))
        check_alerts.memory_is_over(managed.find(one), dict(row, swap_bytes=0))
        assert ("recovered", "threshold") not in notifier.told
        assert bool(alarms.open_codes(one)) == (number < 2)
    assert os.path.exists(path)


def test_new_run_is_a_new_alarm(systemd, one, notifier):
    watchdog.check([one])
    systemd._restart([UNIT])
    watchdog.check([one])
    assert notifier.told == [("alert", "threshold")] * 2


def test_systemd_that_does_not_answer_at_a_breach(systemd, one, notifier, monkeypatch):
    """No answer does not mean "not installed": nothing is restarted, and an alert is sent."""
    one.action = "restart"
    assert watchdog.check([one])[1]
    systemd.fails.add("show")
    lines, good = watchdog.check([one])
    assert not good and "does not answer" in lines[0]
    assert ("alert", "silent") in notifier.told
    systemd.fails.clear()
    watchdog.check([one])
    assert ("recovered", "silent") in notifier.told


def test_breach_of_a_known_process_while_systemd_is_silent(systemd, one, notifier, monkeypatch):
    one.action = "restart"
    gateway = managed.find(one)
    monkeypatch.setattr(watchdog.last_seen, "still", lambda settings: gateway)

    def silent(*_arguments):
        raise SystemdError("systemctl did not end within 10 s")

    monkeypatch.setattr(managed, "find", silent)
    lines, good = watchdog.check([one])
    assert not good and "cannot be restarted because systemd does not answer" in lines[0]
    assert (systemd.calls, notifier.told) == ([], [("alert", "unanswered")])


def test_unit_that_is_gone_or_renamed_is_said(systemd, one, notifier):
    systemd.stop(UNIT)
    systemd.units["other.service"] = systemd.units.pop(UNIT)
    for _number in range(2):
        lines, good = watchdog.check([one])
        assert not good
        assert lines == [
            "hermes-gateway: its unit hermes-gateway.service was removed or renamed: run the "
            "playbook again"
        ]
    assert notifier.told == [("alert", "gone")]


def test_restart_that_failed_is_told_until_it_is_taken(one, notifier):
    notifier.works(False)
    alarms.put(one, "failed", "not-up", "it did not come up")
    assert "failed (exit code 7)" in alarms.deliver(one, time.monotonic() + 60)
    notifier.works(True)
    watchdog.check([one])
    assert notifier.told[0] == ("failed", "not-up")


def test_what_waits_does_not_grow_for_ever(one, notifier):
    notifier.works(False)
    for number in range(3 * alarms.MOST_WAITING):
        alarms.put(one, "restart", "asked", "number %d" % number)
    notifier.works(True)
    alarms.deliver(one, time.monotonic() + 60)
    assert len(notifier.told) == alarms.MOST_WAITING


def test_alarm_that_was_never_told_is_not_called_off(one, notifier):
    notifier.works(False)
    watchdog.check([one])
    notifier.works(True)
    one.threshold = 1 << 40
    watchdog.check([one])
    assert notifier.told == []


def test_record_is_roots_own(one):
    watchdog.check([one])
    path = os.path.join(one.folder, alarms.NAME)
    # Everyone may read it, like the ledger: status shows the open alerts to every user.
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o644
    for text in ("", "[]", '{"open": 3, "waiting": {}}', '{"open": {"a": 1}, "waiting": [2]}'):
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        assert alarms.open_codes(one) == set() and alarms.deliver(one, time.monotonic() + 9) is None


def test_command_is_tried(one, settings, notifier, capsys):
    other = settings(unit="hermes-gateway-b.service", notify_command=notifier.command)
    bare = settings(unit="hermes-gateway-c.service")
    assert notify.test([one, other]) == (["hermes-gateway: the notify command succeeded"], True)
    assert notifier.told == [("test", "test")]
    notifier.works(False)
    lines, good = notify.test([one, bare])
    assert (good, lines) == (
        False,
        [
            "hermes-gateway: the notify command failed (exit code 7)",
            "hermes-gateway-c: no notify command is set",
        ],
    )
    assert notify.test([]) == (["no gateway is configured on this host"], False)


def test_file_of_the_configuration_that_is_wrong_is_said_once(one, notifier):
    for _number in range(2):
        check_alerts.note_faults([one], ["zz-local.conf is ignored: line 3"])
    check_alerts.deliver([one], watchdog.progress.Progress())
    assert notifier.told == [("alert", "config")]
    check_alerts.note_faults([one], [])
    check_alerts.deliver([one], watchdog.progress.Progress())
    assert notifier.told[1:] == [("recovered", "config")]


def test_reminder_once_a_day_while_it_lasts(one, notifier):
    watchdog.check([one])
    for told, expected in (
        (time.time() - 86300, []),
        (time.time() - 86500, [("reminder", "threshold")]),
        # The clock was set back: one reminder too many is better than none.
        (time.time() + 9000, [("reminder", "threshold")]),
    ):
        before = len(notifier.told)
        alarms.amend(one, "threshold", {"notified": told})
        for _number in range(2):
            watchdog.check([one])
        assert notifier.told[before:] == expected
    reason = notifier.all[-1][2]
    assert reason.startswith("since 20") and "is above the threshold of 1 MB" in reason
    one.threshold = 1 << 40
    alarms.amend(one, "threshold", {"notified": 0})
    watchdog.check([one])
    assert notifier.told[-1] == ("recovered", "threshold")


def test_no_reminder_of_what_was_never_told(one, notifier):
    notifier.works(False)
    watchdog.check([one])
    alarms.amend(one, "threshold", {"notified": 0})
    watchdog.check([one])
    notifier.works(True)
    watchdog.check([one])
    assert notifier.told == [("alert", "threshold")]


def test_alarm_of_an_earlier_version_has_no_reminder(one, notifier):
    """It has no time of the last notification."""
    watchdog.check([one])
    path = os.path.join(one.folder, alarms.NAME)
    with open(path, encoding="utf-8") as kept:
        state = json.load(kept)
    state["open"]["threshold"] = {"run": state["open"]["threshold"]["run"], "reason": "old"}
    with open(path, "w", encoding="utf-8") as out:
        json.dump(state, out)
    watchdog.check([one])
    assert notifier.told == [("alert", "threshold")]


def test_waiting_reminder_goes_with_its_alarm(one, notifier):
    watchdog.check([one])
    notifier.works(False)
    alarms.amend(one, "threshold", {"notified": 0})
    watchdog.check([one])
    notifier.works(True)
    one.threshold = 1 << 40
    watchdog.check([one])
    assert notifier.told == [("alert", "threshold"), ("recovered", "threshold")]


def test_gateway_that_was_stopped_has_no_alarm_about_its_memory(
    systemd, one, notifier, monkeypatch
):
    """A gateway that has failed keeps its alert: that is not a recovery."""
    monkeypatch.setattr(last_seen, "run", lambda settings: (run, time.time()))
    run = systemd.units[UNIT]["InvocationID"]
    watchdog.check([one])
    fields = {"_PID": "1", "UNIT": UNIT, "INVOCATION_ID": run}
    stopping = dict(fields, MESSAGE_ID="de5b426a63be47a7b6ac3eaac82e2f6f", JOB_TYPE="stop")
    answer = journal.Answer([journal.Entry(time.time(), stopping)], [])
    monkeypatch.setattr(journal, "entries", lambda *_all, **_more: answer)
    systemd.stop(UNIT, "failed")
    watchdog.check([one])
    assert alarms.open_codes(one) == {"threshold"}
    systemd.units[UNIT]["ActiveState"] = "inactive"
    watchdog.check([one])
    assert notifier.told == [("alert", "threshold"), ("recovered", "threshold")]
    assert notifier.all[-1][2].startswith("it was stopped; the alert was:")


def test_ledger_of_an_earlier_version(one):
    """It may have the old event "resolved", which is now "recovered"."""
    ledger.write(one.folder, "resolved", "threshold", "over", trigger="watchdog")
    assert [entry["event"] for entry in ledger.read(one.folder, 1)] == ["resolved"]
    assert ledger.restarts_since(one.folder, 0) == []


def test_doctor_says_that_messages_are_not_taken(one, notifier):
    assert doctor._not_told(one) == []
    alarms.put(one, "failed", "not-up", "it did not come up")
    # It is about to be sent.
    assert doctor._not_told(one) == []
    path = os.path.join(one.folder, alarms.NAME)
    with open(path, encoding="utf-8") as kept:
        state = json.load(kept)
    state["waiting"][0]["time"] = 1_800_000_000
    state["waiting"].append({"time": "x"})
    with open(path, "w", encoding="utf-8") as out:
        json.dump(state, out)
    assert doctor._not_told(one) == [
        "notifications not delivered: 1, the first from 2027-01-15 08:00 UTC: run "
        "hermes-guard notify --test"
    ]


def full(*_arguments, **_named):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("code", ["config", "silent", "gone"])
def test_alert_that_cannot_be_closed_stops_no_check(systemd, one, monkeypatch, code):
    """On a full disk it stays open; the gateway above its threshold is restarted."""
    one.action = "restart"
    one.startup_grace = 0
    alarms.alert_of(one, code, "x")
    monkeypatch.setattr(alarms.files, "write_atomic", full)
    check_alerts.note_faults([one], [])
    watchdog.check([one])
    assert systemd.calls == ["start hermes-gateway-restart.service"]
    assert code in alarms.open_codes(one)


def test_alert_near_the_limit_on_a_full_disk(systemd, one, notifier, monkeypatch):
    """The refusal cannot be stored: the operator still gets the alert."""
    one.action = "restart"
    one.startup_grace = 3600
    monkeypatch.setattr(limits, "is_near", lambda *_arguments: True)
    for name in ("append_line", "write_atomic"):
        monkeypatch.setattr(alarms.files, name, full)
    watchdog.check([one])
    assert notifier.told == [("alert", "near-limit")]


def test_watchdog_that_is_switched_off_closes_its_alerts(one, notifier):
    watchdog.check([one])
    one.threshold = None
    watchdog.check([one])
    assert alarms.open_codes(one) == set()
    assert notifier.told == [("alert", "threshold"), ("recovered", "threshold")]


def test_user_whose_manager_stops_has_stopped_the_gateway(systemd, one, monkeypatch):
    """No reminder for a process that does not run."""
    watchdog.check([one])
    assert alarms.open_codes(one) == {"threshold"}
    asleep = discovery.Look({}, {}, {one.name})
    monkeypatch.setattr(discovery, "look", lambda *_arguments: asleep)
    monkeypatch.setattr(last_seen, "still", lambda _settings: None)
    watchdog.check([one])
    assert "threshold" not in alarms.open_codes(one)
