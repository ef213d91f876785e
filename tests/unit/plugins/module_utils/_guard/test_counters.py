# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counters survive a halved ledger, an incomplete line and the end of a run."""

from __future__ import annotations

import json
import os
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import counters, ledger
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import files

assert counters.LEDGER == ledger.NAME
RUN, NEXT = ["a" * 32, 7], ["b" * 32, 8]


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path)


@pytest.fixture
def quick(monkeypatch):
    """Thousands of entries, written without fsync."""
    real = files.append_line
    monkeypatch.setattr(files, "append_line", lambda *given, **named: real(*given, sync=False))
    monkeypatch.setattr(os, "fsync", lambda fd: None)


def check(folder):
    """Use the counters like a check, and return their new values."""
    found = counters.Counters(folder)
    found.save()
    return found


def restart(folder, number=0, trigger="watchdog"):
    ledger.write(
        folder,
        "restart",
        "restarted",
        "it leaked " + "x" * 300,
        trigger=trigger,
        mode="drain",
        invocation_id="run-%d" % number,
    )


def test_events_are_counted_by_their_labels(folder):
    check(folder)
    restart(folder)
    restart(folder, 1, "timer")
    ledger.write(folder, "begun", "begun", "it leaked", trigger="watchdog", mode="drain")
    ledger.write(folder, "failed", "not-up", "no", trigger="timer", mode="second-try")
    for _twice in range(2):
        # A repetition of the last entry is not counted again.
        ledger.write(folder, "refused", "cooldown", "too early", trigger="watchdog")
    ledger.write(folder, "alert", "threshold", "too much", trigger="watchdog")
    ledger.write(folder, "resolved", "threshold", "less", trigger="watchdog")
    assert check(folder).totals == {
        "restarts": {"watchdog drain": 1, "timer drain": 1},
        "failures": {"not-up": 1},
        "refusals": {"cooldown": 1},
        "alerts": {"threshold": 1},
        "oom_kills": 0,
    }
    assert check(folder).totals["restarts"] == {"watchdog drain": 1, "timer drain": 1}


def test_what_was_before_the_first_page_is_not_counted(folder):
    """A counter must start at 0: Prometheus sees no rise in one that starts with a value."""
    restart(folder)
    assert check(folder).totals["restarts"] == {}
    restart(folder, 1)
    assert check(folder).totals["restarts"] == {"watchdog drain": 1}


def test_a_check_without_news_writes_nothing(folder, monkeypatch):
    check(folder)
    restart(folder)
    check(folder)
    monkeypatch.setattr(files, "write_atomic", None)
    assert not check(folder).changed


def test_nothing_is_lost_and_nothing_counted_twice_over_halvings(folder, quick, monkeypatch):
    monkeypatch.setattr(ledger, "_KEEP_BYTES", 1 << 17)
    halvings = []
    real = ledger._halve
    monkeypatch.setattr(ledger, "_halve", lambda path: halvings.append(path) or real(path))
    check(folder)
    last = 0
    for number in range(2500):
        restart(folder, number)
        if number % 7 == 0:
            total = check(folder).totals["restarts"]["watchdog drain"]
            assert total >= last
            last = total
    assert len(halvings) >= 5
    assert check(folder).totals["restarts"] == {"watchdog drain": 2500}


def test_last_counted_entry_is_gone_after_a_halving(folder, quick, monkeypatch):
    """The later entries that are still in the ledger are counted; dropped ones are not."""
    restart(folder)
    check(folder)
    monkeypatch.setattr(ledger, "_KEEP_BYTES", 4000)
    monkeypatch.setattr(time, "time", iter(range(10**9 * 3, 10**10)).__next__)
    for number in range(8):
        restart(folder, number)
    entries = len(ledger.read(folder, 99))
    assert entries < 8
    assert check(folder).totals["restarts"] == {"watchdog drain": entries}


def test_torn_last_line_waits(folder):
    check(folder)
    restart(folder)
    path = os.path.join(folder, ledger.NAME)
    with open(path, "rb") as handle:
        whole = handle.read()
    with open(path, "wb") as handle:
        handle.write(whole[:-20])
    assert check(folder).totals["restarts"] == {}
    # The ledger is not read again until it changes.
    assert not counters.Counters(folder).changed
    with open(path, "ab") as handle:
        handle.write(whole[-20:])
    assert check(folder).totals["restarts"] == {"watchdog drain": 1}


