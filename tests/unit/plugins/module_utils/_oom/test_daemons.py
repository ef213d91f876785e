# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills by earlyoom and nohang: the owner of each, and lines that a user can forge."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.journal import Entry
from ansible_collections.hermes_ops.gateway.plugins.module_utils._oom import daemons, oom_info

KILL = 1763800000
NOW = KILL + 7200
UNIT = "hermes-gateway.service"
# As each version writes it: 1.3 without the user, 1.4 to 1.7, 1.8, and 1.9.
EARLYOOM = {
    "1.3": 'sending SIGTERM to process 4123 "hermes": badness 1099, VmRSS 1730 MiB',
    "1.7": 'sending SIGTERM to process 4123 uid 1000 "hermes": badness 1099, VmRSS 1730 MiB',
    "1.8": 'sending SIGTERM to process 4123 uid 1000 "hermes": oom_score 1099, VmRSS 1730 MiB, '
    'cmdline "/opt/h/venv/bin/python -m hermes_cli.main gateway run"',
    "1.9": 'sending SIGTERM to process 4123 uid 1000 "hermes": oom_score 1099, oom_score_adj 0, '
    'VmRSS 1730 MiB, cmdline "/opt/h/venv/bin/python -m hermes_cli.main gateway run"',
}
TERMINATED = UNIT + ": Main process exited, code=killed, status=15/TERM"
# How Hermes ends after SIGTERM.
ENDED = UNIT + ": Main process exited, code=exited, status=1/FAILURE"
NOHANG = """\
Victim status (found in 3ms):
  PID:       4123, name: hermes, state: S, EUID: 1000, SID: 4123 (hermes), lifetime: 0d 10h
  badness:   1099, oom_score:  1099, oom_score_adj:  0
  Vm, MiB:   Size: 3004, RSS: 1730 (Anon: 1700, File: 30, Shmem: 0), Swap: 0
  cgroup_v1: /
  cgroup_v2: %s
  cmdline: %s
Implementing a corrective action:
  Sending SIGTERM to the victim
OK; total response time: 12ms"""


def earlyoom(journal, *lines):
    for place, line in enumerate(lines):
        journal.add(KILL + place / 10, line, _SYSTEMD_UNIT="earlyoom.service", _UID="997")


def nohang(journal, cgroup="/system.slice/" + UNIT, cmdline="python -m hermes_cli.main"):
    for place, line in enumerate((NOHANG % (cgroup, cmdline)).splitlines()):
        journal.add(KILL + place / 1000, line, _SYSTEMD_UNIT="nohang.service", _UID="0")


@pytest.fixture(autouse=True)
def boot(journal):
    journal.boot(KILL - 9000)


def found(gateways):
    answer = oom_info.find(gateways, 24, NOW)
    return [(kill["name"], kill["pid"], kill["source"]) for kill in answer["kills"]], answer


@pytest.mark.parametrize("version", sorted(EARLYOOM))
@pytest.mark.parametrize("ended", [TERMINATED, ENDED])
def test_earlyoom_killed_a_gateway_that_the_history_knows(
    gateway, journal, history, version, ended
):
    """The pid is known and systemd saw the main process end: it is a kill."""
    earlyoom(journal, "low memory! at or below SIGTERM limits: mem 9.12%", EARLYOOM[version])
    journal.add(KILL + 1, ended, unit=UNIT)
    history("hermes-gateway", (KILL - 300, 4123, 0, "1" * 32))
    kills, answer = found([gateway()])
    assert kills == [("hermes-gateway", 4123, "earlyoom")]
    assert answer["kills"][0]["rss_bytes"] == 1730 << 20
    assert (answer["kills"][0]["comm"], answer["kills"][0]["scope"]) == ("hermes", "global")
    assert answer["notes"] == []


def test_earlyoom_killed_a_gateway_before_its_first_sample(gateway, journal):
    """The main process of the same user's gateway ends by SIGTERM within a second."""
    earlyoom(journal, EARLYOOM["1.8"])
    journal.add(KILL + 1, TERMINATED, unit=UNIT)
    assert found([gateway()])[0] == [("hermes-gateway", 4123, "earlyoom")]
    assert found([gateway(uid=1007)])[0] == []


@pytest.mark.parametrize(
    ("source", "write"), [("earlyoom", lambda j: earlyoom(j, EARLYOOM["1.8"])), ("nohang", nohang)]
)
def test_a_kill_that_nothing_else_shows_is_a_note(gateway, journal, source, write):
    write(journal)
    kills, answer = found([gateway()])
    assert kills == [] and answer["notes"] == [
        "%s reports 1 killed processes of the user of hermes-gateway; it is unknown whether they"
        " belonged to the gateway" % source
    ]


def test_kill_of_another_user_is_not_even_a_note(gateway, journal):
    earlyoom(journal, EARLYOOM["1.8"].replace("1000", "1002"))
    journal.add(KILL + 1, TERMINATED, unit=UNIT)
    assert found([gateway()])[1]["notes"] == []
    assert found([gateway()])[0] == []


