# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Earlier runs of a unit, from what systemd wrote to the journal about it."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import unit_journal
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import command, journal
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import RunError

GATEWAY = SimpleNamespace(
    name="hermes-gateway", unit="hermes-gateway.service", scope="system", uid=1000
)
USERS = [
    SimpleNamespace(name="a@ada", unit="a.service", scope="user", uid=1001),
    SimpleNamespace(name="b@ada", unit="b.service", scope="user", uid=1001),
    SimpleNamespace(name="a@bob", unit="a.service", scope="user", uid=1002),
]
MANUAL = SimpleNamespace(name="manual", unit=None, scope="manual", uid=1000)
NO_NUMBER = "x: Consumed 1s CPU time, 1.2.3G memory peak."


def entry(time=5.0, **fields):
    return journal.Entry(time, dict({"_PID": "1", "UNIT": "hermes-gateway.service"}, **fields))


def test_queries_ask_for_the_word_of_each_manager():
    assert [query.matches for query in unit_journal.queries([MANUAL] + USERS + [GATEWAY])] == [
        ["_PID=1", "UNIT=hermes-gateway.service"],
        ["_UID=1001", "USER_UNIT=a.service", "USER_UNIT=b.service"],
        ["_UID=1002", "USER_UNIT=a.service"],
    ]
    assert unit_journal.queries([MANUAL]) == []


def test_a_user_with_too_long_a_journal_costs_that_users_entries_only(monkeypatch):
    """A user writes what looks like an entry of systemd as often as they like."""

    def run(argv, **rest):
        if "_UID=1002" in argv:
            raise RunError("journalctl printed more than 33554432 bytes")
        uid = "1001" if "_UID=1001" in argv else "0"
        by = {"_UID": uid, "USER_UNIT": "a.service"}
        if uid == "0":
            by = {"_PID": "1", "UNIT": "hermes-gateway.service"}
        return command.Result(0, json.dumps(dict(by, __REALTIME_TIMESTAMP="5000000")), "")

    monkeypatch.setattr(command, "run", run)
    entries, notes = unit_journal.read([GATEWAY] + USERS, 0)
    names = [unit_journal.gateway_of(entry, [GATEWAY] + USERS).name for entry in entries]
    assert names == ["hermes-gateway", "a@ada"]
    assert notes == [
        "the journal about a@bob cannot be read: journalctl printed more than 33554432 bytes"
    ]


def test_entries_that_were_left_out_are_said(monkeypatch):
    line = json.dumps({"_UID": "1002", "USER_UNIT": "a.service", "__REALTIME_TIMESTAMP": "1"})
    text = "\n".join([line] * journal.MAX_ENTRIES)
    monkeypatch.setattr(command, "run", lambda argv, **rest: command.Result(0, text, ""))
    entries, notes = unit_journal.read(USERS[2:], 0)
    assert len(entries) == journal.MAX_ENTRIES
    assert notes == [
        "the journal has more entries about a@bob than the last 20000, which were read"
    ]


def test_an_entry_is_its_gateways_if_its_manager_wrote_it():
    def name(**fields):
        found = unit_journal.gateway_of(journal.Entry(5.0, fields), [MANUAL, GATEWAY] + USERS)
        return found and found.name

    assert name(UNIT="hermes-gateway.service", _PID="1") == "hermes-gateway"
    assert name(UNIT="hermes-gateway.service", _PID="17", _UID="1000") is None
    assert name(USER_UNIT="a.service", _UID="1002", _PID="17") == "a@bob"
    assert name(USER_UNIT="b.service", _UID="1002", _PID="17") is None
    assert name(MESSAGE="of a program", _UID="1000") is None


def test_the_uptime_of_a_run_whose_start_is_logged():
    started = entry(5.0, MESSAGE_ID=unit_journal.STARTED, INVOCATION_ID="a")
    consumed = {
        "MESSAGE_ID": unit_journal.RESOURCES,
        "MEMORY_PEAK": "7",
        "CPU_USAGE_NSEC": "2" * 10,
    }
    ended = [entry(65.9, INVOCATION_ID="a", **consumed), entry(66.0, INVOCATION_ID="b", **consumed)]
    first, second = unit_journal.runs([started] + ended, [GATEWAY])
    assert (first.uptime_seconds, first.cpu_seconds) == (60, 2.222222222)
    assert (second.invocation_id, second.uptime_seconds) == ("b", None)


