# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real-world histories: columns in any order, torn, zeroed, with a clock that jumps, endless.

Each costs a sentence and no more.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import HistoryError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import (
    program as program_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import (
    analysis,
    samples,
    series,
)

MB = 1 << 20
START = 1790000000
HEADER = "timestamp,invocation_id,rss_bytes"


def lines(hours=72, rate=18, step=300):
    return [
        "%d,a,%d" % (START + place * step, (200 + rate * place * step / 3600 + place % 7) * MB)
        for place in range(int(hours * 3600 / step))
    ]


@pytest.fixture
def judge(tmp_path):
    """The verdict on a file of these lines or bytes."""

    def run(content, header=HEADER):
        path = tmp_path / "samples.csv"
        path.write_bytes(
            content
            if isinstance(content, bytes)
            else ("\n".join([header] + content) + "\n").encode()
        )
        return analysis.trend(samples.of_file(str(path)))

    return run


def noted(found, word):
    return [note for note in found["notes"] if word in note]


def same(found, expected):
    return (found["verdict"], found["slope_mb_per_hour"]) == (
        expected["verdict"],
        pytest.approx(expected["slope_mb_per_hour"], rel=0.02),
    )


def test_file_and_rows_say_the_same(judge):
    rows = [dict(zip(HEADER.split(","), line.split(","))) for line in lines()]
    assert judge(lines()) == analysis.trend(rows)
    assert judge(lines())["notes"] == []


def test_columns_in_any_order_and_unknown_ones(judge):
    expected = judge(lines())
    assert (
        judge(
            [",".join(line.split(",")[::-1]) for line in lines()],
            "rss_bytes,invocation_id,timestamp",
        )
        == expected
    )
    found = judge(['"red, or so",' + line for line in lines()], "colour," + HEADER)
    assert same(found, expected) and noted(found, "colour")
    assert same(
        judge(("\ufeff" + HEADER + "\r\n" + "\r\n".join(lines()) + "\r\n").encode()), expected
    )


@pytest.mark.parametrize("name", HEADER.split(","))
def test_missing_column_is_named(tmp_path, name):
    path = tmp_path / "samples.csv"
    path.write_text(HEADER.replace(name, "other") + "\n1,a,2\n")
    with pytest.raises(
        HistoryError, match="missing column %s: expected timestamp, invocation_id, rss_bytes" % name
    ):
        samples.of_file(str(path))


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\0" * 5000, bytes(range(256)) * 100, b"x" * 300000]
)
def test_invalid_file_is_refused(tmp_path, content):
    path = tmp_path / "samples.csv"
    path.write_bytes(content)
    with pytest.raises(HistoryError, match="missing column timestamp"):
        samples.of_file(str(path))


def test_unreadable(tmp_path):
    with pytest.raises(HistoryError, match="No such file"):
        samples.of_file(str(tmp_path / "none"))
    with pytest.raises(HistoryError, match="directory"):
        samples.of_file(str(tmp_path))


def test_header_only(judge):
    assert judge([])["verdict"] == "insufficient"


def test_torn_last_line(judge):
    data = ("\n".join([HEADER] + lines())).encode()
    found = judge(data[:-4])
    assert found["samples"] == len(lines()) - 1
    assert noted(found, "the last line was ignored") and same(found, judge(lines()))


def test_nul_bytes(judge):
    good = lines()
    data = (
        ("\n".join([HEADER] + good[:300])).encode()
        + b"\n"
        + b"\0" * 400
        + b"\n"
        + b"\0\0"
        + ("\n".join(good[300:])).encode()
        + b"\n"
    )
    found = judge(data)
    assert found["samples"] == len(good)
    assert noted(found, "2 lines contain NUL") and same(found, judge(good))


def test_invalid_lines_are_ignored(judge):
    wild = ["nan,a,5", "5,a,inf", "5,a,-1", "5,a", "5,a,5,5", "x,y,z", '5,"a', "5,a,1e999", "5,a,"]
    good = lines()
    found = judge(good[:300] + wild + good[300:])
    assert found["samples"] == len(good)
    assert noted(found, "%d lines were ignored" % len(wild)) and same(found, judge(good))


@pytest.mark.parametrize(
    ("jump", "word"),
    [
        (-7200, "set back once"),
        (-1700000000, "set back once"),
        (400 * 86400, "ahead by more than 30 days once"),
    ],
)
def test_clock_that_jumps(judge, jump, word):
    good = lines()
    moved = [
        "%d,%s" % (int(line.split(",", 1)[0]) + jump, line.split(",", 1)[1]) for line in good[300:]
    ]
    found = judge(good[:300] + moved)
    assert noted(found, word) and same(found, judge(good))
    assert found["observed_hours"] == pytest.approx(72, abs=0.2)


def test_uptime_gives_the_time_if_it_is_known(judge):
    rows = []
    for place, line in enumerate(lines()):
        clock, rest = line.split(",", 1)
        rows.append(
            "%d,%s,%d" % (int(clock) - (9999 if place > 400 else 0), rest, 5000 + place * 300)
        )
    found = judge(rows, HEADER + ",uptime_seconds")
    assert found["notes"] == [] and same(found, judge(lines()))


