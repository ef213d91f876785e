# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Early alerts: when they are raised, and that each is sent once per episode."""

from __future__ import annotations

import json
import os
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    alarms,
    counters,
    early,
    ledger,
    sampling,
    supervised,
    suspension,
    verdict_cache,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import unit_journal
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    guard_program,
    journal,
    proc,
)

NOW = 1_800_000_000.0
HOUR = 3600.0
MB, GB = 1 << 20, 1 << 30
# 18 MB/h, between 15 and 21.
RATES = {"growth": 18 * MB / HOUR, "growth_lower": 15 * MB / HOUR, "growth_upper": 21 * MB / HOUR}


def judged(verdict="leak", hour=0, run="a", **changed):
    """A judgement at some time."""
    return early.Judgement(NOW + hour * HOUR, run, verdict, **dict(RATES, **changed))


def soon(hours=20, **changed):
    """A judgement that reaches the limit in ``hours``, or 2 hours earlier at worst."""
    times = {"reached": NOW + hours * HOUR, "earliest": NOW + (hours - 2) * HOUR}
    return judged(**dict(times, limit=4096 * MB, **changed))


@pytest.mark.parametrize(
    ("judgement", "expected"),
    [
        # A day is when docs/report.md says that someone must act.
        (soon(23.9), True),
        (soon(24), False),
        # The limit is already reached.
        (soon(0), True),
        # The growth reaches no limit, or the memory does not grow.
        (judged(), False),
        # The calendar restarts it before the earliest time, or after it.
        (soon(20, next_restart=NOW + 17 * HOUR), False),
        (soon(20, next_restart=NOW + 19 * HOUR), True),
        # Without an interval, before the limit.
        (soon(20, earliest=None, next_restart=NOW + 19 * HOUR), False),
        # The watchdog restarts it before its limit.
        (soon(20, watchdog_acts=True), False),
        # The verdict alone does not matter here.
        (soon(20, verdict="suspected"), True),
    ],
)
def test_when_the_limit_is_soon(judgement, expected):
    assert early.is_limit_soon(judgement, NOW) == expected


@pytest.mark.parametrize("verdict", ["suspected", "saturating", "flat", "insufficient", "step"])
def test_only_a_leak_is_a_leak(verdict):
    assert early.findings(judged(verdict), NOW) == {}


def test_sentences():
    assert early.findings(soon(20), NOW) == {
        "leak": "it leaks memory: growth 18 MB/h (95 % interval 15 to 21); see hermes-guard trend",
        "limit-soon": "it reaches its limit of 4096 MB in 20 h, before its next restart: growth "
        "18 MB/h (95 % interval 15 to 21)",
    }
    bare = early.Judgement(NOW, "a", "leak")
    assert early.findings(bare, NOW) == {"leak": "it leaks memory; see hermes-guard trend"}


@pytest.fixture
def one(systemd, settings):
    return settings()


def told(one):
    """(event, code) of each message that waits."""
    with open(os.path.join(one.folder, alarms.NAME), encoding="utf-8") as handle:
        return [(entry["event"], entry["code"]) for entry in json.load(handle)["waiting"]]


def test_leak_is_told_once_and_called_off_after_two_judgements(one):
    assert early.note(one, judged("flat"), NOW) == []
    # Most gateways do not leak, and have no such file.
    assert not os.path.exists(os.path.join(one.folder, alarms.NAME))
    assert len(early.note(one, judged(hour=1), NOW)) == 1
    # Restarts do not end a leak.
    assert early.note(one, judged(hour=2, run="b"), NOW) == []
    early.note(one, judged("suspected", 3), NOW)
    # The next check has the same judgement.
    early.note(one, judged("suspected", 3), NOW)
    # One of them alone may be chance.
    early.note(one, judged(hour=4), NOW)
    early.note(one, judged("flat", 5), NOW)
    assert told(one) == [("leak", "leak")]
    alarms.deliver(one, time.monotonic() + 9)
    early.note(one, judged("flat", 6), NOW)
    assert told(one) == [("recovered", "leak")]
    # The next episode.
    early.note(one, judged(hour=7), NOW)
    assert told(one) == [("recovered", "leak"), ("leak", "leak")]
    assert [entry["event"] for entry in ledger.read(one.folder, 9)] == ["leak", "recovered", "leak"]