def test_line_that_stays_torn_costs_itself(folder):
    check(folder)
    restart(folder)
    path = os.path.join(folder, ledger.NAME)
    os.truncate(path, os.path.getsize(path) - 20)
    check(folder)
    restart(folder, 1)
    restart(folder, 2)
    assert check(folder).totals["restarts"] == {"watchdog drain": 2}


def test_bytes_of_a_failing_disk_cost_their_line(folder):
    check(folder)
    restart(folder)
    with open(os.path.join(folder, ledger.NAME), "ab") as handle:
        handle.write(b'\x00\xff\xfe{"time": NaN}\n[1]\n{"event": ["restart"], "time": 5}\n')
    restart(folder, 1)
    assert check(folder).totals["restarts"] == {"watchdog drain": 2}
    assert not check(folder).changed


def test_ledger_that_was_removed_and_begins_anew(folder):
    restart(folder)
    check(folder)
    os.unlink(os.path.join(folder, ledger.NAME))
    assert check(folder).totals["restarts"] == {}
    restart(folder, 1)
    assert check(folder).totals["restarts"] == {"watchdog drain": 1}


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"totals": 1, "ledger": {}, "recent": []}',
        '{"totals": {"restarts": {"watchdog drain": "9"}}, "ledger": {}, "recent": []}',
        '{"totals": {"oom_kills": -1}, "ledger": {}, "recent": []}',
        "ledger is a list",
        "recent is words",
        "run is a word",
        "kills of the run are a word",
        "a total is negative",
    ],
)
def test_lost_or_damaged_file_begins_at_0_and_is_never_seeded(folder, content):
    """A clean reset: Prometheus keeps the earlier values."""
    check(folder)
    restart(folder)
    good = check(folder)
    assert good.totals["restarts"] == {"watchdog drain": 1}
    path = os.path.join(folder, counters.NAME)
    with open(path, encoding="utf-8") as handle:
        record = json.load(handle)
    damage = {
        "ledger is a list": {"ledger": []},
        "recent is words": {"recent": ["now"]},
        "run is a word": {"run": "a"},
        "kills of the run are a word": {"run": {"oom_kills": "many"}},
        "a total is negative": {"totals": dict(record["totals"], oom_kills=-1)},
    }.get(content)
    if content is None:
        os.unlink(path)
    else:
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(content if damage is None else json.dumps(dict(record, **damage)))
    assert check(folder).totals == counters._zeros()
    restart(folder, 1)
    assert check(folder).totals["restarts"] == {"watchdog drain": 1}


def test_restarts_of_the_last_day(folder):
    """Restarts before the first page count too, as in the policy for the daily cap."""
    restart(folder)
    now = time.time()
    assert check(folder).of_last_day(now) == 1
    ledger.write(
        folder, "begun", "begun", "y", trigger="watchdog", mode="drain", invocation_id="run-1"
    )
    restart(folder, 1)
    restart(folder, 2, "timer")
    ledger.write(folder, "failed", "not-up", "x", trigger="watchdog", invocation_id="run-3")
    found = check(folder)
    assert [found.of_last_day(moment) for moment in (now, now + 86390, now + 86410)] == [3, 3, 0]


def row(kills):
    return {"oom_kills": kills}


def test_oom_kills_are_the_rises_of_the_cgroups_counter(folder):
    kills = []
    for run, value in [
        # Kills before the first page are not counted.
        (RUN, 3),
        (RUN, 3),
        (RUN, 5),
        (RUN, None),
        (RUN, 6),
        # A new run has a new cgroup, whose counter begins at 0.
        (NEXT, 0),
        (NEXT, 1),
        (RUN, 2),
    ]:
        found = counters.Counters(folder)
        found.saw(run, row(value), 1000.0)
        found.save()
        kills.append(found.totals["oom_kills"])
    assert kills == [0, 0, 2, 2, 3, 3, 4, 6]


def test_start_of_a_run_stays_the_same_if_the_clock_is_corrected(folder):
    for start in (1000.2, 1000.9, 1004.0):
        found = counters.Counters(folder)
        found.saw(RUN, row(0), start)
        found.save()
    assert found.run["start"] == 1000


def test_end_of_a_run_is_noticed_once(folder):
    found = check(folder)
    assert not found.is_over(RUN)
    found.saw(RUN, row(0), 1000.0)
    assert (found.is_over(RUN), found.is_over(NEXT), found.is_over(None)) == (False, True, True)
    found.keep("asked", 5.0)
    # Until the next run starts, which may not be the first one after it.
    assert (found.is_over(None), found.is_over(NEXT)) == (False, True)
