# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated hostile answers through every filter, and the template, that a playbook uses.

Whatever one host answers: no exception, no markup, no control character, no number that is none,
and the line of the other host is as it is without it. HERMES_HOSTILE_ANSWERS=5000 makes more.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import os
import random
import re
from html.parser import HTMLParser

import pytest

pytest.importorskip("ansible")

from ansible_collections.hermes_ops.gateway.plugins.filter.fix_table import fix_table
from ansible_collections.hermes_ops.gateway.plugins.filter.fleet_report import fleet_report
from ansible_collections.hermes_ops.gateway.plugins.filter.memory_limits import memory_limits
from ansible_collections.hermes_ops.gateway.plugins.filter.restart_line import restart_line
from ansible_collections.hermes_ops.gateway.plugins.filter.status_table import status_table
from ansible_collections.hermes_ops.gateway.plugins.filter.suspend_answer import suspend_answer

COUNT = int(os.environ.get("HERMES_HOSTILE_ANSWERS", "300"))
# Tested in parts, so that a failure names only a few answers.
PARTS = 20
AT = 1785938400
MB = 1 << 20
SIDE = {"verdict": "leak", "hours": 160.2, "slope_mb_per_hour": 60.1, "slope_ci": [58.2, 62.0]}
HONEST = {
    "changed": True,
    "gateways": [
        {
            "name": "gw",
            "scope": "system",
            "version": "0.19.0",
            "state": "running",
            "active_state": "active",
            "uptime_seconds": 7200,
            "managed": True,
            "threshold_bytes": 2048 * MB,
            "next_restart": AT,
            "suspended_until": None,
            "down": "it is down",
            "alerts": [{"code": "down", "since": AT, "reason": "it is down"}],
            "last_end": {"time": AT + 9, "code": "killed", "reason": "SIGKILL"},
            "last_restart": {"time": AT, "trigger": "watchdog", "reason": "it leaked"},
            "memory": {"rss_bytes": 94 * MB},
        }
    ],
    "guard_problem": None,
    "trends": {
        "gw": {
            "verdict": "leak",
            "slope_mb_per_hour": 20.5,
            "slope_ci": [19.0, 21.0],
            "rss_mb": 200.0,
            "limit_mb": 2048.0,
            "hours_to_limit": 90.5,
            "hours_to_limit_ci": [80.0, None],
            "advice": ["restart it every 24 h"],
            "notes": ["a note"],
            "why": "it grows",
            "version": "0.19.0",
            "suspended_until": AT + 1e9,
            "sample_age_hours": 0.1,
            "running": True,
            "down": "it is down",
            "ends": [{"time": AT, "code": "killed", "reason": "SIGKILL", "runs": 2}],
            "provider_switch": "the leak depends on the provider",
            "bigger_box": [{"ram_gb": 2, "hours": 32.2}],
            "chart": {
                "points": [[AT + 600 * step, 200 * MB, 190 * MB, step // 9] for step in range(18)],
                "restarts": [AT + 5400],
                "providers": [[AT, "a", "m", "1"], [AT + 6000, "b", "m", "1"]],
                "judged_from": AT,
            },
        }
    },
    "changes": {
        "gw": {
            "result": "fixed",
            "hours_still": None,
            "why": "it is fixed",
            "before": SIDE,
            "after": SIDE,
        }
    },
    "kills": [
        {"name": "gw", "time": AT + 600, "pid": 7, "comm": "python3", "rss_bytes": 5, "scope": "x"}
    ],
    "counters": {"gw": {}, "other": {}},
    "restarts": [{"name": "gw", "mode": "idle", "skipped_because": None, "downtime_seconds": 1.5}],
    "stat": {"exists": True},
    "rc": 0,
    "stdout": json.dumps({"changed": True, "suspended_until": {"gw": AT}, "said": ["48 h"]}),
    "stderr": "",
    "msg": "",
    "memory": {"total_bytes": 4096 * MB, "available_bytes": 5, "swap_total_bytes": 0},
}
LIMITS = {
    "hermes_memory_limit_max": "60%",
    "hermes_memory_limit_high": "",
    "hermes_memory_limit_swap_max": "0",
}
WORDS = [
    "",
    "gw",
    "good",
    "leak",
    "fixed",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    "</title></svg></style></script>",
    "<!--",
    "]]>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "\x00\x07\x1b[31m\x1b]0;x\x07\r\n\u202e\u2028\x85\x9b31m",
    "\ud800",
    "=HYPERLINK(1)",
    "@x",
    "+1",
    "-1+1",
    "%s%d%n",
    "\u0130\u00df\u1e9e",
    "x" * 100000,
    "y\n" * 5000,
    "9" * 5000,
]
NUMBERS = [
    float("nan"),
    float("inf"),
    -float("inf"),
    1e308,
    -1e308,
    5e-324,
    10**400,
    -(10**400),
    999999999999999,
    -999999999999999,
    253402300799,
    -1,
    0,
    0.0,
    -0.0,
    1,
    AT,
]
KEYS = sorted(
    {key for part in HONEST.values() if isinstance(part, dict) for key in part}
    | set(HONEST)
    | set(HONEST["gateways"][0])
    | set(HONEST["trends"]["gw"])
    | set(SIDE)
    | {"unreachable", "failed", "module_stdout", "skipped_because"}
)


def anything(rng, depth=3):
    """Any value that Python's JSON parser can return."""
    kind = rng.randrange(6 if depth else 4)
    if kind == 0:
        return rng.choice(WORDS)
    if kind == 1:
        return rng.choice(NUMBERS)
    if kind == 2:
        return rng.choice([None, True, False])
    if kind == 3:
        return rng.random() * 10.0 ** rng.randrange(-5, 20)
    size = rng.choice([0, 1, 2, 3, 3, 30])
    if kind == 4:
        return [anything(rng, depth - 1) for dummy in range(size)]
    return {rng.choice(KEYS + WORDS): anything(rng, depth - 1) for dummy in range(size)}


def deep(rng):
    """Far deeper than any answer."""
    value = rng.choice(WORDS)
    for dummy in range(500):
        value = [value] if rng.random() < 0.5 else {rng.choice(KEYS): value}
    return value


def many(rng):
    """Far more gateways, kills and points than a host has."""
    value = rng.choice(
        [
            HONEST["trends"]["gw"],
            HONEST["gateways"][0],
            HONEST["changes"]["gw"],
            HONEST["restarts"][0],
            HONEST["kills"][0],
            [AT, 5, 5, 0],
            "word",
        ]
    )
    # It may be modified, but HONEST must not be.
    value = copy.deepcopy(value)
    size = rng.choice([201, 700])
    return [value] * size if rng.random() < 0.5 else {"g%d" % one: value for one in range(size)}


def spoil(rng, value, depth=0):
    """``value`` with one part of it replaced or removed, at a random depth."""
    if isinstance(value, dict) and value and (depth < 1 or rng.random() < 0.8):
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            value[rng.choice(KEYS + WORDS)] = value.pop(key)
        elif rng.random() < 0.1:
            del value[key]
        else:
            value[key] = spoil(rng, value[key], depth + 1)
        return value
    if isinstance(value, list) and value and rng.random() < 0.8:
        place = rng.randrange(len(value))
        value[place] = spoil(rng, value[place], depth + 1)
        return value
    if value == HONEST["stdout"] and rng.random() < 0.8:
        return json.dumps(spoil(rng, json.loads(value), 1))
    chance = rng.random()
    if chance < 0.04:
        return deep(rng)
    return many(rng) if chance < 0.08 else anything(rng)


def hostile(rng):
    """An answer: one in six is arbitrary, the others are honest answers with a few faults."""
    if rng.random() < 0.16:
        return anything(rng)
    answer = copy.deepcopy(HONEST)
    for dummy in range(rng.choice([1, 1, 2, 3, 8])):
        answer = spoil(rng, answer)
    return answer


class Page(HTMLParser):
    """The tags and names of attributes of a page, each tag closed."""

    VOID = {"meta", "input", "rect", "path", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.kinds = [], set()
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.kinds |= {(tag, name) for name, dummy in attrs} | {(tag, "")}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.kinds |= {(tag, name) for name, dummy in attrs} | {(tag, "")}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_comment(self, data):
        raise AssertionError("a comment: " + data[:100])


def is_plain(text):
    return all(letter.isprintable() or letter == "\n" for letter in text)


def cells(lines, host):
    """The rows of ``host``: the words of one host change only the width of columns."""
    assert all(line.isprintable() and len(line) < 3000 for line in lines), lines
    rows = [re.split(r"  +", line) for line in lines]
    return [row for row in rows if row[0] == host]


def check_tables(answer):
    for table in (status_table, fix_table):
        alone = table([("good", HONEST)])
        both = table([("evil", answer), ("good", HONEST)])
        assert cells(both, "good") == cells(alone, "good") and cells(both, "evil")


# Large charts for two gateways, small ones for more: the tags are the same.
TAGS = set()


def check_report(answer):
    alone = [("good", HONEST, HONEST)]
    both = [("evil", answer, answer), *alone]
    assert cells(fleet_report(both), "good") == cells(fleet_report(alone), "good")
    assert cells(fleet_report(both), "evil")
    written = fleet_report(both, "json")
    assert is_plain(written) and "<" not in written
    rows = json.loads(written, parse_constant=pytest.fail)["rows"]
    expected = json.loads(fleet_report(alone, "json"))["rows"]
    assert [row for row in rows if row["host"] == "good"] == expected
    written = fleet_report(both, "csv")
    assert is_plain(written)
    lines = list(csv.reader(io.StringIO(written)))
    assert {len(line) for line in lines} == {19} and len([1 for one in lines if one[0] == "good"])
    assert not [one for line in lines for one in line if re.match(r"[=@+]|-\D", one)]
    page = fleet_report(both, "html")
    assert is_plain(page)
    TAGS.update(() if TAGS else Page(fleet_report(alone, "html")).kinds)
    new = Page(page).kinds - TAGS
    # An honest page with many gateways begins with those that need attention.
    assert new <= {("option", "selected")}, new
    assert page.count("<script") == page.count("<style") == 1
    assert "Memory of gw on good" in page


def check_words(answer):
    line = restart_line(answer, "evil")
    assert line.startswith("evil: ") and line.isprintable() and len(line) < 3000
    for command, program in ((answer, HONEST), (HONEST, answer), (answer, answer)):
        said = suspend_answer(command, program)
        assert isinstance(said["changed"], bool) and isinstance(said["failed"], bool)
        assert said["said"] or not said["failed"]
        assert all(one.isprintable() and len(one) < 500 for one in said["said"])
    memory = answer.get("memory") if isinstance(answer, dict) else answer
    for value in memory_limits(LIMITS, memory).values():
        assert re.fullmatch(r"[0-9]+M?", value)


@pytest.mark.parametrize("part", range(PARTS))
def test_hostile_answers(part):
    for place in range(part, COUNT, PARTS):
        answer = hostile(random.Random(place))
        for check in (check_tables, check_report, check_words):
            try:
                check(answer)
            except Exception as exc:
                raise AssertionError("answer %d: %.2000r" % (place, answer)) from exc


def test_honest_answer_is_shown():
    """Otherwise the test above would compare nothing."""
    assert cells(status_table([("good", HONEST)]), "good")[0][-1] == "it is down"
    assert cells(fix_table([("good", HONEST)]), "good")[0][-1] == "it is fixed"
    assert restart_line(HONEST, "good") == "good: gw restarted (idle), down for 1.5 s"
    assert suspend_answer(HONEST, HONEST)["said"] == ["48 h"]
    assert memory_limits(LIMITS, HONEST["memory"])["MemoryMax"] == "2457M"
    assert "20.5 (19.0 to 21.0)" in fleet_report([("good", HONEST, HONEST)])[1]
