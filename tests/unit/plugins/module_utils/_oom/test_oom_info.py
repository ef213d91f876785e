# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OOM kills as each systemd and kernel reports them: one entry each, whichever sources report it."""

from __future__ import annotations

import json
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import cgroup, systemd
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import SettingError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._oom import oom_info

# When the kills of the files happen.
KILL = 1763800000
NOW = KILL + 7200
RSS = (1017340 + 17584) * 1024
# Of one gateway in one answer.
MAX_KILLS = 500


def brief(kills):
    return [
        (kill["name"], kill["pid"], kill["comm"], kill["rss_bytes"], kill["scope"], kill["source"])
        for kill in kills
    ]


def test_cgroup_kill_on_bullseye(gateway, journal):
    journal.load("bullseye-systemd247-kernel5.10.jsonl")
    answer = oom_info.find([gateway()], 24, NOW)
    assert brief(answer["kills"]) == [("hermes-gateway", 4711, "python", RSS, "cgroup", "kernel")]
    assert answer["kills"][0]["time"] == pytest.approx(KILL, abs=1)
    assert answer["kills"][0]["unit"] == "hermes-gateway.service"
    assert answer["notes"] == [] and answer["lives"] == []


def test_global_kill_of_a_user_unit_on_bookworm(gateway, journal):
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


# What `make vm` has kept of two real kills. With OOMPolicy=continue systemd ends with the result
# `signal`, as of any process that is killed.
VM = [
    ("hermes-gateway", 395, "python", (330116 + 2280) * 1024, "cgroup", "kernel"),
    ("hermes-gateway", 224, "hermes", (406572 + 4352) * 1024, "cgroup", "kernel"),
]


@pytest.mark.parametrize("without", [None, "MESSAGE_ID", "MESSAGE"])
def test_a_child_and_then_the_gateway_on_a_virtual_machine(gateway, journal, without):
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


def test_group_kill_and_earlier_runs_on_trixie(gateway, journal):
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
def test_systemd_alone_by_id_and_by_text(gateway, journal, name, without):
    """Where the kernel's log is out of reach; and where a forwarder dropped the ids, or a
    translation changed the texts.
    """
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


def test_systemd_oomd(gateway, journal):
    journal.load("oomd-systemd257.jsonl")
    answer = oom_info.find([gateway(), gateway("user")], 24, NOW)
    assert brief(answer["kills"]) == [
        ("hermes-gateway-coder@ada", None, None, None, "systemd-oomd", "systemd-oomd"),
        ("hermes-gateway", None, None, None, "systemd-oomd", "systemd-oomd"),
    ]


def test_systemd_oomd_247_is_reported_by_the_unit_alone(gateway, journal):
    journal.load("oomd-systemd247.jsonl")
    assert brief(oom_info.find([gateway()], 24, NOW)["kills"]) == [
        ("hermes-gateway", None, None, None, "systemd-oomd", "systemd")
    ]


def test_another_units_python_is_not_ours(gateway, journal, history):
    journal.load("bullseye-systemd247-kernel5.10.jsonl")
    history("hermes-gateway", (KILL + 20, 9001, None, "1" * 32))
    assert [kill["pid"] for kill in oom_info.find([gateway()], 24, NOW)["kills"]] == [4711]


def test_a_counter_alone(gateway, journal, history):
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


def test_counter_and_kernel_and_systemd_are_one_kill(gateway, journal, history):
    journal.load("bullseye-systemd247-kernel5.10.jsonl")
    history("hermes-gateway", (KILL - 200, 4711, 0, "1" * 32), (KILL + 100, 4711, 1, "1" * 32))
    answer = oom_info.find([gateway()], 24, NOW)
    assert [kill["source"] for kill in answer["kills"]] == ["kernel"]
    assert answer["counters"]["hermes-gateway"]["in_window"] == 1


def test_a_counter_older_than_the_history_is_a_note(gateway, journal, monkeypatch):
    monkeypatch.setattr(cgroup, "memory", lambda group: {"oom_kills": 7})
    answer = oom_info.find([gateway(uptime_seconds=30 * 86400)], 24, NOW)
    assert answer["kills"] == [] and answer["counters"]["hermes-gateway"] == {
        "oom_kills": 7,
        "in_window": 0,
    }
    assert "7 OOM kills" in " ".join(answer["notes"])


@pytest.mark.parametrize("hours", [0, -1, 8761])
def test_a_time_that_is_too_long_is_refused(hours):
    with pytest.raises(SettingError, match="hours: invalid number %d: expected 1 to 8760" % hours):
        oom_info.collect([], hours)


def test_window(gateway, journal):
    journal.load("bullseye-systemd247-kernel5.10.jsonl")
    assert oom_info.find([gateway()], 1, NOW)["kills"] == []


def test_what_cannot_be_read_is_said(gateway, journal):
    journal.fails = "journalctl could not be started"
    answer = oom_info.find([gateway()], 24, NOW)
    assert answer["kills"] == []
    assert ["journal cannot be read" in note for note in answer["notes"]].count(True) == 2
    assert any("no-kmsg" in note for note in answer["notes"])


def test_an_old_systemd_does_not_log_peaks(gateway, journal, monkeypatch):
    monkeypatch.setattr(systemd, "version", lambda: 252)
    assert any(
        "systemd 252 does not log the memory peak" in note
        for note in oom_info.find([gateway()], 24, NOW)["notes"]
    )


