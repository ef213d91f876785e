# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OOM kills as each systemd and kernel tells of them: tests/data/oom holds what their journals and logs say."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import config
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    history as history_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    cgroup,
    command,
    systemd,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    journal as journal_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import RunError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._oom import oom_info

DATA = Path(__file__).resolve().parents[4] / "data/oom"
# When the kills of the files happen.
KILL = 1763800000
NOW = KILL + 7200
RSS = (1017340 + 17584) * 1024


def gateway(scope="system", **changed):
    if scope == "system":
        values = {
            "name": "hermes-gateway",
            "unit": "hermes-gateway.service",
            "scope": "system",
            "uid": 1000,
        }
    else:
        values = {
            "name": "hermes-gateway-coder@ada",
            "unit": "hermes-gateway-coder.service",
            "scope": "user",
            "uid": 1001,
        }
    values.update(
        control_group="", pid=None, start_time=None, uptime_seconds=None, invocation_id=None
    )
    values.update(changed)
    return SimpleNamespace(**values)


class Journal:
    """What journalctl answers, for the lines of files: matches of one field are alternatives, of several all needed, "+" starts anew."""

    def __init__(self):
        self.lines = []
        self.fails = None

    def load(self, name):
        self.lines += (DATA / name).read_text().splitlines()

    def run(self, argv, user=None, env=None, stdin=None, timeout=30.0, cwd="/"):
        assert argv[:2] == ["journalctl", "--output=json"] and timeout <= 60
        if self.fails:
            raise RunError(self.fails)
        groups = [{}]
        for word in argv[2:]:
            if word == "+":
                groups.append({})
            elif not word.startswith("--"):
                field, _separator, value = word.partition("=")
                groups[-1].setdefault(field, set()).add(value)
        since = next(int(word[len("--since=@") :]) for word in argv if word.startswith("--since=@"))
        kept = []
        for line in self.lines:
            entry = json.loads(line)
            wanted = any(
                all(entry.get(field) in values for field, values in group.items())
                for group in groups
            )
            if wanted and int(entry["__REALTIME_TIMESTAMP"]) >= since * 1000000:
                kept.append(line)
        return command.Result(
            0 if kept else 1, "\n".join(kept), "" if kept else "-- No entries --\n"
        )


@pytest.fixture
def journal(monkeypatch, tmp_path):
    made = Journal()
    monkeypatch.setattr(command, "run", made.run)
    monkeypatch.setattr(systemd, "version", lambda: 257)
    monkeypatch.setattr(config, "STATE", str(tmp_path))
    monkeypatch.setattr(journal_module, "KMSG", str(tmp_path / "no-kmsg"))
    return made


def history(name, *samples):
    for moment, pid, kills, invocation in samples:
        history_module.append(
            os.path.join(config.STATE, name),
            {
                "timestamp": moment,
                "invocation_id": invocation,
                "pid": pid,
                "uptime_seconds": 60,
                "rss_bytes": 1 << 27,
                "oom_kills": kills,
            },
        )


def brief(kills):
    return [
        (kill["name"], kill["pid"], kill["comm"], kill["rss_bytes"], kill["scope"], kill["source"])
        for kill in kills
    ]


# ------------------------------------------------------------------------------------------- formats


def test_cgroup_kill_on_bullseye(journal):
    journal.load("bullseye-systemd247-kernel5.10.jsonl")
    answer = oom_info.find([gateway()], 24, NOW)
    assert brief(answer["kills"]) == [("hermes-gateway", 4711, "python", RSS, "cgroup", "kernel")]
    assert answer["kills"][0]["time"] == pytest.approx(KILL, abs=1)
    assert answer["kills"][0]["unit"] == "hermes-gateway.service"
    assert answer["notes"] == [] and answer["lives"] == []


def test_global_kill_of_a_user_unit_on_bookworm(journal):
    journal.load("bookworm-systemd252-kernel6.1.jsonl")
    answer = oom_info.find([gateway(), gateway("user")], 24, NOW)
    assert brief(answer["kills"]) == [
        (
            "hermes-gateway-coder@ada",
            5150,
            "hermes",
            (3391020 + 1832 + 64) * 1024,
            "global",
            "kernel",
        )
    ]


