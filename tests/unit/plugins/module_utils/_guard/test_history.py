# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""memory.csv: what is written is read again, and what a fault left costs a line."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import history

DAY = 86400


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


def test_prune_keeps_the_young(folder, file):
    now = 100 * DAY
    for age in (40, 31, 29, 1, 0):
        history.append(str(folder), row(now - age * DAY))
    history.prune(str(folder), 30, now)
    assert times(folder) == [now - 29 * DAY, now - DAY, now]
    before = file.stat().st_ino
    # Not again before the oldest is a day beyond: writing the whole file costs more than a sample.
    history.prune(str(folder), 30, now + 1.5 * DAY)
    assert file.stat().st_ino == before
    for later in (2, 3):
        history.append(str(folder), row(now + later * DAY))
    history.prune(str(folder), 30, now + 3 * DAY)
    assert times(folder) == [now - DAY, now, now + 2 * DAY, now + 3 * DAY]


def test_a_clock_that_jumps_ahead_does_not_cost_the_history(folder):
    now = 100 * DAY
    for timestamp in (now - 29 * DAY, now, now + 365 * DAY):
        history.append(str(folder), row(timestamp))
    history.prune(str(folder), 30, now + 365 * DAY)
    assert times(folder) == [now - 29 * DAY, now, now + 365 * DAY]


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
    # The newline at the end leaves an empty line after it.
    assert len(parsed) == 3
