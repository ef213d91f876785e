# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger has every decision once."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import ledger
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import files


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "hermes-gateway")


def write(folder, event, code, life="a", trigger="watchdog"):
    return ledger.write(folder, event, code, "because", trigger=trigger, invocation_id=life)["new"]


def test_no_ledger(folder):
    assert ledger.read(folder, 5) == []
    assert ledger.restarts_since(folder, 0) == []


def test_repeated_refusal_is_written_once(folder):
    assert write(folder, "refused", "cooldown")
    assert not write(folder, "refused", "cooldown")
    assert write(folder, "refused", "cooldown", trigger="timer")
    assert write(folder, "refused", "young", trigger="timer")
    assert write(folder, "refused", "cooldown")
    assert write(folder, "refused", "cooldown", life="b")
    assert len(ledger.read(folder, 99)) == 5


def test_restarts_are_written_always(folder):
    assert write(folder, "restart", "restarted")
    assert write(folder, "restart", "restarted")
    assert len(ledger.restarts_since(folder, 0)) == 2


def test_alarm_is_new_once_a_life_whatever_came_between(folder):
    assert write(folder, "alert", "threshold")
    write(folder, "refused", "young", trigger="timer")
    assert not write(folder, "alert", "threshold")
    assert write(folder, "alert", "daily-cap")
    assert write(folder, "alert", "threshold", life="b")


def test_garbage_is_passed_over(folder):
    write(folder, "restart", "restarted")
    with open(os.path.join(folder, "ledger.jsonl"), "ab") as out:
        out.write(
            b'\0\0\0\n[1]\n"x"\n{"time": "now"}\n{}\n{"time": NaN, "event": "restart"}\n'
            b'{"time": 1e300, "event": "restart"}\n\xff\n'
        )
        out.write(b"[" * 50000 + b'\n{"time": 1, "event": "res')
    write(folder, "failed", "not-up")
    assert [one["event"] for one in ledger.read(folder, 99)] == ["restart", "failed"]


def test_halving_keeps_the_newest(folder, monkeypatch):
    monkeypatch.setattr(ledger, "_KEEP_BYTES", 4000)
    for number in range(100):
        ledger.write(folder, "restart", "restarted", str(number))
        assert os.path.getsize(os.path.join(folder, "ledger.jsonl")) <= 4000
    reasons = [one["reason"] for one in ledger.read(folder, 1000)]
    assert reasons == [str(number) for number in range(100 - len(reasons), 100)]
    assert len(reasons) > 10


def test_restarts_since(folder, monkeypatch):
    start = time.time()
    for when, event in (
        (-90000, "restart"),
        (-100, "restart"),
        (-50, "refused"),
        (-10, "failed"),
        (5000, "restart"),
    ):
        monkeypatch.setattr(ledger.time, "time", lambda when=when: start + when)
        write(folder, event, event)
    # Entries in the future count, because the clock may have been set back: a late restart is better
    # than a loop of restarts.
    assert [round(one["time"] - start) for one in ledger.restarts_since(folder, start - 86400)] == [
        -100,
        -10,
        5000,
    ]


def test_a_restart_whose_arbiter_was_killed_counts_and_one_that_ended_counts_once(folder):
    write(folder, "begun", "begun", life="a")
    assert [one["event"] for one in ledger.restarts_since(folder, 0)] == ["begun"]
    write(folder, "restart", "restarted", life="a")
    write(folder, "begun", "begun", life="b")
    assert [one["event"] for one in ledger.restarts_since(folder, 0)] == ["restart", "begun"]


def test_restarts_are_found_behind_many_other_entries(folder):
    write(folder, "restart", "restarted")
    for number in range(500):
        write(folder, "refused", "cooldown", trigger=("timer", "operator")[number % 2])
    assert len(ledger.restarts_since(folder, 0)) == 1


BESIDE = """
import sys
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import ledger
print("ready", flush=True)
ledger.write(sys.argv[1], "restart", "restarted", "the other's")
"""


def test_no_entry_is_lost_while_another_process_halves_the_ledger(folder, monkeypatch):
    """The check and a restart write to it at the same time."""
    monkeypatch.setattr(ledger, "_KEEP_BYTES", 2000)
    real, others = files.write_atomic, []

    def slowly(path, data):
        """An entry that the other process writes now is not in ``data``."""
        others.append(
            subprocess.Popen(
                [sys.executable, "-c", BESIDE, folder],
                env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        assert others[0].stdout.readline() == "ready\n"
        time.sleep(0.5)
        real(path, data)

    monkeypatch.setattr(files, "write_atomic", slowly)
    for number in range(100):
        if not others:
            ledger.write(folder, "restart", "restarted", str(number))
    assert len(others) == 1 and others[0].wait(60) == 0
    others[0].stdout.close()
    assert ledger.read(folder, 1)[0]["reason"] == "the other's"
