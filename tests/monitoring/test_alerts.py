# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every alert fires in a real Prometheus, and arrives in a real Alertmanager with the labels that its routes need.

The series are those of hermes.rules.test.yml, moved in time so that the moment at which promtool expects an alert is now. The rules are those of
the file but for their `for`, which has been waited for in these series already.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import servers
import yaml

RULES = servers.TOP / "monitoring/prometheus/hermes.rules.yml"
TESTS = servers.TOP / "monitoring/prometheus/hermes.rules.test.yml"
# promtool's notation for values: 0+5x3 is 0 5 10 15, _x2 is two samples that are missing.
VALUES = re.compile(r"(?P<first>_|stale|[0-9.]+)(?:(?P<each>[+-][0-9.]+))?(?:x(?P<times>\d+))?")
SECONDS = {"m": 60, "h": 3600}


class Case(NamedTuple):
    """A test case in which ``alert`` fires ``seconds`` after the start."""

    alert: str
    seconds: int
    labels: dict[str, str]
    series: list[dict[str, str]]
    interval: int


def seconds(text: str) -> int:
    """A duration with one unit."""
    return int(text[:-1]) * SECONDS[text[-1]]


def cases() -> list[Case]:
    """The first firing check of each alert."""
    found: dict[str, Case] = {}
    for case in yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]:
        for check in case["alert_rule_test"]:
            name = check["alertname"]
            if check["exp_alerts"] and name not in found:
                found[name] = Case(
                    name,
                    seconds(check["eval_time"]),
                    check["exp_alerts"][0]["exp_labels"],
                    case["input_series"],
                    seconds(case["interval"]),
                )
    return list(found.values())


def expand(text: str) -> Iterator[float | None]:
    """The values that ``text`` means; None where a sample is missing."""
    for word in text.split():
        match = VALUES.fullmatch(word)
        assert match, word
        if match["first"] in ("_", "stale"):
            yield from [None] * int(match["times"] or 1)
            continue
        for number in range(int(match["times"] or 0) + 1):
            yield float(match["first"]) + number * float(match["each"] or 0)


def lines(case: Case, host: str, now: int) -> Iterator[str]:
    """The samples of a case up to ``now``, all on ``host``."""
    begin = now - case.seconds
    for one in case.series:
        name = one["series"].partition("{")[0]
        series = one["series"].replace('instance="alpha:', 'instance="%s:' % host).replace(" ", "")
        # Time begins at 0 in promtool.
        shift = begin if re.search(r"_time(stamp)?_seconds$", name) else 0
        for number, value in enumerate(expand(one["values"])):
            when = begin + number * case.interval
            if value is not None and when <= now:
                yield "%s %r %d" % (series, value + shift, when)


class Alerts:
    """Prometheus and Alertmanager, and their alerts."""

    def __init__(self, prometheus: int, alertmanager: int) -> None:
        self.prometheus = "http://127.0.0.1:%d/api/v1/alerts" % prometheus
        self.alertmanager = "http://127.0.0.1:%d/api/v2/alerts" % alertmanager

    def firing(self) -> list[dict[str, Any]]:
        """The alerts that fire in Prometheus."""
        with urllib.request.urlopen(self.prometheus, timeout=10) as answer:
            alerts = json.load(answer)["data"]["alerts"]
        return [one for one in alerts if one["state"] == "firing"]

    def arrived(self) -> set[tuple[str, str]]:
        """The name and the host of each alert in Alertmanager."""
        with urllib.request.urlopen(self.alertmanager, timeout=10) as answer:
            labels = [one["labels"] for one in json.load(answer)]
        return {(one["alertname"], one["host"]) for one in labels}


@pytest.fixture(scope="module")
def alerts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alerts]:
    """Both servers, with a host for each case whose name is the alert's."""
    folder: Path = tmp_path_factory.mktemp("alerts")
    now = int(time.time())
    with (folder / "cases.om").open("w", encoding="utf-8") as file:
        for case in cases():
            file.writelines(line + "\n" for line in lines(case, case.alert.lower(), now))
        file.write("# EOF\n")
    argv = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet"]
    argv += ["--max-block-duration=200h", "cases.om", "data"]
    subprocess.run(argv, cwd=folder, check=True, timeout=120)
    content = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for group in content["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            rule.pop("for", None)
    (folder / "rules.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    ports = servers.free_port(), servers.free_port()
    target = {"static_configs": [{"targets": ["127.0.0.1:%d" % ports[1]]}]}
    config = {"rule_files": ["rules.yml"], "alerting": {"alertmanagers": [target]}}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    config = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    argv = ["prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=silences"]
    argv += ["--web.listen-address=127.0.0.1:%d" % ports[1], "--cluster.listen-address="]
    with servers.running("prometheus-alertmanager", argv, folder, ports[1]):
        argv = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
        # The first alerts come before Prometheus knows its Alertmanager.
        argv += ["--web.listen-address=127.0.0.1:%d" % ports[0], "--rules.alert.resend-delay=1s"]
        with servers.running("prometheus", argv, folder, ports[0]):
            yield Alerts(*ports)


def test_every_alert_fires_and_arrives(alerts: Alerts, tables: dict[str, list[str]]) -> None:
    """With the labels and texts that promtool expects, each on a separate host."""
    expected = {(case.alert, case.alert.lower()) for case in cases()}
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    assert {name for name, _host in expected} == {
        rule["alert"] for group in rules for rule in group["rules"] if "alert" in rule
    }

    def missing() -> set[tuple[str, str]]:
        found = {(one["labels"]["alertname"], one["labels"]["host"]) for one in alerts.firing()}
        return expected - found

    try:
        servers.wait("every alert to fire", lambda: not missing(), 30)
    except servers.Missing:
        assert missing() == set()
    firing = alerts.firing()
    servers.wait("them in Alertmanager", lambda: expected <= alerts.arrived(), 30)
    rows = []
    for case in cases():
        host = case.alert.lower()
        (one,) = [
            one
            for one in firing
            if (one["labels"]["alertname"], one["labels"]["host"]) == (case.alert, host)
        ]
        wanted = dict(case.labels, alertname=case.alert, host=host, instance=host + ":9100")
        assert one["labels"] == wanted
        texts = one["annotations"]
        assert host in texts["summary"] and not re.search("<no value>|{{|%!", str(texts))
        rows.append("| %s | %s | %s |" % (case.alert, wanted["severity"], texts["summary"]))
    tables["Every alert in a real Prometheus"] = [
        "| alert | severity | summary |",
        "| --- | --- | --- |",
        *rows,
    ]