def test_a_user_who_fills_the_journal_hides_only_their_own_kills(gateway, journal):
    """Entries that a user forges in the name of their own systemd, too many to read."""
    journal.load("bookworm-systemd252-kernel6.1.jsonl")
    journal.load("bullseye-systemd247-kernel5.10.jsonl")
    journal.lines = [line for line in journal.lines if json.loads(line)["_TRANSPORT"] != "kernel"]
    eve = gateway("user", name="hermes-gateway@eve", unit="hermes-gateway.service", uid=1002)
    journal.too_long = lambda argv: "_UID=1002" in argv
    answer = oom_info.find([gateway(), gateway("user"), eve], 24, NOW)
    assert sorted(kill["name"] for kill in answer["kills"]) == [
        "hermes-gateway",
        "hermes-gateway-coder@ada",
    ]
    assert [
        note for note in answer["notes"] if "cannot be read" in note and "kernel" not in note
    ] == [
        "the journal about hermes-gateway@eve cannot be read: "
        "journalctl printed more than 33554432 bytes"
    ]


def test_a_user_who_fills_the_kernels_log_hides_only_their_own_kills(gateway, journal):
    """A user can cause any number of kills of their own processes."""
    journal.load("bookworm-systemd252-kernel6.1.jsonl")
    journal.load("trixie-systemd257-kernel6.12.jsonl")
    journal.lines = [line for line in journal.lines if json.loads(line)["_TRANSPORT"] == "kernel"]
    eve = gateway("user", name="hermes-gateway@eve", unit="hermes-gateway.service", uid=1002)
    every = [gateway(), gateway("user"), eve]
    whole = oom_info.find(every, 24, NOW)["kills"]

    def too_long(argv):
        grep = [word for word in argv if word.startswith("--grep=")]
        return bool(grep) and (".*(?:" not in grep[0] or "1002" in grep[0])

    journal.too_long = too_long
    answer = oom_info.find(every, 24, NOW)
    assert answer["kills"] == whole and len(whole) == 3
    assert answer["notes"][0] == (
        "the kernel messages about hermes-gateway@eve cannot be read: "
        "journalctl printed more than 33554432 bytes"
    )


def forged(count, **fields):
    """Entries that the user of the gateway coder@ada wrote about it, one a minute."""
    own = {"_TRANSPORT": "journal", "_UID": "1001", "USER_UNIT": "hermes-gateway-coder.service"}
    made = dict(own, MESSAGE_ID="fe6faa94e7774663a0da52717891d8ef", **fields)
    return [
        json.dumps(dict(made, __REALTIME_TIMESTAMP=str((NOW - 60 * place) * 1000000)))
        for place in range(count, 0, -1)
    ]


def test_many_kills_of_one_gateway_are_cut_and_said(gateway, journal):
    """A user can forge kills of their own gateway only, and these must not fill the answer."""
    journal.load("bullseye-systemd247-kernel5.10.jsonl")
    journal.lines += forged(20000)
    start = time.process_time()
    answer = oom_info.find([gateway(), gateway("user")], 8000, NOW)
    assert time.process_time() - start < 20
    names = [kill["name"] for kill in answer["kills"]]
    assert names.count("hermes-gateway-coder@ada") == MAX_KILLS
    assert names.count("hermes-gateway") == 1
    assert answer["kills"][-1]["time"] == NOW - 60
    assert "only the newest 500 OOM kills of hermes-gateway-coder@ada are listed" in answer["notes"]


def test_a_counter_that_rises_by_a_hundred_at_each_sample(gateway, journal, history):
    """A user can cause endless kills of their own processes."""
    rows = [(NOW - 300 * place, 4711, 200 * (400 - place), "1") for place in range(400, 0, -1)]
    history("hermes-gateway", *rows)
    answer = oom_info.find([gateway()], 8000, NOW)
    assert len(answer["kills"]) == MAX_KILLS
    assert answer["counters"]["hermes-gateway"]["in_window"] == 200 * 399


def test_of_other_kinds_of_words_nothing_is_forged(gateway, journal):
    """Forged messages of the kernel and systemd-oomd, written by users with logger(1)."""
    kernel = (
        "Memory cgroup out of memory: Killed process 4711 (python) total-vm:1kB, anon-rss:1kB, "
        "file-rss:1kB, shmem-rss:0kB, UID:1000 pgtables:2kB oom_score_adj:0"
    )
    oomd = "Killed /system.slice/hermes-gateway.service due to memory pressure for x being 9%"
    entry = {"__REALTIME_TIMESTAMP": str(KILL * 1000000), "_UID": "1002", "_PID": "99"}
    for fields in (
        {"_TRANSPORT": "syslog", "SYSLOG_FACILITY": "0", "SYSLOG_IDENTIFIER": "kernel"},
        {"_TRANSPORT": "journal", "SYSLOG_FACILITY": "0", "TRANSPORT": "kernel"},
        {"_TRANSPORT": "journal", "UNIT": "hermes-gateway.service", "SYSTEMD_UNIT": "init.scope"},
        {"_TRANSPORT": "journal", "SYSTEMD_UNIT": "systemd-oomd.service"},
    ):
        for text in (kernel, oomd, "hermes-gateway.service: Failed with result 'oom-kill'."):
            journal.lines.append(json.dumps(dict(entry, MESSAGE=text, **fields)))
    running = gateway(pid=4711, start_time=KILL - 100)
    assert oom_info.find([running, gateway("user")], 24, NOW)["kills"] == []