def test_limit_soon_ends_with_its_run(one):
    assert len(early.note(one, soon(20, verdict="suspected", hour=0), NOW)) == 1
    # The next run soon reaches the limit too: the restart has not helped.
    early.note(one, soon(20, verdict="suspected", hour=1, run="b"), NOW)
    assert set(alarms.open_codes(one)) == {"limit-soon"}
    # Not within the same run, after one judgement: the forecast swings around a day.
    early.note(one, soon(30, verdict="suspected", hour=2, run="b"), NOW)
    assert set(alarms.open_codes(one)) == {"limit-soon"}
    early.note(one, soon(20, verdict="suspected", hour=3, run="b"), NOW)
    alarms.deliver(one, time.monotonic() + 9)
    early.note(one, soon(90, verdict="suspected", hour=4, run="c"), NOW)
    assert set(alarms.open_codes(one)) == set()
    assert told(one) == [("recovered", "limit-soon")]


def test_memory_below_the_threshold_does_not_end_a_leak(one):
    early.note(one, judged(), NOW)
    codes = alarms.open_codes(one).difference(alarms.OTHERS)
    alarms.settle(one, codes, "it is below the threshold")
    assert alarms.open_codes(one) == {"leak"}


def test_reminder_once_a_day_with_the_judgements(one):
    early.note(one, judged(), NOW)
    alarms.deliver(one, time.monotonic() + 9)
    alarms.amend(one, "leak", {"notified": time.time() - 86300})
    early.note(one, judged(hour=1), NOW)
    assert told(one) == []
    alarms.amend(one, "leak", {"notified": time.time() - 86500})
    for hour in (2, 3):
        early.note(one, judged(hour=hour), NOW)
    assert told(one) == [("reminder", "leak")]


def test_full_disk_is_no_error(one, monkeypatch):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    sent = []
    monkeypatch.setattr(alarms.notify, "send", lambda settings, entry: sent.append(entry["event"]))
    monkeypatch.setattr(alarms.files, "write_atomic", full)
    assert len(early.note(one, judged(), NOW)) == 1
    assert sent == ["leak"]


@pytest.fixture
def one_seen(systemd, settings, home, monkeypatch):
    """A check of one gateway, whose history has been judged: call it with what differs."""
    systemd.add_gateway(home)
    gateway = settings(threshold="")
    monkeypatch.setattr(unit_journal, "read", lambda *_arguments: journal.Answer([], []))
    monkeypatch.setattr(proc, "host_memory", lambda: {"total_bytes": GB, "available_bytes": GB})
    supervised.check([gateway])

    def check(**changed):
        path = os.path.join(gateway.folder, verdict_cache.NAME)
        with open(path, encoding="utf-8") as kept:
            record = json.load(kept)
        record.update(slope=60 * MB / HOUR, low=50 * MB / HOUR, high=70 * MB / HOUR)
        record.update(dict({"verdict": "leak", "grows": True}, **changed))
        with open(path, "w", encoding="utf-8") as out:
            json.dump(record, out)
        lines, good = supervised.check([gateway])
        assert good
        return [line.partition(": ")[2] for line in lines]

    check.settings = gateway
    return check


def test_check_warns_once_with_the_verdict_of_the_hour(one_seen):
    """A process of about 10 MB reaches a limit of 1 GB in 17 hours at 60 MB/h."""
    leak, limit = one_seen()
    assert leak.startswith("it leaks memory: growth 60 MB/h (95 % interval 50")
    assert limit.startswith("it reaches its limit of 1024 MB in 1") and " h, before" in limit
    assert one_seen() == []
    assert alarms.open_codes(one_seen.settings) == {"leak", "limit-soon"}
    for number in (1, 2):
        assert one_seen(verdict="flat", grows=False, judged=time.time() + number) == []
    assert alarms.open_codes(one_seen.settings) == set()


