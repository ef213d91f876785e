# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How confirm.yml interprets the answer of hermes-guard suspend."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("ansible")

from ansible_collections.hermes_ops.gateway.plugins.filter.suspend_answer import suspend_answer

THERE = {"stat": {"exists": True}, "changed": False}
GONE = {"stat": {"exists": False}, "changed": False}
SAID = "hermes-gateway: calendar restarts are suspended for another 48 h"
GOOD = {"changed": True, "suspended_until": {"hermes-gateway": 1785938400.0}, "said": [SAID]}


def done(answer, rc=0, stderr=""):
    stdout = answer if isinstance(answer, str) else json.dumps(answer)
    return {"rc": rc, "stdout": stdout, "stderr": stderr}


@pytest.mark.parametrize("changed", [True, False])
def test_suspended(changed):
    answer = suspend_answer(done(dict(GOOD, changed=changed)), THERE)
    assert answer == {"changed": changed, "failed": False, "said": [SAID]}


@pytest.mark.parametrize(
    ("command", "program", "failed", "said"),
    [
        ({"skipped": True}, GONE, False, "not managed: hermes-guard is not installed"),
        (
            done({"changed": False, "suspended_until": {}, "said": ["no gateway is configured"]}),
            THERE,
            False,
            "not managed: hermes-guard manages no gateway on this host",
        ),
        (
            {"skipped": True},
            {"failed": False, "msg": "Task failed: Missing sudo password"},
            True,
            "no answer: Missing sudo password",
        ),
        ({"failed": False, "msg": "Task failed: Timed out"}, THERE, True, "no answer: Timed out"),
        (
            done("", 1, "hermes-guard: the watchdog is not armed\n"),
            THERE,
            True,
            "hermes-guard: the watchdog is not armed",
        ),
        (done("", 1), THERE, True, "no reason given"),
        (done("Last login: today"), THERE, True, "invalid answer: the answer is not JSON"),
        (done("[" * 100000), THERE, True, "invalid answer: the answer is not JSON"),
    ],
)
def test_not_suspended(command, program, failed, said):
    answer = suspend_answer(command, program)
    assert answer == {"changed": False, "failed": failed, "said": [said]}


@pytest.mark.parametrize(
    "answer",
    [
        "null",
        "[]",
        "5",
        '"x"',
        {},
        dict(GOOD, changed="yes"),
        dict(GOOD, changed=None),
        dict(GOOD, suspended_until=[]),
        dict(GOOD, said="x"),
    ],
    ids=str,
)
def test_nonsense(answer):
    answer = suspend_answer(done(answer), THERE)
    assert answer["failed"] and not answer["changed"]
    assert answer["said"][0].startswith("invalid answer: ")


@pytest.mark.parametrize("program", [None, {"stat": 5}, {"stat": {}}, {"stat": {"exists": "x"}}])
def test_program_that_cannot_be_looked_for(program):
    answer = suspend_answer(done(GOOD), program)
    assert answer["failed"] and not answer["changed"]


def test_whatever_a_host_says_is_bounded_text():
    evil = "\x1b[31m\r\n\u202e" + "x y" * 50000
    for command in (done(dict(GOOD, said=[evil, 5, {}] * 500)), done("", 1, evil)):
        said = suspend_answer(command, THERE)["said"]
        assert len(said) <= 100
        assert all(line.isprintable() and len(line) <= 300 for line in said)
