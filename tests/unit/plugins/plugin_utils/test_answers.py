# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer of a host becomes safe values, or one of three reasons why it is missing."""

from __future__ import annotations

import pytest

pytest.importorskip("ansible")

from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _answers


def test_answer_of_the_expected_form():
    assert _answers.part({"gateways": [1], "changed": False}, "gateways", list) == [1]


@pytest.mark.parametrize(
    ("result", "word", "why"),
    [
        (None, _answers.SILENT, "no reason given"),
        ("text", _answers.SILENT, "no reason given"),
        ({"unreachable": True}, _answers.SILENT, "no reason given"),
        ({"unreachable": True, "key": []}, _answers.SILENT, "no reason given"),
        ({"failed": True}, _answers.SILENT, "no reason given"),
        ({"msg": "Task failed: no luck"}, _answers.SILENT, "no luck"),
        ({"module_stderr": "no luck\n", "rc": 1}, _answers.SILENT, "no luck"),
        ({"module_stdout": "", "msg": "no luck", "rc": 1}, _answers.SILENT, "no luck"),
        ({"module_stdout": "hello", "msg": "no JSON", "rc": 0}, _answers.NONSENSE, "no JSON"),
        ({"key": {}}, _answers.NONSENSE, "key is missing or not valid"),
        ({"changed": False}, _answers.NONSENSE, "key is missing or not valid"),
    ],
)
def test_why_there_is_no_answer(result, word, why):
    with pytest.raises(_answers.NoAnswer) as raised:
        _answers.part(result, "key", list)
    assert (raised.value.word, raised.value.why) == (word, why)


KINDS = {"size": "number", "at": "moment", "name": "text", "on": "flag"}


def test_typed_values():
    given = {"size": 5, "at": 1785938400, "name": "a\nb\x1b", "on": True, "more": []}
    assert _answers.typed(given, KINDS) == {"size": 5, "at": 1785938400, "name": "a b", "on": True}
    assert _answers.typed({"name": None}, KINDS) == dict.fromkeys(KINDS)


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        {"size": "5"},
        {"size": True},
        {"size": float("nan")},
        {"size": 10**400},
        {"at": -1},
        {"at": 1e12},
        {"name": 5},
        {"name": ["a"]},
        {"on": 1},
        {"on": "yes"},
    ],
    ids=str,
)
def test_values_of_another_type_are_nonsense(given):
    with pytest.raises(_answers.NoAnswer) as raised:
        _answers.typed(given, KINDS)
    assert raised.value.word == _answers.NONSENSE