# What `make vm` has kept of two real kills. With OOMPolicy=continue systemd ends with the result `signal`, as of any process that is killed.
VM = [
    ("hermes-gateway", 395, "python", (330116 + 2280) * 1024, "cgroup", "kernel"),
    ("hermes-gateway", 224, "hermes", (406572 + 4352) * 1024, "cgroup", "kernel"),
]


@pytest.mark.parametrize("without", [None, "MESSAGE_ID", "MESSAGE"])
def test_a_child_and_then_the_gateway_on_a_virtual_machine(journal, without):
    journal.load("vm-systemd252-kernel6.1.jsonl")
    entries = [json.loads(line) for line in journal.lines]
    end = int(entries[-1]["__REALTIME_TIMESTAMP"]) / 1e6
    if without:
        journal.lines = [
            json.dumps(dict(entry, **{without: ""}))
            for entry in entries
            if entry["_TRANSPORT"] != "kernel"
        ]
    kills = brief(oom_info.find([gateway()], 24, end)["kills"])
    assert kills == ([("hermes-gateway", None, None, None, None, "systemd")] * 2 if without else VM)


def test_kernel_buffer_of_a_virtual_machine():
    lines = journal_module.parse_kmsg((DATA / "vm-kmsg-6.1.txt").read_text(), KILL)
    assert brief(oom_info.from_kernel(lines, [gateway()])) == VM


def test_group_kill_and_earlier_lives_on_trixie(journal):
    journal.load("trixie-systemd257-kernel6.12.jsonl")
    answer = oom_info.find([gateway()], 24, NOW)
    assert brief(answer["kills"]) == [
        ("hermes-gateway", 4711, "python3", RSS, "cgroup", "kernel"),
        ("hermes-gateway", 4780, "node", (97340 + 7584) * 1024, "cgroup", "kernel"),
    ]
    first, second = answer["lives"]
    assert first == {
        "time": KILL - 6800,
        "name": "hermes-gateway",
        "unit": "hermes-gateway.service",
        "invocation_id": "a" * 32,
        "uptime_seconds": 43200,
        "peak_bytes": 1717986918,
        "swap_peak_bytes": 512 << 20,
        "cpu_seconds": 200.123,
    }
    # Of the text alone, rounded as it is there.
    assert (second["peak_bytes"], second["swap_peak_bytes"], second["cpu_seconds"]) == (
        int(998.3 * 1024**2),
        None,
        None,
    )


@pytest.mark.parametrize(
    "name",
    [
        "bullseye-systemd247-kernel5.10.jsonl",
        "trixie-systemd257-kernel6.12.jsonl",
        "bookworm-systemd252-kernel6.1.jsonl",
    ],
)
@pytest.mark.parametrize("without", ["MESSAGE_ID", "MESSAGE"])
def test_systemd_alone_by_id_and_by_text(journal, name, without):
    """Where the kernel's log is out of reach; and where a forwarder dropped the ids, or a translation changed the texts."""
    journal.load(name)
    entries = [json.loads(line) for line in journal.lines]
    journal.lines = [
        json.dumps(dict(entry, **{without: ""}))
        for entry in entries
        if entry["_TRANSPORT"] != "kernel"
    ]
    kills = oom_info.find([gateway(), gateway("user")], 24, NOW)["kills"]
    assert [(kill["pid"], kill["source"]) for kill in kills] == [(None, "systemd")]
    assert kills[0]["time"] == pytest.approx(KILL, abs=1)


def test_systemd_oomd(journal):
    journal.load("oomd-systemd257.jsonl")
    answer = oom_info.find([gateway(), gateway("user")], 24, NOW)
    assert brief(answer["kills"]) == [
        ("hermes-gateway-coder@ada", None, None, None, "systemd-oomd", "systemd-oomd"),
        ("hermes-gateway", None, None, None, "systemd-oomd", "systemd-oomd"),
    ]


