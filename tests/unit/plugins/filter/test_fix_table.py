# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of verify_fix.yml. What it shows is compared in tests/unit/plugins/module_utils/_trend/test_comparison.py."""

from __future__ import annotations

import json

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


def test_table():
    lines = fix_table(
        [
            (
                "a",
                {
                    "stdout": json.dumps(
                        {
                            "hermes-gateway": one(
                                "fixed", after={"slope_mb_per_hour": 0.1, "slope_ci": [-0.2, 0.3]}
                            )
                        }
                    )
                },
            ),
            (
                "b",
                {
                    "stdout": json.dumps(
                        {
                            "hermes-gateway": one("still_leaking"),
                            "other": one("not_enough_yet", still=108.0),
                        }
                    )
                },
            ),
            ("c", {"unreachable": True, "msg": "no route"}),
            ("d", {"stdout": "skipped, since /usr/local/bin/hermes-guard does not exist", "rc": 0}),
            ("e", {"stdout": "", "stderr": "hermes-guard: --since: 'soon' is no time", "rc": 1}),
            ("f", {"stdout": "{}", "rc": 0}),
        ]
    )
    assert [(line.split()[0], line.split()[1]) for line in lines] == [
        ("HOST", "GATEWAY"),
        ("c", "-"),
        ("d", "-"),
        ("e", "-"),
        ("f", "-"),
        ("b", "hermes-gateway"),
        ("b", "other"),
        ("a", "hermes-gateway"),
    ]
    assert "'soon' is no time" in lines[3]
    assert "not enough yet" in lines[6] and "4.5 days" in lines[6]
    assert "60.0 (58.0 to 62.0)" in lines[7] and "0.1 (-0.2 to 0.3)" in lines[7]


@pytest.mark.parametrize(
    "stdout",
    [
        "",
        "x",
        "[]",
        "null",
        '{"g": 5}',
        '{"g": {}}',
        '{"g": {"before": [], "after": 3, "why": {"a": 1}, "hours_still": "x"}}',
        "5",
    ],
)
def test_wild_answers(stdout):
    assert len(fix_table([("a", {"stdout": stdout, "rc": 0}), ("b", None)])) == 3


def test_a_host_without_the_right_password_is_not_without_a_gateway():
    lines = fix_table(
        [
            ("a", {"failed": True, "msg": "Task failed: Missing sudo password"}),
            ("b", {"stdout": "Last login: today", "rc": 0}),
        ]
    )
    assert "could not be asked" in lines[1] and "Missing sudo password" in lines[1]
    assert "could not be asked" in lines[2]
