# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""memory.csv: what is written can be read again, and a damaged line costs that line only."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import file_lock, history

DAY = 86400
NOW = 100 * DAY


def row(timestamp, **more):
    return dict(
        {"timestamp": timestamp, "invocation_id": "a", "pid": 1, "rss_bytes": 100, "model": 'x,"y'},
        **more,
    )


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "hermes-gateway"


@pytest.fixture
def file(folder):
    folder.mkdir()
    return folder / "memory.csv"


def times(folder, count=100):
    return [one["timestamp"] for one in history.tail(str(folder), count)]


def test_append_and_tail(folder):
    for timestamp in range(1000, 1010):
        history.append(str(folder), row(timestamp))
    found = history.tail(str(folder), 3)
    assert [one["timestamp"] for one in found] == [1007, 1008, 1009]
    assert (
        found[0]["rss_bytes"],
        found[0]["model"],
        found[0]["swap_bytes"],
        found[0]["invocation_id"],
    ) == (100, 'x,"y', None, "a")
    assert list(found[0]) == list(history.COLUMNS)
    assert (folder / "memory.csv").read_text().splitlines()[0] == (
        "timestamp,invocation_id,pid,uptime_seconds,rss_bytes,anon_bytes,swap_bytes,tree_rss_bytes,cgroup_bytes,oom_kills,active_agents,provider,model,version"
    )


def test_no_history(folder):
    assert history.tail(str(folder), 5) == []
    history.prune(str(folder), 30)


def test_tail_reaches_far_enough_for_long_words(folder):
    for timestamp in range(20):
        history.append(
            str(folder),
            row(
                timestamp,
                provider="\U0001f600" * 100,
                model="\u4e2d" * 100,
                version="\U0001f600" * 100,
            ),
        )
    assert times(folder, 10) == list(range(10, 20))


def test_torn_last_line(folder, file):
    history.append(str(folder), row(1))
    with open(str(file), "a") as out:
        out.write("2,a,1,,10")
    assert times(folder) == [1]
    history.append(str(folder), row(3))
    assert times(folder) == [1, 3]


def test_zeroed_and_wild_lines_cost_themselves_only(folder, file):
    history.append(str(folder), row(1))
    with open(str(file), "ab") as out:
        out.write(
            b"\0" * 600
            + b"\n\xff\xfe,,\nnan"
            + b"," * 13
            + b"\ninf"
            + b"," * 13
            + b"\n2,a,1e999"
            + b"," * 11
            + b"\n,a"
            + b"," * 12
            + b'\n"open\n'
        )
    history.append(str(folder), row(3))
    assert times(folder) == [1, 3]
    history._rewrite(str(file), 0)
    assert times(folder) == [1, 3]
    assert len(file.read_bytes().splitlines()) == 3


def test_zeros_before_a_good_line(folder, file):
    history.append(str(folder), row(1))
    with open(str(file), "ab") as out:
        out.write(b"\0" * 100 + b"2,a" + b"," * 12 + b"\n" + b"\0" * 100)
    history.append(str(folder), row(3))
    assert times(folder) == [1, 2, 3]


def test_other_order_and_other_columns(folder, file):
    file.write_text("rss_bytes,colour,timestamp,invocation_id\n100,red,1,a\n200,blue,2,a\n")
    assert [
        (one["timestamp"], one["rss_bytes"], one["pid"]) for one in history.tail(str(folder), 9)
    ] == [(1, 100, None), (2, 200, None)]
    history.append(str(folder), row(3))
    assert file.read_text().splitlines()[0] == ",".join(history.COLUMNS)
    assert [(one["timestamp"], one["rss_bytes"]) for one in history.tail(str(folder), 9)] == [
        (1, 100),
        (2, 200),
        (3, 100),
    ]


def test_destroyed_header_costs_the_header(folder, file):
    for timestamp in (1, 2):
        history.append(str(folder), row(timestamp))
    data = file.read_bytes()
    file.write_bytes(b"\0" * 30 + data[30:])
    history.append(str(folder), row(3))
    assert times(folder) == [1, 2, 3]
    assert file.read_text().splitlines()[0] == ",".join(history.COLUMNS)


@pytest.fixture
def no_doubt(monkeypatch):
    """Two samples are enough to believe the clock."""
    monkeypatch.setattr(history, "_DOUBTED", 1)


def test_prune_keeps_the_young(folder, file, no_doubt):
    now = 100 * DAY
    for age in (40, 31, 29, 1, 0):
        history.append(str(folder), row(now - age * DAY))
    history.prune(str(folder), 30, now)
    assert times(folder) == [now - 29 * DAY, now - DAY, now]
    before = file.stat().st_ino
    # Only once the oldest sample is a day too old: a rewrite costs more than an append.
    history.prune(str(folder), 30, now + 1.5 * DAY)
    assert file.stat().st_ino == before
    for later in (2, 3):
        history.append(str(folder), row(now + later * DAY))
    history.prune(str(folder), 30, now + 3 * DAY)
    assert times(folder) == [now - DAY, now, now + 2 * DAY, now + 3 * DAY]