def test_systemd_oomd_of_247_is_told_by_the_unit_alone(journal):
    journal.load("oomd-systemd247.jsonl")
    assert brief(oom_info.find([gateway()], 24, NOW)["kills"]) == [
        ("hermes-gateway", None, None, None, "systemd-oomd", "systemd")
    ]


@pytest.mark.parametrize(
    ("version", "comm"),
    [("4.19", "python"), ("5.10", "python"), ("6.1", "hermes"), ("6.12", "python3")],
)
def test_kernel_buffer(version, comm):
    lines = journal_module.parse_kmsg((DATA / ("kmsg-%s.txt" % version)).read_text(), KILL - 5000)
    kills = oom_info.from_kernel(lines, [gateway()])
    assert brief(kills) == [("hermes-gateway", 4711, comm, RSS, "cgroup", "kernel")]
    assert kills[0]["time"] == pytest.approx(KILL, abs=0.1)


# -------------------------------------------------------------------------------------------- whose


def test_another_units_python_is_not_ours(journal):
    journal.load("bullseye-systemd247-kernel5.10.jsonl")
    history("hermes-gateway", (KILL + 20, 9001, None, "1" * 32))
    assert [kill["pid"] for kill in oom_info.find([gateway()], 24, NOW)["kills"]] == [4711]


def test_what_other_users_write_into_the_journal_counts_for_nothing(journal):
    journal.load("bookworm-systemd252-kernel6.1.jsonl")
    journal.lines = [
        line
        for line in journal.lines
        if json.loads(line)["_UID" if "_UID" in line else "_TRANSPORT"] == "1002"
    ]
    assert len(journal.lines) == 3
    assert oom_info.find([gateway(), gateway("user")], 24, NOW)["kills"] == []
    # Nor where a journalctl would hand them out.
    entries = journal_module.parse("\n".join(journal.lines))
    assert [oom_info._kind(entry, [gateway(), gateway("user")])[0] for entry in entries] == [
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("memcg", "system", "user"),
    [
        ("/system.slice/hermes-gateway.service", True, False),
        ("/system.slice/hermes-gateway.service/tools", True, False),
        ("/hermes.slice/hermes-gateway.service", True, False),
        (
            "/user.slice/user-1001.slice/user@1001.service/app.slice/hermes-gateway-coder.service",
            False,
            True,
        ),
        (
            "/user.slice/user-1002.slice/user@1002.service/app.slice/hermes-gateway-coder.service",
            False,
            False,
        ),
        (
            "/user.slice/user-1001.slice/user@1001.service/system.slice/hermes-gateway.service",
            False,
            False,
        ),
        ("/system.slice/hermes-gateway.service.d", False, False),
        # Another gateway of that name, in a container.
        (
            "/machine.slice/libpod-abc.scope/container/system.slice/hermes-gateway.service",
            False,
            False,
        ),
        ("/lxc.payload.web2/system.slice/hermes-gateway.service", False, False),
        (
            "/machine.slice/systemd-nspawn@web2.service/payload/system.slice/hermes-gateway.service",
            False,
            False,
        ),
        ("/", False, False),
    ],
)
def test_cgroups(memcg, system, user):
    assert (oom_info.in_unit(memcg, gateway()), oom_info.in_unit(memcg, gateway("user"))) == (
        system,
        user,
    )


KILLED = "Out of memory: Killed process 4711 (python) total-vm:1610872kB, anon-rss:1017340kB, file-rss:17584kB, shmem-rss:0kB, UID:%d pgtables:2kB"


