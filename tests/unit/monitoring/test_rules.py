# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alert rules, their tests, the Alertmanager example and the docs agree with each other and with the metrics.

Whether the rules fire is tested by promtool itself: see tests/tools/lint.
"""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import metrics

CHECKOUT = Path(__file__).resolve().parents[3]
MONITORING = CHECKOUT / "monitoring"
METRICS = {"hermes_gateway_" + name for name, _kind, _text in metrics.GATEWAY} | {
    "hermes_guard_" + name for name, _kind, _text in metrics.GUARD
}
# Metrics of the node exporter and of Prometheus itself.
OTHERS = {"up", "node_textfile_scrape_error"}
LABEL_VALUES = {"state": metrics.STATES, "verdict": metrics.VERDICTS}


def load(name):
    return yaml.safe_load((MONITORING / name).read_text(encoding="utf-8"))


def rules(kind):
    groups = load("prometheus/hermes.rules.yml")["groups"]
    return {rule[kind]: rule for group in groups for rule in group["rules"] if kind in rule}


def doc(name):
    return (CHECKOUT / "docs" / name).read_text(encoding="utf-8")


ALERTS = rules("alert")
CASES = load("prometheus/hermes.rules.test.yml")["tests"]
REPOSITORY = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))["repository"]


@pytest.mark.parametrize("name", ALERTS)
def test_alert_has_all_that_an_operator_needs(name):
    rule = ALERTS[name]
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    assert set(rule["labels"]) == {"severity", "host"}
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    page = REPOSITORY + "/blob/main/docs/troubleshooting.md#"
    assert rule["annotations"]["runbook_url"] == page + name.lower()
    # A new line or an unclosed template is a YAML mistake.
    for text in rule["annotations"].values():
        assert "\n" not in text and text.count("{{") == text.count("}}")


@pytest.mark.parametrize("name", ALERTS)
def test_texts_show_only_labels_of_a_closed_form(name):
    # A summary appears in mails and chats, so it does not contain the name of a unit or a version.
    rule = ALERTS[name]
    shown = re.findall(r"\$labels\.(\w+)", str(rule["labels"]) + str(rule["annotations"]))
    assert "instance" in shown and set(shown) <= {"instance", "gateway", "code"}
    assert ("gateway" in shown) == name.startswith("HermesGateway")


@pytest.mark.parametrize("rule", [*ALERTS.values(), *rules("record").values()], ids=str)
def test_expression_uses_metrics_and_label_values_that_exist(rule):
    expr = rule["expr"]
    used = set(re.findall(r"\b(?:hermes|node)_\w+|\bup\b", expr))
    assert used and used <= METRICS | OTHERS
    for label, value in re.findall(r'(\w+)=~?"([^"]*)"', expr):
        assert set(value.split("|")) <= set(LABEL_VALUES[label])


def test_every_alert_has_a_heading_that_says_what_to_do():
    sections = re.split(r"^## ", doc("troubleshooting.md"), flags=re.MULTILINE)[1:]
    found = {text.split("\n", 1)[0]: text for text in sections}
    # The page has other sections before and after the alerts.
    assert [name for name in found if name.startswith("Hermes")] == list(ALERTS)
    for name in ALERTS:
        assert re.search(r"^1\. ", found[name], re.MULTILINE), "%s: no steps" % name


def test_links_within_the_docs_have_a_heading():
    headings = {"#" + name.lower() for name in ALERTS} | {"#refusals"}
    for page in ("troubleshooting.md", "monitoring.md"):
        assert set(re.findall(r"(?:\(|troubleshooting\.md)(#\w+)\)", doc(page))) <= headings


@pytest.mark.parametrize("name", ALERTS)
def test_alert_fires_in_one_case_and_must_not_in_another(name):
    fires = never = False
    for case in CASES:
        checks = [one["exp_alerts"] for one in case["alert_rule_test"] if one["alertname"] == name]
        fires |= any(checks)
        never |= bool(checks) and not any(checks) and "no alert" in case["name"]
    assert fires and never


def test_cases_name_alerts_that_exist():
    checks = [one for case in CASES for one in case["alert_rule_test"]]
    assert {one["alertname"] for one in checks} == set(ALERTS)


def test_table_in_the_docs_has_each_alert_with_its_severity():
    rows = re.findall(r"^\| \[(\w+)\]\(\S+\) \| (\w+) \|", doc("monitoring.md"), re.MULTILINE)
    assert rows == [(name, rule["labels"]["severity"]) for name, rule in ALERTS.items()]


def test_table_in_the_docs_has_each_metric_and_each_label_value():
    text = doc("monitoring.md")
    tables = re.findall(r"every name begins with `(\w+)`:\n\n((?:\|.*\n)+)", text)
    found = {}
    for prefix, table in tables:
        for line in table.splitlines()[2:]:
            cells = line.split("|")
            for name in re.findall(r"`(\w+)`", cells[1]):
                found[prefix + name] = (cells[2].strip(), cells[3])
    kinds = {"hermes_gateway_" + name: kind for name, kind, _text in metrics.GATEWAY}
    kinds.update(("hermes_guard_" + name, kind) for name, kind, _text in metrics.GUARD)
    assert {name: kind for name, (kind, _labels) in found.items()} == kinds
    values = {
        "unit_state": metrics.STATES,
        "memory_verdict": metrics.VERDICTS,
        "restart_failures_total": metrics.FAILURES,
        "restart_refusals_total": metrics.REFUSALS,
        "alerts_total": metrics.ALERTS,
    }
    for name, wanted in values.items():
        _label, _colon, listed = found["hermes_gateway_" + name][1].partition(":")
        assert tuple(listed.strip().split(", ")) == wanted, name
    assert ", ".join(metrics.TRIGGERS) in text and ", ".join(metrics.MODES) in text


def matchers():
    """Every matcher for the name of an alert in the Alertmanager example."""
    example = load("alertmanager/alertmanager.yml")
    found = [one for route in example["route"]["routes"] for one in route.get("matchers", ())]
    for rule in example["inhibit_rules"]:
        found += rule["source_matchers"] + rule["target_matchers"]
    return [one for one in found if one.startswith("alertname")]


@pytest.mark.parametrize("matcher", matchers())
def test_alertmanager_names_alerts_that_exist(matcher):
    _name, operator, value = re.fullmatch(r'(\w+) (=~|=) "?([^"]+)"?', matcher).groups()
    found = [name for name in ALERTS if re.fullmatch(value, name)]
    assert found if operator == "=~" else found == [value]
    # Each alternative of a list must match an alert.
    for one in value.split("|") if "(" not in value else ():
        assert [name for name in ALERTS if re.fullmatch(one, name)], one


def test_webhook_has_a_token_from_a_file_and_tls():
    receivers = load("alertmanager/alertmanager.yml")["receivers"]
    (webhook,) = [hook for one in receivers for hook in one.get("webhook_configs", ())]
    assert webhook["url"].startswith("https://") and webhook["send_resolved"] is False
    assert set(webhook["http_config"]["authorization"]) == {"type", "credentials_file"}
    assert webhook["http_config"]["tls_config"]["min_version"] == "TLS12"


def test_collection_is_built_with_monitoring():
    ignored = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))["build_ignore"]
    for path in MONITORING.rglob("*"):
        name = path.relative_to(CHECKOUT).as_posix()
        parts = [name, *(parent.as_posix() for parent in list(Path(name).parents)[:-1])]
        assert not [one for one in parts for what in ignored if fnmatch.fnmatch(one, what)], name
