# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a fleet: urgent gateways come first, answers of a host stay text, and a
thousand gateways fit.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("ansible")

from ansible.errors import AnsibleFilterError
from ansible_collections.hermes_ops.gateway.plugins.filter.fleet_report import fleet_report
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import ended
from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import (
    _fleet,
    _fleet_html,
    _fleet_text,
    _plot,
)

NOW = 1786900000
MB = 1 << 20
_spec = importlib.util.spec_from_file_location(
    "many", Path(__file__).resolve().parents[3] / "report/many.py"
)
many = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(many)


def trend(verdict="flat", slope=0.0, **more):
    """The result of memory_trend_info for one gateway."""
    climb = slope or 0
    points = [
        [
            NOW - 86400 + 600 * step,
            int((200 + climb * step / 6) * MB),
            int((195 + climb * step / 6) * MB),
            0,
        ]
        for step in range(144)
    ]
    return dict(
        {
            "verdict": verdict,
            "slope_mb_per_hour": slope,
            "slope_ci": [climb - 1, climb + 1],
            "rss_mb": 200.0,
            "limit_mb": 2048.0,
            "hours_to_limit": None,
            "advice": ["look at it"],
            "why": "because",
            "version": "0.19.0",
            "chart": {
                "points": points,
                "restarts": [],
                "providers": [[NOW - 86400, "openrouter", "a-model", "0.19.0"]],
            },
        },
        **more,
    )


def answer(host, trends, kills=()):
    return (
        host,
        {"trends": trends},
        {"kills": [{"name": name, "time": at, "pid": 1} for name, at in kills]},
    )


def report(*answers):
    return _fleet.fleet(list(answers), NOW)