def test_pid_separates_runs_without_an_invocation_id(judge):
    rows = [
        line.replace(",a,", ",,") + ",%d" % (place // 200) for place, line in enumerate(lines())
    ]
    assert judge(rows, HEADER + ",pid")["segments"] == 5


def test_kills_survive_a_restart(judge):
    """The cgroup's counter starts at 0 with each run, so its rises are added."""
    kills = [0, 0, 1, 1, 3] + [0, 2, 2]
    rows = [
        "%d,%s,%d,%d" % (START + place * 300, "a" if place < 5 else "b", MB, count)
        for place, count in enumerate(kills)
    ]
    assert judge(rows, HEADER + ",oom_kills")["oom_kills"] == 5


def test_long_histories_are_thinned(judge, monkeypatch):
    monkeypatch.setattr(series, "MAX_SAMPLES", 500)
    found = judge(lines())
    assert 250 < found["samples"] <= 500
    assert noted(found, "only 1 sample in 2 was used") and same(found, judge(lines()))
    assert found["observed_hours"] == pytest.approx(72, abs=0.2)


def test_thinning_keeps_runs_separate(judge, monkeypatch):
    rows = [
        line.replace(",a,", ",run%d," % (place // 144)) for place, line in enumerate(lines(rate=0))
    ]
    expected = judge(rows)
    monkeypatch.setattr(series, "MAX_SAMPLES", 200)
    found = judge(rows)
    assert (
        (found["segments"], found["verdict"])
        == (expected["segments"], expected["verdict"])
        == (6, "flat")
    )


PROGRAM = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
sys.stderr.write("%d %f" % (usage.ru_maxrss, usage.ru_utime + usage.ru_stime))
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("program") / "hermes-guard"
    path.write_bytes(program_module.build())
    return str(path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The program as a host has it, with code that its Python has compiled: what its first line runs."""
    path = tmp_path_factory.mktemp("installed") / "hermes-guard"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program_module, "INTERPRETER", sys.executable)
        path.write_bytes(program_module.installed(None))
    return ["-c", program_module.START.decode().partition("-ISBc")[2], str(path)]


def measured(program, *arguments):
    """(output, kB at most, seconds of processor time) of the program, which is Python's arguments."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, sys.executable, "-ISB", *program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=True,
    )
    memory, seconds = done.stderr.split()[-2:]
    return done.stdout.decode(), int(memory), float(seconds)


@pytest.fixture(scope="module")
def pace(tmp_path_factory):
    """How much slower than when idle this machine is, by work that takes 0.1 s on an idle core."""
    path = tmp_path_factory.mktemp("pace") / "pace.py"
    path.write_text(
        "found = []\nfor number in range(400000):\n    found.append(str(number).encode())\n"
    )
    return lambda: max(1, measured([str(path)])[2] / 0.1)


@pytest.mark.parametrize(
    ("days", "samples_used", "seconds", "megabytes"), [(30, 8640, 0.15, 20), (365, 52560, 0.6, 24)]
)
def test_long_history_is_quick_and_small(
    installed, pace, tmp_path, days, samples_used, seconds, megabytes
):
    """A sample every 5 minutes, restarts every 12 hours: the processor time of the whole program.

    A small server has one slow core, and less memory than it needs.
    """
    columns = (
        HEADER
        + ",pid,uptime_seconds,anon_bytes,swap_bytes,tree_rss_bytes,cgroup_bytes,oom_kills"
        + ",active_agents,provider,model,version"
    )
    rows = [
        "%s,1,%d,%d,0,%d,%d,0,0,openrouter,some/model,0.19.0"
        % (
            line.replace(",a,", ",%032x," % (place // 144)),
            place % 144 * 300,
            180 * MB + place % 144 * MB // 8,
            300 * MB,
            310 * MB,
        )
        for place, line in enumerate(lines(24 * days, 0))
    ]
    path = tmp_path / "samples.csv"
    path.write_text("\n".join([columns] + rows) + "\n")
    runs, paces = [], []
    for dummy in range(3):
        runs.append(measured(installed, "trend", "--samples", str(path), "--json"))
        paces.append(pace())
    assert json.loads(runs[0][0])["samples"] == samples_used
    assert max(run[1] for run in runs) < megabytes * 1024
    # On a busy machine everything takes longer.
    assert min(run[2] for run in runs) < seconds * min(paces)


def test_endless_file_takes_bounded_memory(program, tmp_path):
    path = tmp_path / "samples.csv"
    with open(str(path), "w") as out:
        out.write(HEADER + "\n")
        for start in range(0, 1000000, 10000):
            out.write(
                "".join(
                    "%d,a,%d\n" % (START + place, 200 * MB + place % 99)
                    for place in range(start, start + 10000)
                )
            )
    answer, memory, dummy = measured([program], "trend", "--samples", str(path), "--json")
    assert json.loads(answer)["verdict"] == "flat"
    assert memory < 30 * 1024


def test_text_and_faults(program, tmp_path):
    path = tmp_path / "samples.csv"
    path.write_text("\n".join([HEADER] + lines()) + "\n")
    assert measured([program], "trend", "--samples", str(path))[0].startswith("leak: ")
    path.write_text("a,b\n")
    done = subprocess.run(
        [sys.executable, "-ISB", program, "trend", "--samples", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"hermes-guard: --samples: ") and b"Traceback" not in done.stderr
