# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Earlier runs of a unit, from what systemd wrote to the journal about it."""

from __future__ import annotations

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


def test_matches_ask_for_the_word_of_each_manager():
    assert unit_journal.matches([GATEWAY, MANUAL] + USERS) == (
        ["_PID=1", "UNIT=hermes-gateway.service"]
        + ["+", "_UID=1001", "USER_UNIT=a.service", "USER_UNIT=b.service"]
        + ["+", "_UID=1002", "USER_UNIT=a.service"]
    )
    assert unit_journal.matches([MANUAL]) == []


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
