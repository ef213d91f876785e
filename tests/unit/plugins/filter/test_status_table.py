# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of report.yml: a line for each managed gateway, and one for each host without a gateway."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("ansible")

from ansible.errors import AnsibleFilterError
from ansible_collections.hermes_ops.gateway.plugins.filter.status_table import status_table
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import watchdog

AT = 1785938400
MB = 1 << 20


def gateway(**more):
    """The values of gateway_info for one gateway that the table shows."""
    return dict(
        {
            "name": "hermes-gateway",
            "scope": "system",
            "version": "0.19.0",
            "state": "running",
            "active_state": "active",
            "uptime_seconds": 7200,
            "managed": True,
            "threshold_bytes": 2048 * MB,
            "next_restart": AT,
            "suspended_until": None,
            "last_restart": {"time": AT - 86400, "trigger": "watchdog", "reason": "it leaked"},
            "memory": {"rss_bytes": 94 * MB},
        },
        **more,
    )


def answer(*gateways):
    return {"gateways": list(gateways), "guard_problem": None, "changed": False}


def cells(line):
    return re.split(r"  +", line)


def test_line_of_a_gateway():
    lines = status_table({"b": answer(gateway(), gateway(name="other")), "a": answer(gateway())})
    assert [cells(line)[:2] for line in lines] == [
        ["HOST", "GATEWAY"],
        ["a", "hermes-gateway"],
        ["b", "hermes-gateway"],
        ["b", "other"],
    ]
    assert cells(lines[0])[2:] == [
        "SCOPE",
        "VERSION",
        "STATE",
        "RSS",
        "UPTIME",
        "THRESHOLD",
        "NEXT RESTART",
        "LAST RESTART",
        "WHY",
    ]
    assert cells(lines[1])[2:] == [
        "system",
        "0.19.0",
        "running",
        "94 MB",
        "2 h",
        "2048 MB",
        "2026-08-05 14:00 UTC",
        "2026-08-04 14:00 UTC",
        "watchdog: it leaked",
    ]


def test_what_is_not_known_has_a_sign_of_its_own():
    one = gateway(
        version=None,
        uptime_seconds=None,
        threshold_bytes=None,
        next_restart=None,
        last_restart=None,
        memory={"rss_bytes": None},
    )
    line = status_table({"a": answer(one)})[1]
    assert cells(line)[3:] == ["?", "running", "?", "?", "?", "never", "never", "-"]


@pytest.mark.parametrize(
    ("more", "column", "shown"),
    [
        (
            {"suspended_until": AT, "next_restart": AT + 60},
            8,
            "suspended until 2026-08-05 14:00 UTC, then 2026-08-05 14:01 UTC",
        ),
        ({"suspended_until": AT, "next_restart": None}, 8, "suspended until 2026-08-05 14:00 UTC"),
        ({"down": "it is down (failed): exit code 1"}, 10, "it is down (failed): exit code 1"),
        ({"alerts": [{"code": "threshold"}, 3]}, 10, "alert: threshold; watchdog: it leaked"),
        ({"last_end": {"time": AT, "code": "killed", "reason": "by it"}}, 10, "killed: by it"),
        ({"last_end": {"time": AT, "code": "killed", "reason": "x"}}, 9, "2026-08-05 14:00 UTC"),
        ({"last_end": {"time": 1.0, "code": "killed", "reason": "x"}}, 10, "watchdog: it leaked"),
        ({"state": "stopped", "active_state": "failed"}, 4, "failed"),
        ({"state": "gone", "active_state": None}, 4, "gone"),
        ({"state": "draining"}, 4, "draining"),
    ],
)
def test_state_and_next_restart(more, column, shown):
    assert cells(status_table({"a": answer(gateway(**more))})[1])[column] == shown


# As in the ledger of a large gateway; the longest name of a unit in the lab.
ABOVE = (
    "12053 MB is above the threshold of 12000 MB in 3 of 5 samples (RSS 10240 MB, with children "
    "11029 MB, swap 1024 MB)"
)
SHORT = "12053 MB above 12000 MB in 3 of 5 samples (RSS 10240, with children 11029, swap 1024)"
DOWN = (
    "it is down (failed), since about 2026-08-05 14:00 UTC: it did not come up; reason for the "
    "restart: %s%s; to start it: systemctl --user start hermes-gateway-coder.service"
)


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({}, "watchdog: " + SHORT),
        ({"alerts": [{"code": "threshold"}]}, "alert: threshold; watchdog: " + SHORT),
        ({"down": DOWN % (ABOVE, "; the guard never starts a gateway")}, DOWN % (SHORT, "")),
    ],
    ids=["restart", "alert", "down"],
)
def test_reason_is_not_cut(more, shown):
    last = {"time": AT, "trigger": "watchdog", "reason": ABOVE}
    lines = status_table({"a": answer(gateway(last_restart=last, **more))})
    assert cells(lines[1])[-1] == shown


