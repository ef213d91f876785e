# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answers for which a playbook fails, for a cron job that mails failures."""

from __future__ import annotations

import pytest

pytest.importorskip("ansible")

from ansible.errors import AnsibleFilterError
from ansible_collections.hermes_ops.gateway.plugins.filter.fail_on import fail_on

FLAT = {"verdict": "flat", "why": "it does not grow", "sample_age_hours": 0.1}
LEAK = {"verdict": "leak", "why": "it grows", "hours_to_limit": 90.0, "sample_age_hours": 0.1}
URGENT = dict(LEAK, hours_to_limit=3.9)
SUSPECT = dict(FLAT, verdict="suspected")
DOWN = dict(FLAT, down="it is down (failed, exit code 1)")


def host(name, trend):
    return [name, {"trends": {"gw": trend}}, {"kills": [], "counters": {}}]


FLEET = [
    host("a", FLAT),
    host("b", LEAK),
    host("c", URGENT),
    host("d", SUSPECT),
    host("e", DOWN),
    ["f", {"unreachable": True, "msg": "no route"}, {}],
    ["g", {"trends": {}}, {"kills": [], "counters": {}}],
]


def hosts(lines):
    return sorted(line.partition(" ")[0].rstrip(":") for line in lines)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", []),
        (None, []),
        ([], []),
        ("act_now", ["c", "e"]),
        ("act_soon", ["b", "c", "e"]),
        ("watch", ["b", "c", "d", "e"]),
        ("no_answer", ["f"]),
        (" act_now, no_answer ", ["c", "e", "f"]),
        (["act_now", "no_answer"], ["c", "e", "f"]),
    ],
)
def test_groups_of_the_report(words, expected):
    assert hosts(fail_on(FLEET, words)) == expected


def test_sentences_say_why():
    lines = fail_on(FLEET, "act_now,no_answer")
    assert any(line.startswith("e gw: it is down (failed, exit code 1)") for line in lines)
    assert "f: no route" in lines


@pytest.mark.parametrize("words", ["now", "act_now;watch", ["act_now", 5], 7, True, {"x": 1}])
def test_word_that_is_not_known(words):
    with pytest.raises(
        AnsibleFilterError, match="hermes_fail_on: invalid value .* expected one or more of act_now"
    ):
        fail_on(FLEET, words)


def test_answers_of_gateway_info():
    def one(**changed):
        return {"gateways": [dict({"name": "gw", "managed": True}, **changed)]}

    answers = [
        ["a", one()],
        ["b", one(down="it is down")],
        ["c", one(alerts=[{"code": "threshold"}, {"code": "limit"}])],
        ["d", one(managed=False, down="it is down")],
        ["e", {"unreachable": True, "msg": "no route"}],
        ["f", dict(one(), guard_problem="guard.conf is damaged")],
        ["g", {"gateways": []}],
    ]
    assert fail_on(answers, "act_soon") == ["b gw: it is down", "c gw: alert: threshold, limit"]
    assert hosts(fail_on(answers, ["no_answer"])) == ["e", "f"]


def test_more_than_twenty_are_counted():
    lines = fail_on([host("h%02d" % number, DOWN) for number in range(25)], "act_now")
    assert len(lines) == 21 and lines[-1] == "and 5 more"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        5,
        [],
        "x",
        {"gateways": 5},
        {"gateways": [5, {"alerts": 7, "down": {}, "managed": 1}]},
        {
            "gateways": [{"alerts": [None, {"code": "\x1b[31m"}], "managed": True}],
            "guard_problem": [1],
        },
    ],
)
def test_hostile_answers_cost_their_own_host_at_most(answer):
    for answers in (
        [["a", answer], ["b", {"gateways": [{"name": "gw", "managed": True, "down": "x"}]}]],
    ):
        lines = fail_on(answers, "act_now,no_answer")
        assert "b gw: x" in lines and "\x1b" not in "".join(lines)
    for answers in ([["a", answer, answer], host("b", DOWN)],):
        lines = fail_on(answers, "act_now,no_answer")
        assert any(line.startswith("b gw: ") for line in lines)


def test_what_are_no_answers():
    with pytest.raises(AnsibleFilterError, match="fail_on: expected a list of lists"):
        fail_on(["ab", ["a"]], "act_now")
