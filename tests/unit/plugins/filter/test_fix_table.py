# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of verify_fix.yml. The comparison itself is tested in tests/unit/plugins/module_utils/_trend/test_comparison.py."""

from __future__ import annotations

import pytest

pytest.importorskip("ansible")

from ansible_collections.hermes_ops.gateway.plugins.filter.fix_table import fix_table


def one(result, before=None, after=None, still=None):
    side = {"slope_mb_per_hour": 60.0, "slope_ci": [58.0, 62.0]}
    return {
        "result": result,
        "before": before or side,
        "after": after,
        "hours_still": still,
        "why": "Because of it.",
    }


def answer(**changes):
    return {"trends": {}, "changes": changes, "changed": False, "failed": False}


def test_table():
    lines = fix_table(
        [
            (
                "a",
                {
                    "changes": {
                        "hermes-gateway": one(
                            "fixed", after={"slope_mb_per_hour": 0.1, "slope_ci": [-0.2, 0.3]}
                        )
                    }
                },
            ),
            (
                "b",
                {
                    "changes": {
                        "hermes-gateway": one("still_leaking"),
                        "other": one("not_enough_yet", still=108.0),
                    }
                },
            ),
            ("c", {"unreachable": True, "msg": "no route"}),
            ("d", answer()),
            ("e", {"failed": False, "msg": "since: invalid time 'soon': expected ..."}),
        ]
    )
    assert [(line.split()[0], line.split()[1]) for line in lines] == [
        ("HOST", "GATEWAY"),
        ("c", "-"),
        ("d", "-"),
        ("e", "-"),
        ("b", "hermes-gateway"),
        ("b", "other"),
        ("a", "hermes-gateway"),
    ]
    assert "invalid time 'soon'" in lines[3]
    assert "not enough yet" in lines[5] and "4.5 days" in lines[5]
    assert "60.0 (58.0 to 62.0)" in lines[6] and "0.1 (-0.2 to 0.3)" in lines[6]


def test_three_ways_without_an_answer_are_three_answers():
    lines = fix_table(
        [
            ("a", {"failed": True, "msg": "Task failed: Missing sudo password"}),
            ("b", answer()),
            ("c", {"module_stdout": "Last login: today", "rc": 0, "msg": "no JSON"}),
            ("d", {"module_stdout": "", "rc": 127, "msg": "The interpreter was not found."}),
            ("e", {"changes": [1], "changed": False}),
            ("f", {"changed": False}),
            ("g", {}),
            ("h", {"unreachable": True, "changes": {}, "msg": "no route"}),
        ]
    )
    words = ["no answer", "not managed", "invalid answer"]
    found = {line[0]: [word for word in words if word in line] for line in lines[1:]}
    assert found == {
        "a": ["no answer"],
        "b": ["not managed"],
        "c": ["invalid answer"],
        "d": ["no answer"],
        "e": ["invalid answer"],
        "f": ["invalid answer"],
        "g": ["no answer"],
        "h": ["no answer"],
    }
    assert lines[1].endswith("  Missing sudo password")
    assert "interpreter was not found" in lines[4]


@pytest.mark.parametrize(
    "changes",
    [
        "",
        "x",
        [],
        None,
        {"g": 5},
        {"g": {}},
        {"g": {"before": [], "after": 3, "why": {"a": 1}, "hours_still": "x"}},
        5,
        {"g": one("fixed", before=[1])},
        {"g": one("fixed", after={"slope_mb_per_hour": "fast"})},
        {"g": one("fixed", after={"slope_mb_per_hour": 1.0, "slope_ci": [1.0]})},
        {"g": one("fixed", still=float("nan"))},
        {"g": one("fixed", still=10**400)},
        {"g": one(["fixed"])},
        {"g": one("won")},
        {5: one("won")},
    ],
)
def test_nonsense_of_one_host_is_one_line(changes):
    lines = fix_table([("a", {"changes": changes}), ("b", None), ("c", answer(g=one("no_leak")))])
    assert len(lines) == 4
    assert "invalid answer" in lines[1]
    assert lines[2].startswith("b") and "no answer" in lines[2]
    assert lines[3].startswith("c") and "no leak" in lines[3]


def test_nonsense_of_one_gateway_is_not_that_of_its_host():
    lines = fix_table([("a", answer(g=one("fixed"), h={"result": 5}))])
    assert "h" in lines[1] and "invalid answer" in lines[1] and "result is not a text" in lines[1]
    assert "fixed" in lines[2]


def test_whatever_a_host_says_is_a_bounded_line():
    evil = "\x1b[31m\r\n\u202e" + "x y" * 50000
    lines = fix_table(
        [
            (evil, {"changes": {evil: dict(one("fixed"), why=evil)}}),
            ("b", {"msg": evil}),
            ("c", answer(**{"g%d" % place: one("fixed") for place in range(5000)})),
        ]
    )
    assert len(lines) <= 1 + 1 + 1 + 1000
    assert all(line.isprintable() and len(line) < 1500 for line in lines)
