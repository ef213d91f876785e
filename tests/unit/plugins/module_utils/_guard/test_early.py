# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The early words: when they are due, and that each is told once per episode."""

from __future__ import annotations

import json
import os
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import alarms, early, ledger

NOW = 1_800_000_000.0
HOUR = 3600.0
MB = 1 << 20
# 18 MB/h, between 15 and 21.
RATES = {"growth": 18 * MB / HOUR, "growth_lower": 15 * MB / HOUR, "growth_upper": 21 * MB / HOUR}


def judged(verdict="leak", hour=0, run="a", **changed):
    """A judgement of some hour."""
    return early.Judgement(NOW + hour * HOUR, run, verdict, **dict(RATES, **changed))


def soon(hours=20, **changed):
    """A judgement by which the limit is reached in so many hours, and 2 hours sooner at worst."""
    times = {"reached": NOW + hours * HOUR, "earliest": NOW + (hours - 2) * HOUR}
    return judged(**dict(times, limit=4096 * MB, **changed))


@pytest.mark.parametrize(
    ("judgement", "expected"),
    [
        # A day is when docs/report.md says that someone must act.
        (soon(23.9), True),
        (soon(24), False),
        # It is there already.
        (soon(0), True),
        # The growth reaches no limit, or there is no growth.
        (judged(), False),
        # The calendar restarts it before the earliest time, or only after that.
        (soon(20, next_restart=NOW + 17 * HOUR), False),
        (soon(20, next_restart=NOW + 19 * HOUR), True),
        # Without an interval, before the limit.
        (soon(20, earliest=None, next_restart=NOW + 19 * HOUR), False),
        # The watchdog restarts it before its limit.
        (soon(20, watchdog_acts=True), False),
        # The verdict alone decides nothing here.
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
        "leak": "its memory is judged a leak: it grows by 18 MB/h (95 % interval 15 to 21); see "
        "hermes-guard trend",
        "limit-soon": "its memory reaches the limit of 4096 MB in 20 h: it grows by 18 MB/h (95 % "
        "interval 15 to 21), before it is restarted",
    }
    bare = early.Judgement(NOW, "a", "leak")
    assert early.findings(bare, NOW) == {
        "leak": "its memory is judged a leak; see hermes-guard trend"
    }


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
    # The same judgement, at the next check.
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
    # It is soon again in the next run: the restart has not helped.
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
    alarms.amend(one, "leak", {"told": time.time() - 86300})
    early.note(one, judged(hour=1), NOW)
    assert told(one) == []
    alarms.amend(one, "leak", {"told": time.time() - 86500})
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