def test_a_clock_that_jumps_ahead_does_not_cost_the_history(folder):
    """Not even if the host takes samples for hours before its clock is right."""
    now = 100 * DAY
    kept = [now - 29 * DAY, now]
    for timestamp in kept:
        history.append(str(folder), row(timestamp))
    for number in range(12):
        kept.append(now + 365 * DAY + 300 * number)
        history.append(str(folder), row(kept[-1]))
        history.prune(str(folder), 30, kept[-1])
    assert times(folder, 20) == kept


def test_prune_with_a_clock_at_1970(folder):
    for timestamp in (100 * DAY, 101 * DAY):
        history.append(str(folder), row(timestamp))
    history.prune(str(folder), 30, 5)
    assert times(folder) == [100 * DAY, 101 * DAY]


def test_tail_parses_no_more_lines_than_it_returns(folder, monkeypatch):
    for timestamp in range(50):
        history.append(str(folder), row(timestamp))
    parsed = []
    real = history._row
    monkeypatch.setattr(
        history, "_row", lambda header, line: parsed.append(line) or real(header, line)
    )
    assert times(folder, 2) == [48, 49]
    # The trailing newline leaves an empty last line.
    assert len(parsed) == 3


BESIDE = """
import sys, time
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import history
print("ready", flush=True)
for place in range(40):
    history.prune(sys.argv[1], 1900 - 40 * place, 2000 * 86400)
    time.sleep(0.03)
print("done")
"""


def test_no_sample_is_lost_while_another_check_prunes(folder, file):
    """A check that an operator starts may run at the same time as the timer's."""
    for day in range(2000):
        line = history._line(row(day * DAY, pid=7))
        with open(str(file), "a") as out:
            out.write(line + "\n" if day else ",".join(history.COLUMNS) + "\n" + line + "\n")
    with subprocess.Popen(
        [sys.executable, "-c", BESIDE, str(folder)],
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "ready\n"
        count = 0
        while other.poll() is None or count < 100:
            history.append(str(folder), row(2000 * DAY + count))
            time.sleep(0.002)
            count += 1
        assert other.stdout.read() == "done\n"
    kept = history.tail(str(folder), 10000)
    assert [one["timestamp"] for one in kept if one["pid"] == 1] == [
        2000 * DAY + place for place in range(count)
    ]
    # The pruning took place.
    assert kept[0]["timestamp"] > 1000 * DAY


def test_two_checks_that_start_a_history_keep_both_samples(folder, monkeypatch):
    """The second must not overwrite the new file of the first."""
    history.append(str(folder), row(1))
    real = history._header
    told = []

    def first_none(path):
        told.append(path)
        return None if len(told) == 1 else real(path)

    monkeypatch.setattr(history, "_header", first_none)
    history.append(str(folder), row(2))
    assert times(folder) == [1, 2]


def test_a_lock_that_is_never_given_back_costs_no_sample(folder, monkeypatch, no_doubt):
    """A stopped process holds the lock: the check must not hang."""
    monkeypatch.setattr(file_lock, "PATIENCE", 0.1)
    history.append(str(folder), row(NOW - 40 * DAY))
    with file_lock.rewriting(str(folder), 0) as ours:
        assert ours
        history.append(str(folder), row(NOW))
        history.append(str(folder), row(NOW + 1))
        # Nothing is pruned meanwhile.
        history.prune(str(folder), 30, NOW)
    assert times(folder) == [NOW - 40 * DAY, NOW, NOW + 1]
    history.prune(str(folder), 30, NOW)
    assert times(folder) == [NOW, NOW + 1]


def test_everyone_reads_the_history_and_only_root_can_lock_it(folder):
    """A user who can open a file can lock it, and block the check forever."""
    history.append(str(folder), row(1))
    assert stat.S_IMODE((folder / "memory.csv").stat().st_mode) == 0o644
    assert stat.S_IMODE((folder / file_lock.NAME).stat().st_mode) == 0o600


def test_columns_of_a_newer_version_stay(folder, file, no_doubt):
    """After a downgrade, the older version continues with the same file."""
    header = "format," + ",".join(reversed(history.COLUMNS)) + ",threads"
    old = "2," + ",".join(["v", "m", "p"] + ["5"] * 9 + ["a", str(NOW - 40 * DAY)]) + ",12"
    new = "2," + ",".join(["v", "m", "p"] + ["5"] * 9 + ["a", str(NOW - DAY)]) + ",13"
    file.write_text("\n".join([header, old, new]) + "\n")
    history.append(str(folder), row(NOW))
    history.prune(str(folder), 30, NOW)
    lines = file.read_text().splitlines()
    assert lines[:2] == [header, new] and len(lines) == 3
    found = history.tail(str(folder), 5)
    assert [one["timestamp"] for one in found] == [NOW - DAY, NOW]
    assert (found[0]["invocation_id"], found[1]["model"]) == ("a", 'x,"y')


def test_a_history_that_cannot_be_read_is_kept_aside(folder, file):
    text = "# format 9\n" + "\n".join("%d|x|y" % number for number in range(99)) + "\n"
    file.write_text(text)
    history.append(str(folder), row(1))
    assert times(folder) == [1]
    assert (folder / "memory.csv.unreadable").read_text() == text