class Page(HTMLParser):
    """Start tags, attributes and text of a page; every opened tag is closed."""

    VOID = {"meta", "input", "rect", "path", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.said = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said.append(data)

    def count(self, tag, **attributes):
        return len(
            [1 for name, attrs in self.tags if name == tag and attributes.items() <= attrs.items()]
        )


def test_most_urgent_first():
    rows = report(
        answer("a", {"g": trend("flat")}),
        answer("b", {"g": trend("leak", 20, hours_to_limit=300.0)}),
        answer("c", {"g": trend("leak", 80, hours_to_limit=9.0)}),
        answer(
            "d", {"g": trend("flat")}, [("g", NOW - 3600), ("g", NOW - 200000), ("other", NOW - 10)]
        ),
        answer("e", {"g": trend("suspected", 9)}),
        answer("f", {"g": trend("insufficient", None, slope_ci=None)}),
        ("g", {"unreachable": True, "msg": "no route to host"}, {"skipped": True}),
        answer("h", {}),
        answer("i", {"g": trend("suspected", 9, hours_to_limit=50.0)}),
        answer("j", {"g": trend("step")}, [("g", NOW - 200000)]),
    )["rows"]
    assert [(row["host"], row["group"]) for row in rows] == [
        ("d", "now"),
        ("c", "now"),
        ("i", "soon"),
        ("b", "soon"),
        ("e", "watch"),
        ("j", "watch"),
        ("g", "silent"),
        ("f", "unknown"),
        ("a", "healthy"),
        ("h", "none"),
    ]
    assert (rows[0]["oom_kills_24h"], len(rows[0]["kills"])) == (1, 2)


def end(code, ago, runs=1):
    return {"time": NOW - ago, "code": code, "reason": "exit code 1", "runs": runs}


def test_what_is_down_or_has_crashed_comes_first():
    rows = report(
        answer("a", {"g": trend("flat")}),
        answer("b", {"g": trend("leak", 80, hours_to_limit=9.0)}),
        answer("c", {"g": trend("flat", ends=[end("crashed", 90000), end("killed", 7200, 3)])}),
        answer("d", {"g": trend("insufficient", None, slope_ci=None, down="it is down (failed)")}),
        # A restart by someone else is not a fault, and an old crash is not urgent.
        answer("e", {"g": trend("flat", ends=[end("restarted", 60), end("stopped", 60)])}),
        answer("f", {"g": trend("flat", ends=[end("crashed", 90000)])}),
        answer("g", {"g": trend("flat", ends=[end("crashed", -7200), 3, {"time": "x"}])}),
    )["rows"]
    assert [(row["host"], row["group"]) for row in rows] == [
        ("d", "now"),
        ("c", "now"),
        ("b", "now"),
        ("f", "watch"),
        ("a", "healthy"),
        ("e", "healthy"),
        ("g", "healthy"),
    ]
    assert rows[0]["advice"][0] == "it is down (failed)"
    assert rows[1]["crashes_24h"] == 3
    assert rows[1]["advice"][0].startswith("it crashed or was killed 3 times in the last 24 hours")


def test_the_table_has_a_word_for_each_host():
    lines = fleet_report(
        [
            answer(
                "vps1",
                {
                    "hermes-gateway": trend(
                        "leak", 18.2, slope_ci=[16.9, 19.4], rss_mb=1540.4, hours_to_limit=22.4
                    )
                },
            ),
            ("vps2", {"unreachable": True, "msg": "Connection timed out"}, {"skipped": True}),
            ("vps3", {"failed": False, "msg": "No module named json"}, {"skipped": True}),
            answer("vps4", {}),
        ]
    )
    assert [line.split()[0] for line in lines] == ["HOST", "vps1", "vps2", "vps3", "vps4"]
    assert re.split(r"  +", lines[1]) == [
        "vps1",
        "hermes-gateway",
        "leak",
        "18.2 (16.9 to 19.4)",
        "1540 MB",
        "22 h",
        "0",
        "look at it",
    ]
    assert "unreachable" in lines[2] and "Connection timed out" in lines[2]
    assert "no answer" in lines[3] and "No module named json" in lines[3]
    assert "no gateway" in lines[4]


def test_kills_that_could_not_be_asked_for_are_said_so():
    row = report(("a", {"trends": {"g": trend()}}, {"msg": "journalctl is gone"}))["rows"][0]
    assert row["advice"] == ["look at it", "its OOM kills are not known: journalctl is gone"]


def test_a_gateway_that_is_not_guarded_is_in_the_report():
    made = report(
        ("a", {"trends": {"g": trend()}}, {"kills": [], "counters": {"g": {}, "h": {}}}),
        ("b", {"trends": {}}, {"kills": [], "counters": {"g": {}}}),
    )
    assert [(row["host"], row["gateway"], row["group"]) for row in made["rows"]] == [
        ("a", "h", "unknown"),
        ("b", "g", "unknown"),
        ("a", "g", "healthy"),
    ]
    assert "not managed" in made["rows"][0]["why"]
    assert made["gateways"] == 3
    Page(_fleet_html.html(made))


def test_a_verdict_on_what_was_is_not_healthy():
    """Without new samples the verdict is outdated, which the advice reports first."""
    rows = report(
        answer(
            "a",
            {
                "old": trend(
                    sample_age_hours=1944.0, running=True, notes=["only version 1 was analysed"]
                ),
                "stopped": trend(sample_age_hours=30.0, running=False),
                "new": trend(
                    sample_age_hours=0.1,
                    running=True,
                    provider_switch="The leak occurs with every provider.",
                ),
            },
        )
    )["rows"]
    by_name = {row["gateway"]: row for row in rows}
    assert {name: row["group"] for name, row in by_name.items()} == {
        "old": "watch",
        "stopped": "watch",
        "new": "healthy",
    }
    assert (
        by_name["old"]["advice"][0].startswith("the last sample is 81 days old")
        and "doctor" in by_name["old"]["advice"][0]
    )
    assert "the gateway is not running" in by_name["stopped"]["advice"][0]
    page = _fleet_html.html(
        report(
            answer(
                "a",
                {
                    "g": trend(
                        notes=["only version 1 was analysed"],
                        provider_switch="The leak occurs with every provider.",
                    )
                },
            )
        )
    )
    assert "only version 1 was analysed" in page and "The leak occurs with every provider." in page


def test_a_slope_is_not_drawn_where_it_was_not_judged():
    """Another program ran before an upgrade."""
    points = [[NOW - 86400 + 600 * step, 200 * MB, 200 * MB, step // 72] for step in range(144)]
    chart = {"points": points, "judged_from": NOW - 43200, "restarts": [], "providers": []}
    drawn = _plot.plot(
        report(answer("a", {"g": trend("leak", 6, chart=chart)}))["rows"][0], _plot.SMALL
    )
    assert len(drawn["fits"]) == 1


def test_suspended_restarts_are_said_until_they_end():
    end = int(time.time()) + 7200
    lines = fleet_report(
        [
            answer("a", {"g": trend(suspended_until=end)}),
            answer("b", {"g": trend(suspended_until=end - 8000)}),
        ]
    )
    assert "[calendar restarts suspended until" in lines[1]
    assert "suspended" not in lines[2]


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    "</title></svg><script>1</script>",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "</style>",
    "javascript:alert(1)",
    "\x00\x1b[31m\r\n\u202e",
    "=1+1",
    "&lt;b&gt;",
    "x" * 100000,
]


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_a_host_says_stays_text(word):
    evil = trend(
        "leak",
        20,
        why=word,
        advice=[word],
        version=word,
        chart={
            "points": trend()["chart"]["points"],
            "restarts": [],
            "providers": [[NOW - 80000, "a", "b", "c"], [NOW - 40000, word, word, word]],
        },
    )
    made = report(
        (
            word,
            {"trends": {word: evil}},
            {"kills": [{"name": word, "time": NOW - 5, "comm": word, "scope": word}]},
        ),
        (word, {"msg": word}, {}),
    )
    page = _fleet_html.html(made)
    seen = Page(page)
    assert (seen.count("script"), seen.count("style"), seen.count("img")) == (1, 1, 0)
    assert not [
        attrs
        for dummy, attrs in seen.tags
        if any(name.startswith("on") or name in ("src", "style") for name in attrs)
    ]
    links = [attrs["href"] for dummy, attrs in seen.tags if "href" in attrs]
    assert {one for one in links if not one.startswith("#")} <= {_fleet.VERDICTS_PAGE}
    if "{" in word:
        assert word in "".join(seen.said)
    assert len(page) < 100000
    assert all(len(line) < 1500 and line.isprintable() for line in _fleet_text.table(made))
    json.loads(_fleet_text.as_json(made))
    for row in csv.reader(io.StringIO(_fleet_text.as_csv(made))):
        assert not [cell for cell in row if cell[:1] in ("=", "@", "+") or re.match(r"-\D", cell)]


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "text",
        7,
        {"g": None},
        {"g": []},
        {"g": {}},
        {"g": {"verdict": ["leak"]}},
        {"g": {"verdict": "leak", "slope_mb_per_hour": "fast"}},
        {"g": trend(chart=None)},
        {"g": trend(chart={"points": 5})},
        {"g": trend(chart={"points": [[1], None, "x", [NOW, 1e400, 1, 0], [NOW, True, 1, 0]]})},
        {"g": trend(chart={"points": [[NOW, 5, 5, 0], [NOW, 5, 5, 0]]})},
        {"g": trend(chart={"points": [[1e300, 5, 5, 0], [1, 5, 5, 0], [2, 1e14, 0, 0]]})},
        {
            "g": trend(slope_ci=[1]),
            "h": trend(slope_mb_per_hour=float("nan"), slope_ci=[float("inf"), 1]),
        },
        {"g": trend(limit_mb=0)},
        {
            "g": trend(
                chart={
                    "points": trend()["chart"]["points"],
                    "restarts": "x",
                    "providers": [None, [1], "abc", [NOW - 5, {}, [], 3]],
                }
            )
        },
        {5: trend()},
        {"g": trend(limit_mb=1e-9, rss_mb=-1, hours_to_limit=-5.0)},
        {"g": trend(rss_mb=10**400, limit_mb=-(10**400))},
        {"g": trend(slope_mb_per_hour=None)},
        {"g": trend(advice=["x", [[["deep"]]], {"a": 1}, None], notes=5, provider_switch=["x"])},
    ],
    ids=str,
)
def test_wild_answers_are_reported_all_the_same(value):
    made = report(
        ("a", {"trends": value}, {"kills": [None, {"name": "g"}, {"name": "g", "time": "x"}, 5]}),
        ("b", None, None),
        (None, "x", []),
    )
    Page(_fleet_html.html(made))
    json.loads(_fleet_text.as_json(made))
    assert _fleet_text.as_csv(made) and _fleet_text.table(made)


