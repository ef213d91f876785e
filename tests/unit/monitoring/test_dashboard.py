# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Grafana dashboard as a file: the checks that need neither Grafana nor Prometheus.

tests/monitoring/dashboard.py asks a real Prometheus every query of it.
"""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import metrics

CHECKOUT = Path(__file__).resolve().parents[3]
SPEC = importlib.util.spec_from_file_location(
    "dashboard", CHECKOUT / "tests/monitoring/dashboard.py"
)
walker = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(walker)

BOARD = walker.load()
PANELS = list(walker.panels(BOARD))
QUERIES = walker.queries(BOARD)
METRICS = {"hermes_gateway_" + name for name, _kind, _text in metrics.GATEWAY} | {
    "hermes_guard_" + name for name, _kind, _text in metrics.GUARD
}
VALUES = {
    "state": metrics.STATES,
    "verdict": metrics.VERDICTS,
    "trigger": metrics.TRIGGERS,
    "mode": metrics.MODES,
}


def test_file_is_sorted_so_that_a_change_is_a_short_diff():
    text = walker.DASHBOARD.read_text(encoding="utf-8")
    assert text == json.dumps(BOARD, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_walker_finds_every_query():
    # Counted in the text, so that queries in a new place are not missed.
    text = walker.DASHBOARD.read_text(encoding="utf-8")
    variables = [one for one in BOARD["templating"]["list"] if one["type"] == "query"]
    assert len(QUERIES) == text.count('"expr": ') + len(variables)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.of)
def test_query_uses_metrics_label_values_and_variables_that_exist(query):
    used = walker.names(query.expr)
    assert used and used <= METRICS
    for label, value in re.findall(r'(\w+)=~?"([^"$]*)"', query.expr):
        assert set(value.split("|")) <= set(VALUES[label])
    names = {one["name"] for one in BOARD["templating"]["list"]}
    assert set(walker.variables(query.expr)) <= names | {"__interval", "__rate_interval"}


def test_every_state_and_verdict_has_a_number_and_a_name_in_the_timeline():
    (panel,) = [one for one in PANELS if one["type"] == "state-timeline"]
    overrides = {
        one["matcher"]["options"]: one["properties"] for one in panel["fieldConfig"]["overrides"]
    }
    for target in panel["targets"]:
        terms = re.findall(r'"(\w+)"\} \* (\d+)', target["expr"])
        (mapping,) = overrides[target["legendFormat"]][0]["value"]
        names = {text["text"]: number for number, text in mapping["options"].items()}
        # A systemd that does not answer has no state.
        assert {**dict(terms), "unknown": "0"} == names
        label = {"verdict": "verdict", "unit": "state"}[target["legendFormat"]]
        assert set(names) == {*VALUES[label], "unknown"}


def test_queries_of_the_fleet_come_before_the_row_of_one_gateway():
    rows = [(one["gridPos"]["y"], one["title"]) for one in BOARD["panels"] if one["type"] == "row"]
    begin = rows[1][0]
    assert rows[1][1] == "$gateway on $host"
    for panel in PANELS:
        text = " ".join(target["expr"] for target in panel["targets"])
        below = panel["gridPos"]["y"] > begin
        assert bool({"host", "gateway"} & set(walker.variables(text))) == below, panel["title"]


def test_panels_can_be_read():
    ids = [one["id"] for one in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
    for panel in PANELS:
        assert panel["title"] and panel["description"].endswith("."), panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        units = [
            one["id"] for over in panel["fieldConfig"]["overrides"] for one in over["properties"]
        ]
        assert "unit" in defaults or "unit" in units or panel["type"] == "state-timeline"
        steps = defaults["thresholds"]["steps"]
        values = [step["value"] for step in steps]
        assert values[0] is None and values[1:] == sorted(values[1:])
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)


def test_overrides_and_links_name_fields_that_exist():
    for panel in PANELS:
        fields = {target["legendFormat"] for target in panel["targets"]}
        for change in panel.get("transformations", ()):
            if change["id"] == "organize":
                options = change["options"]
                hidden = options["excludeByName"]
                fields = set(options["renameByName"].values())
                values = {"Value #" + target["refId"] for target in panel["targets"]}
                assert values <= set(options["renameByName"]) | set(hidden)
                assert set(options["indexByName"]) == set(options["renameByName"])
        for over in panel["fieldConfig"]["overrides"]:
            assert over["matcher"]["options"] in fields, panel["title"]
            for link in [
                one for p in over["properties"] if p["id"] == "links" for one in p["value"]
            ]:
                assert set(re.findall(r"__data\.fields\.(\w+)", link["url"])) <= fields
                assert link["url"].startswith("/d/%s?" % BOARD["uid"])


def test_every_data_source_is_the_variable():
    text = walker.DASHBOARD.read_text(encoding="utf-8")
    assert set(re.findall(r'"uid": "([^"]+)"', text)) == {
        "${datasource}",
        "-- Grafana --",
        BOARD["uid"],
    }


def test_a_variable_that_is_unknown_is_an_error():
    assert (
        walker.resolve(
            'x{a="$host", b="${gateway}"}[$__interval]',
            {"host": "h", "gateway": "g", "__interval": "5m"},
        )
        == 'x{a="h", b="g"}[5m]'
    )
    with pytest.raises(KeyError):
        walker.resolve("x[$__range]", {"host": "h"})