def test_limit_that_is_days_away(one_seen):
    slow = {"slope": 30 * MB / HOUR, "low": 20 * MB / HOUR, "high": 40 * MB / HOUR}
    assert len(one_seen(**slow)) == 1
    assert alarms.open_codes(one_seen.settings) == {"leak"}


def test_watchdog_that_acts_before_the_limit(one_seen):
    one_seen.settings.threshold = 900 * MB
    one_seen(verdict="suspected")
    assert alarms.open_codes(one_seen.settings) == set()
    # A threshold above the limit has no effect.
    one_seen.settings.threshold = 2 * GB
    one_seen(verdict="suspected")
    assert alarms.open_codes(one_seen.settings) == {"limit-soon"}


def test_watchdog_that_only_alerts_or_has_used_up_its_restarts(one_seen, monkeypatch):
    one_seen.settings.threshold = 900 * MB
    one_seen.settings.action = "alert"
    one_seen(verdict="suspected")
    assert alarms.open_codes(one_seen.settings) == {"limit-soon"}
    alarms.settle(one_seen.settings, ("limit-soon",), "over")
    one_seen.settings.action = "restart"
    monkeypatch.setattr(counters.Counters, "of_last_day", lambda self, now: 6)
    one_seen(verdict="suspected")
    assert alarms.open_codes(one_seen.settings) == {"limit-soon"}


@pytest.mark.parametrize(
    ("hours", "suspended", "soon"), [(2, False, False), (20, False, True), (2, True, True)]
)
def test_restart_of_the_calendar(one_seen, monkeypatch, hours, suspended, soon):
    """At 70 MB/h the limit is reached in 14 hours at the earliest."""
    moment = time.time() + hours * HOUR
    kept = property(lambda self: {"next": moment}, lambda self, value: None)
    monkeypatch.setattr(counters.Counters, "timer", kept, raising=False)
    if suspended:
        end = suspension.Suspension(moment - HOUR, moment + HOUR, False)
        monkeypatch.setattr(suspension, "read", lambda folder, now=None: end)
    one_seen(verdict="suspected")
    assert alarms.open_codes(one_seen.settings) == ({"limit-soon"} if soon else set())


def test_burst_is_no_limit_that_is_near(one_seen, monkeypatch):
    """All samples of 15 minutes must agree, as for the Prometheus alert."""
    real = sampling.measured

    def burst(gateway):
        return dict(real(gateway), tree_rss_bytes=900 * MB)

    slow = {"slope": 30 * MB / HOUR, "low": 20 * MB / HOUR, "high": 40 * MB / HOUR}
    monkeypatch.setattr(sampling, "measured", burst)
    one_seen(verdict="suspected", **slow)
    assert alarms.open_codes(one_seen.settings) == set()
    monkeypatch.setattr(early, "BURST_SECONDS", -1)
    one_seen(verdict="suspected", **slow)
    assert alarms.open_codes(one_seen.settings) == {"limit-soon"}


def test_check_of_a_new_installation_decides_nothing(one_seen, monkeypatch):
    monkeypatch.setenv(guard_program.LOOK_UNTIL, str(int(time.time()) + 60))
    assert one_seen() == []
    assert alarms.open_codes(one_seen.settings) == set()


def test_fault_costs_its_own_gateway(one_seen, monkeypatch):
    def strange(*_arguments):
        raise ValueError("strange")

    monkeypatch.setattr(early, "judgement", strange)
    with pytest.raises(AssertionError):
        one_seen()
    lines, good = supervised.check([one_seen.settings])
    assert (lines, good) == (["hermes-gateway: cannot be checked: strange"], False)