def test_page_needs_no_network_and_nothing_runs_but_its_own():
    page = _fleet_html.html(report(answer("a", {"g": trend("leak", 20)})))
    # A link to the documentation loads nothing.
    bare = page.replace('<a href="%s"' % _fleet.VERDICTS_PAGE, "")
    assert "http:" not in bare and "https:" not in bare and "url(http" not in bare
    policy = next(
        attrs["content"]
        for tag, attrs in Page(page).tags
        if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy


def test_page_explains_the_verdicts_as_the_documentation_does():
    page = _fleet_html.html(report(answer("a", {"g": trend("leak", 20)})))
    rows = (Path(__file__).resolve().parents[4] / "docs/trend.md").read_text().splitlines()
    heading = rows.index("## What to do with a verdict")
    for verdict, meaning in _fleet.VERDICTS.items():
        assert "<li><b>%s</b>: %s</li>" % (verdict, meaning) in page
        row = next(row for row in rows[heading:] if row.startswith("| `%s` |" % verdict))
        assert row.split(" | ")[1].startswith(meaning)
    assert 'href="%s"' % _fleet.VERDICTS_PAGE in page
    assert _fleet.VERDICTS_PAGE.endswith(
        "docs/trend.md#" + rows[heading][3:].lower().replace(" ", "-")
    )


def test_charts_can_be_read_without_seeing_them():
    seen = Page(
        _fleet_html.html(report(answer("a", {"g": trend("leak", 20)}, [("g", NOW - 5000)])))
    )
    ids = [attrs["id"] for dummy, attrs in seen.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    images = [attrs for tag, attrs in seen.tags if tag == "svg" and attrs.get("role") == "img"]
    assert images and all(
        name in ids for attrs in images for name in attrs["aria-labelledby"].split()
    )
    words = " ".join(seen.said)
    assert "Memory of g on a" in words
    assert (
        "Resident memory from 200 MB" in words
        and "95 % interval: 20.0 (19.0 to 21.0)" in words
        and "OOM kills: 1" in words
    )
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in seen.tags if tag == "th")


def test_a_chart_has_what_happened():
    points = [
        [NOW - 86400 + 600 * step, (200 + step % 72) * MB, (200 + step % 72) * MB, step // 72]
        for step in range(144)
    ]
    chart = {
        "points": points,
        "restarts": [NOW - 43200],
        "providers": [
            [NOW - 86400, "a", "m", "1"],
            [NOW - 20000, "b", "m", "1"],
            [NOW - 100, "b", "m", "2"],
        ],
    }
    row = report(
        answer("a", {"g": trend("leak", 6, chart=chart, limit_mb=300.0)}, [("g", NOW - 43300)])
    )["rows"][0]
    drawn = _plot.plot(row, _plot.SMALL)
    assert (
        len(drawn["restarts"]),
        len(drawn["kills"]),
        len(drawn["fits"]),
        len(drawn["changes"]),
    ) == (1, 1, 2, 1)
    assert drawn["changes"][0]["to"] == "b / m / 1"
    assert _plot.SMALL.top < drawn["limit"] < _plot.SMALL.bottom
    assert drawn["rss"].count("M") == 2
    assert drawn["rows"][0]["label"] == "0 MB"


def test_a_limit_far_above_is_said_and_not_drawn():
    drawn = _plot.plot(report(answer("a", {"g": trend(limit_mb=60000.0)}))["rows"][0], _plot.SMALL)
    assert drawn["limit"] is None and drawn["beyond"]


@pytest.mark.parametrize("hours", [0.2, 1, 5, 30, 100, 200, 720, 5000])
@pytest.mark.parametrize("most", [3, 200, 2048, 9000, 400000])
def test_axes_have_a_few_ticks(hours, most):
    ticks, top = _plot._scale_mb(most)
    assert 4 <= len(ticks) <= 8 and top >= most
    columns = _plot._columns(NOW - hours * 3600, NOW, 3)
    assert 1 <= len(columns) <= 4


def test_paths_do_not_drift():
    places = [(index / 7.0, (index * 13 % 50) / 3.0) for index in range(300)]
    x = y = 0.0
    for command, one, other in re.findall(r"([Ml])(-?[\d.]+) ?(-?[\d.]+)", _plot._path(places)):
        x, y = (float(one), float(other)) if command == "M" else (x + float(one), y + float(other))
    assert (x, y) == (
        pytest.approx(places[-1][0], abs=0.051),
        pytest.approx(places[-1][1], abs=0.051),
    )


def test_json_and_csv_hold_the_figures():
    made = report(answer("a", {"g": trend("leak", 20, recommended_restart_hours=12)}))
    row = json.loads(_fleet_text.as_json(made))["rows"][0]
    assert (
        row["verdict"],
        row["trend"]["slope_mb_per_hour"],
        "chart" in row["trend"],
        "chart" in row,
    ) == ("leak", 20, False, False)
    line = next(csv.DictReader(io.StringIO(_fleet_text.as_csv(made))))
    assert (
        line["gateway"],
        line["slope_low"],
        line["recommended_restart_hours"],
        line["model"],
    ) == ("g", "19.0", "12.0", "a-model")


def test_forms():
    with pytest.raises(
        AnsibleFilterError,
        match="fleet_report: invalid form 'pdf': expected one of table, json, csv, html",
    ):
        fleet_report([], "pdf")
    with pytest.raises(AnsibleFilterError, match="three items"):
        fleet_report([{"host": "a"}])
    assert fleet_report([])[0].startswith("HOST")
    Page(fleet_report([], "html"))


def test_a_thousand_gateways():
    page = _fleet_html.html(_fleet.fleet(many.answers(1000), many.NOW))
    assert len(page.encode("utf-8")) < 15e6
    assert page.count('role="img"') == 1000


def test_faults_are_those_of_the_guard():
    """The controller has a list of its own: the guard's file needs programs of a host."""
    assert _fleet.CRASHES == ended.FAULTS