def test_earlier_runs_read_the_journal_once(monkeypatch):
    asked = []
    line = (
        '{"__REALTIME_TIMESTAMP": "5000000", "_PID": "1", "UNIT": "hermes-gateway.service",'
        ' "MESSAGE_ID": "%s", "MEMORY_PEAK": "7"}' % unit_journal.RESOURCES
    )
    monkeypatch.setattr(
        command, "run", lambda argv, **rest: asked.append(argv) or command.Result(0, line, "")
    )
    assert [run.peak_bytes for run in unit_journal.earlier_runs(GATEWAY, 24)] == [7]
    assert len(asked) == 1 and asked[0][-2:] == ["_PID=1", "UNIT=hermes-gateway.service"]
    assert unit_journal.earlier_runs(MANUAL, 24) == [] and len(asked) == 1


def test_no_earlier_runs_without_a_journal(monkeypatch):
    def fails(argv, **rest):
        raise RunError("journalctl could not be started")

    monkeypatch.setattr(command, "run", fails)
    assert unit_journal.earlier_runs(GATEWAY, 24) == []


@pytest.mark.parametrize(
    ("fields", "peak", "swap"),
    [
        (
            {
                "MESSAGE_ID": "ae8f7b866b0347b9af31fe1c80b127c0",
                "MEMORY_PEAK": "1000",
                "MEMORY_SWAP_PEAK": "5",
            },
            1000,
            5,
        ),
        (
            {
                "MESSAGE": "hermes-gateway.service: Consumed 3min 20.123s CPU time, 1.5G memory peak, 512M memory swap peak."
            },
            3 << 29,
            512 << 20,
        ),
        (
            {
                "MESSAGE": "hermes-gateway.service: Consumed 120ms CPU time, 824K memory peak, 0B memory swap peak, 1.2K incoming IP traffic."
            },
            824 << 10,
            0,
        ),
    ],
)
def test_each_form_of_a_peak(fields, peak, swap):
    run = unit_journal.runs([entry(**fields)], [GATEWAY])[0]
    assert (run.peak_bytes, run.swap_peak_bytes) == (peak, swap)


def test_no_peak_no_run():
    for said in ("hermes-gateway.service: Consumed 41.5s CPU time.", NO_NUMBER):
        assert unit_journal.runs([entry(MESSAGE=said)], [GATEWAY]) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"MEMORY_PEAK": "9" * 4000},
        {"MEMORY_PEAK": "\u00b2"},
        {"MEMORY_PEAK": "-1"},
        {"MESSAGE": "x: Consumed 1s CPU time, %sE memory peak." % ("9" * 400)},
        {"MESSAGE": "x: Consumed 1s CPU time, 999999999999E memory peak."},
        {"MESSAGE": "x: Consumed 1s CPU time, 99999.9E memory peak."},
    ],
)
def test_a_number_that_no_machine_has_is_no_peak(fields):
    """Users write such entries as their own systemd does: they must not end the look-up."""
    assert unit_journal.runs([entry(MESSAGE_ID=unit_journal.RESOURCES, **fields)], [GATEWAY]) == []


def test_other_numbers_and_ids_that_are_none_are_unknown():
    fields = {"MEMORY_PEAK": "7", "MEMORY_SWAP_PEAK": "9" * 4000, "CPU_USAGE_NSEC": "9" * 4000}
    ended = entry(MESSAGE_ID=unit_journal.RESOURCES, INVOCATION_ID="<b>" + "a" * 4000, **fields)
    run = unit_journal.runs([ended], [GATEWAY])[0]
    assert (run.peak_bytes, run.swap_peak_bytes, run.cpu_seconds) == (7, None, None)
    assert run.invocation_id is None


def test_of_one_gateway_the_newest_runs():
    consumed = {"MESSAGE_ID": unit_journal.RESOURCES, "MEMORY_PEAK": "7"}
    ended = [entry(float(time), **consumed) for time in range(unit_journal.MAX_RUNS + 100)]
    found = unit_journal.runs(ended, [GATEWAY])
    assert (len(found), found[0].time) == (unit_journal.MAX_RUNS, 100.0)


def test_a_long_message_takes_no_long_time():
    """A pattern that goes back and forth takes 0.3 s for each of these, so minutes for all."""
    said = entry(MESSAGE="x: Consumed " + "9" * 4000)
    start = time.process_time()
    assert unit_journal.runs([said] * 200, [GATEWAY]) == []
    assert time.process_time() - start < 2