def test_words_of_the_watchdog_are_those_that_are_shortened():
    assert ABOVE == watchdog.ABOVE % (
        "12053 MB",
        "12000 MB",
        3,
        5,
        "10240 MB",
        "11029 MB",
        "1024 MB",
    )


def test_gateway_that_is_not_managed_is_not_in_the_table():
    lines = status_table(
        {"a": answer(gateway(), gateway(name="by-hand", managed=False, threshold_bytes=None))}
    )
    assert len(lines) == 2 and "by-hand" not in lines[1]


def test_three_ways_without_an_answer_are_three_answers():
    lines = status_table(
        {
            "a": {"failed": True, "msg": "Task failed: Missing sudo password"},
            "b": answer(),
            "c": answer(gateway(managed=False)),
            "d": {"module_stdout": "Last login: today", "rc": 0, "msg": "no JSON"},
            "e": {"gateways": {}, "changed": False},
            "f": {"unreachable": True, "msg": "no route to host"},
            "g": dict(answer(gateway(managed=None)), guard_problem="guard.conf cannot be read"),
            "h": None,
            "i": answer(gateway()),
        }
    )
    assert [(cells(line)[0], cells(line)[-1]) for line in lines[1:]] == [
        ("a", "no answer: Missing sudo password"),
        ("b", "not managed: hermes-guard manages no gateway on this host"),
        ("c", "not managed: hermes-guard manages no gateway on this host"),
        ("d", "invalid answer: no JSON"),
        ("e", "invalid answer: gateways is missing or not valid"),
        ("f", "no answer: no route to host"),
        ("g", "no answer: guard.conf cannot be read"),
        ("h", "no answer: no reason given"),
        ("i", "watchdog: it leaked"),
    ]


@pytest.mark.parametrize(
    "gateways",
    [
        5,
        "x",
        {"hermes-gateway": gateway()},
        [5],
        [None],
        [{}],
        [[gateway()]],
        [gateway(name=None)],
        [gateway(name=["x"])],
        [gateway(managed=None)],
        [gateway(managed="yes")],
        [gateway(version={"a": 1})],
        [gateway(uptime_seconds="long")],
        [gateway(uptime_seconds=float("inf"))],
        [gateway(threshold_bytes=True)],
        [gateway(threshold_bytes=10**400)],
        [gateway(next_restart=1e14)],
        [gateway(next_restart=-5)],
        [gateway(suspended_until="soon")],
        [gateway(memory=5)],
        [gateway(memory={"rss_bytes": "much"})],
        [gateway(last_restart="yesterday")],
        [gateway(last_restart={"time": "x", "trigger": "t", "reason": "r"})],
        [gateway(last_restart={"time": AT, "trigger": 5})],
    ],
    ids=str,
)
def test_nonsense_of_one_host_is_one_line(gateways):
    lines = status_table({"a": {"gateways": gateways}, "b": answer(gateway())})
    assert len(lines) == 3
    assert cells(lines[1])[-1].startswith("invalid answer: ")
    assert cells(lines[2])[-1] == "watchdog: it leaked"


def test_nonsense_of_one_gateway_is_not_that_of_its_host():
    lines = status_table({"a": answer(gateway(), gateway(name="other", version=5))})
    assert cells(lines[1])[1] == "hermes-gateway" and cells(lines[1])[3] == "0.19.0"
    assert cells(lines[2])[1] == "other"
    assert cells(lines[2])[-1] == "invalid answer: version is not a text"


def test_whatever_a_host_says_is_a_bounded_line():
    evil = "\x1b[31m\r\n\u202e" + "x y" * 50000
    lines = status_table(
        {
            "a": answer(
                gateway(
                    name=evil,
                    scope=evil,
                    version=evil,
                    state=evil,
                    last_restart={"time": AT, "trigger": evil, "reason": evil},
                )
            ),
            "b": {"msg": evil},
            "c": answer(*[gateway(name="g%d" % place) for place in range(5000)]),
        }
    )
    assert len(lines) <= 1 + 1 + 1 + 1000
    assert all(line.isprintable() and len(line) < 700 for line in lines)
    # The lines of the other hosts have the same columns.
    others = [line for line in lines if line.startswith("c ")]
    assert others and all(len(line) < 400 for line in others)


def test_answers_as_pairs():
    pairs = [("b", answer(gateway())), ("a", answer(gateway()))]
    assert status_table(pairs) == status_table(dict(pairs))


@pytest.mark.parametrize("answers", [["x"], [("a", {}, {})]], ids=str)
def test_what_is_no_dictionary_of_answers(answers):
    with pytest.raises(AnsibleFilterError, match="not list"):
        status_table(answers)