def test_a_pid_that_the_history_knows():
    """The line with the cgroup is missing, as the kernel leaves lines out that come too fast."""
    seen = {"hermes-gateway": {4711: (KILL - 600, KILL - 100)}}
    assert len(oom_info.from_kernel([(KILL, KILLED % 1000)], [gateway()], seen)) == 1
    assert not oom_info.from_kernel([(KILL, KILLED % 1234)], [gateway()], seen)
    assert not oom_info.from_kernel([(KILL - 700, KILLED % 1000)], [gateway()], seen)
    assert not oom_info.from_kernel([(KILL + 90000, KILLED % 1000)], [gateway()], seen)
    assert not oom_info.from_kernel([(KILL, KILLED % 1000)], [gateway()])
    assert (
        len(oom_info.from_kernel([(KILL, KILLED % 1000)], [gateway(pid=4711, start_time=KILL - 5)]))
        == 1
    )


def test_a_process_name_cannot_forge_a_line():
    line = "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/x.slice,task=%s,pid=7,uid=1002"
    for name in ("a,pid=4711,uid=1000", "a) total-vm:1kB", "\x1b[2J"):
        assert not oom_info.from_kernel([(KILL, line % name)], [gateway(pid=4711, start_time=0)])
    named = oom_info.from_kernel(
        [(KILL, (line % "\x1b[2Jx").replace("/x.slice", "/system.slice/hermes-gateway.service"))],
        [gateway()],
    )
    assert named[0]["comm"] == "[2Jx"


# ------------------------------------------------------------------------------------------ counters


def sample(moment, count, uptime=100000):
    return {"timestamp": moment, "oom_kills": count, "uptime_seconds": uptime}


def test_a_slow_stop_is_no_second_kill():
    """systemd says the result when the last process has ended, up to TimeoutStopSec after the kill."""
    kill = {"name": "hermes-gateway", "time": 1000.0, "_invocation": "a"}
    assert (
        oom_info._same(kill, 1211.0, "a", "result")
        and not oom_info._same(kill, 1211.0, "b", "result")
        and not oom_info._same(kill, 1211.0, None, "result")
    )
    assert not oom_info._same(kill, 1211.0, "a", "oom")


def test_a_new_life_has_a_new_counter():
    def row(at, life, count):
        return {"timestamp": at, "invocation_id": life, "oom_kills": count, "uptime_seconds": 100}

    assert [
        rise
        for dummy, dummy, rise in oom_info.deltas(
            [row(1000, "a", 0), row(1300, "a", 1), row(1600, "b", 1)]
        )
    ] == [1, 1]
    assert [
        rise
        for dummy, dummy, rise in oom_info.deltas(
            [row(1000, "a", 0), row(1300, "a", 1), row(1600, "b", 3)]
        )
    ] == [1, 3]


def test_counter_as_deltas():
    rows = [
        sample(1000, 0),
        sample(1300, 2),
        sample(1600, None),
        sample(1900, 2),
        sample(2200, 1, 100),
        sample(2500, 1),
        sample(2800, 4),
    ]
    assert oom_info.deltas(rows) == [(1000, 1300, 2), (2100, 2200, 1), (2500, 2800, 3)]


def test_a_counter_alone(journal):
    history(
        "hermes-gateway",
        (KILL - 600, 4711, 0, "1"),
        (KILL - 300, 4711, 1, "1"),
        (KILL, 4800, 0, "2"),
        (KILL + 300, 4800, 2, "2"),
    )
    answer = oom_info.find([gateway()], 24, NOW)
    assert [(kill["time"], kill["source"]) for kill in answer["kills"]] == [
        (KILL - 300, "counter"),
        (KILL + 300, "counter"),
        (KILL + 300, "counter"),
    ]
    assert answer["counters"] == {"hermes-gateway": {"oom_kills": None, "in_window": 3}}


def test_counter_and_kernel_and_systemd_are_one_kill(journal):
    journal.load("bullseye-systemd247-kernel5.10.jsonl")
    history("hermes-gateway", (KILL - 200, 4711, 0, "1" * 32), (KILL + 100, 4711, 1, "1" * 32))
    answer = oom_info.find([gateway()], 24, NOW)
    assert [kill["source"] for kill in answer["kills"]] == ["kernel"]
    assert answer["counters"]["hermes-gateway"]["in_window"] == 1