@pytest.mark.parametrize(
    "line", ["dryrun, not actually sending any signal", "kill failed: Operation not permitted"]
)
def test_a_signal_that_was_not_sent_is_not_a_kill(gateway, journal, history, line):
    """With --dryrun earlyoom writes the same line, and then this one."""
    earlyoom(journal, EARLYOOM["1.8"], line)
    journal.add(KILL + 1, TERMINATED, unit=UNIT)
    history("hermes-gateway", (KILL - 300, 4123, 0, "1" * 32))
    assert found([gateway()])[0] == []


def test_sigterm_and_sigkill_are_one_kill(gateway, journal, history):
    killed = EARLYOOM["1.8"].replace("SIGTERM", "SIGKILL")
    earlyoom(journal, EARLYOOM["1.8"], EARLYOOM["1.8"], killed)
    journal.add(KILL + 1, UNIT + ": Main process exited, code=killed, status=9/KILL", unit=UNIT)
    history("hermes-gateway", (KILL - 300, 4123, 0, "1" * 32))
    assert len(found([gateway()])[0]) == 1


def test_the_kernel_was_quicker(gateway, journal, history):
    """earlyoom chose the process that the kernel had just killed: one kill."""
    line = (
        "Out of memory: Killed process 4123 (hermes) total-vm:1kB, anon-rss:1kB, file-rss:1kB, "
        "shmem-rss:0kB, UID:1000 pgtables:2kB oom_score_adj:0"
    )
    journal.add(KILL - 1, line, _TRANSPORT="kernel", SYSLOG_FACILITY="0")
    earlyoom(journal, EARLYOOM["1.8"])
    journal.add(KILL + 1, UNIT + ": Main process exited, code=killed, status=9/KILL", unit=UNIT)
    history("hermes-gateway", (KILL - 300, 4123, 0, "1" * 32))
    assert found([gateway()])[0] == [("hermes-gateway", 4123, "kernel")]


def test_a_command_line_cannot_forge_a_kill_of_a_running_gateway(gateway, journal, history):
    """A line break in a command line starts a forged line of the daemon."""
    earlyoom(
        journal,
        'sending SIGTERM to process 77 uid 1002 "eve": oom_score 9, VmRSS 9 MiB, cmdline "x',
        EARLYOOM["1.8"],
    )
    history("hermes-gateway", (KILL - 300, 4123, 0, "1" * 32))
    running = gateway(pid=4123, start_time=KILL - 600)
    assert found([running])[0] == []
    # Nor if an operator stopped it at that moment.
    journal.add(KILL, "Stopping", unit=UNIT, MESSAGE_ID="de5b426a63be47a7b6ac3eaac82e2f6f")
    journal.add(KILL + 1, TERMINATED, unit=UNIT)
    assert found([gateway()])[0] == []


@pytest.mark.parametrize(
    "fields", [{"_SYSTEMD_UNIT": "user@1002.service"}, {"SYSTEMD_UNIT": "earlyoom.service"}]
)
def test_only_the_daemon_itself_counts(gateway, journal, history, fields):
    """Any user may run a program that writes such lines."""
    journal.add(KILL, EARLYOOM["1.8"], _UID="1002", **fields)
    journal.add(KILL + 1, TERMINATED, unit=UNIT)
    history("hermes-gateway", (KILL - 300, 4123, 0, "1" * 32))
    assert found([gateway()])[0] == []


def test_nohang_by_the_cgroup(gateway, journal):
    nohang(journal)
    journal.add(KILL + 1, ENDED, unit=UNIT)
    assert found([gateway()])[0] == [("hermes-gateway", 4123, "nohang")]


def test_of_nohang_the_first_process_counts():
    """Lines from a command line follow the description by nohang itself."""
    forged = "x\n  PID:       4711, name: python, state: S, EUID: 1000, SID: 1 (x)"
    text = (NOHANG % ("/user.slice/user-1002.slice/session-3.scope", forged)).replace(
        "4123, name: hermes, state: S, EUID: 1000", "77, name: eve, state: S, EUID: 1002"
    )
    entries = [
        Entry(KILL + place / 1000, {"_SYSTEMD_UNIT": "nohang.service", "MESSAGE": line})
        for place, line in enumerate(text.splitlines())
    ]
    victims = daemons.victims(entries)
    assert [(one.pid, one.uid, one.comm) for one in victims] == [(77, 1002, "eve")]


def test_a_kill_by_a_daemon_does_not_explain_a_rise_of_the_counter(gateway, journal, history):
    """The cgroup counts only kills by the kernel."""
    earlyoom(journal, EARLYOOM["1.8"])
    journal.add(KILL + 1, TERMINATED, unit=UNIT)
    history("hermes-gateway", (KILL - 300, 4123, 0, "1" * 32), (KILL - 60, 4123, 1, "1" * 32))
    kills = [(name, source) for name, _pid, source in found([gateway()])[0]]
    assert sorted(kills) == [("hermes-gateway", "counter"), ("hermes-gateway", "earlyoom")]