def test_a_counter_older_than_the_history_is_a_note(journal, monkeypatch):
    monkeypatch.setattr(cgroup, "memory", lambda group: {"oom_kills": 7})
    answer = oom_info.find([gateway(uptime_seconds=30 * 86400)], 24, NOW)
    assert answer["kills"] == [] and answer["counters"]["hermes-gateway"] == {
        "oom_kills": 7,
        "in_window": 0,
    }
    assert "7 OOM kills" in " ".join(answer["notes"])


# ----------------------------------------------------------------------------------- window and faults


def test_window(journal):
    journal.load("bullseye-systemd247-kernel5.10.jsonl")
    assert oom_info.find([gateway()], 1, NOW)["kills"] == []


def test_what_cannot_be_read_is_said(journal):
    journal.fails = "journalctl could not be started"
    answer = oom_info.find([gateway()], 24, NOW)
    assert answer["kills"] == []
    assert ["journal cannot be read" in note for note in answer["notes"]].count(True) == 2
    assert any("no-kmsg" in note for note in answer["notes"])


def test_an_old_systemd_says_no_peaks(journal, monkeypatch):
    monkeypatch.setattr(systemd, "version", lambda: 252)
    assert any(
        "systemd 252 does not log the memory peak" in note
        for note in oom_info.find([gateway()], 24, NOW)["notes"]
    )


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"MESSAGE_ID": oom_info.OUT_OF_MEMORY}, "oom"),
        ({"MESSAGE_ID": oom_info.OOMD_KILL}, "oomd-unit"),
        ({"MESSAGE_ID": "fe6faa94e7774663a0da52717891d8ef"}, "oom"),
        ({"MESSAGE_ID": "d989611b15e44c9dbf31e3c81256e4ed"}, "oomd-unit"),
        ({"MESSAGE_ID": "d9b373ed55a64feb8242e02dbe79a49c", "UNIT_RESULT": "oom-kill"}, "result"),
        ({"MESSAGE_ID": "d9b373ed55a64feb8242e02dbe79a49c", "UNIT_RESULT": "exit-code"}, None),
        (
            {
                "MESSAGE": "hermes-gateway.service: A process of this unit has been killed by the OOM killer."
            },
            "oom",
        ),
        (
            {"MESSAGE": "hermes-gateway.service: systemd-oomd killed 2 process(es) in this unit."},
            "oomd-unit",
        ),
        (
            {
                "MESSAGE": "hermes-gateway.service: systemd-oomd killed some process(es) in this unit."
            },
            "oomd-unit",
        ),
        ({"MESSAGE": "hermes-gateway.service: Failed with result 'oom-kill'."}, "result"),
        ({"MESSAGE": "hermes-gateway.service: Failed with result 'exit-code'."}, None),
    ],
)
def test_each_word_of_systemd_alone(fields, kind):
    entry = journal_module.Entry(5.0, dict(fields, _PID="1", UNIT="hermes-gateway.service"))
    assert oom_info._kind(entry, [gateway()])[0] == kind


@pytest.mark.parametrize(
    "line",
    [
        "Memory cgroup out of memory: Kill process 4711 (python) score 1002 or sacrifice child",
        "Out of memory: Killed process 4711 (a) b) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:0kB, UID:1000 pgtables:2kB oom_score_adj:0",
        "Out of memory (oom_kill_allocating_task): Killed process 4711 (python), UID 1000, total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:0kB",
        "Killed process 4711 (python) total-vm:1kB, anon-rss:1kB, file-rss:1kB",
    ],
)
def test_each_form_of_the_kernels_line(line):
    assert [
        kill["pid"]
        for kill in oom_info.from_kernel([(KILL, line)], [gateway(pid=4711, start_time=KILL - 9)])
    ] == [4711]


def test_a_kill_explains_one_step_of_the_counter():
    kills = [{"time": 1000.0, "name": "hermes-gateway"}]
    oom_info.add_counted(kills, [(900, 1005, 1), (1005, 1300, 1)], gateway())
    assert [kill.get("source") for kill in kills] == [None, "counter"]
