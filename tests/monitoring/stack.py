# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus and Alertmanager with fast versions of the rules in monitoring/: without `for`, evaluated every second."""

from __future__ import annotations

import contextlib
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import servers
import yaml
from webhook import Webhook

RULES = servers.TOP / "monitoring/prometheus"


def rule_files() -> list[Path]:
    """The files of rules of this repository, without their tests."""
    found = []
    for path in sorted(RULES.rglob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and "groups" in content:
            found.append(path)
    return found


def quick(content: dict[str, Any]) -> dict[str, Any]:
    """The same rules, evaluated every second, without `for`."""
    for group in content["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            rule.pop("for", None)
    return content


class Stack:
    """The two servers, and queries to them."""

    def __init__(self, folder: Path, webhook: Webhook) -> None:
        self.folder = folder
        self.webhook = webhook
        self.prometheus = servers.free_port()
        self.alertmanager = servers.free_port()

    def _write(self, name: str, content: Any) -> Path:
        path = self.folder / name
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    def _rules(self) -> list[str]:
        found = []
        for path in rule_files():
            content = quick(yaml.safe_load(path.read_text(encoding="utf-8")))
            found.append(str(self._write("quick-" + path.name, content)))
        assert found, "there are no rules in %s" % RULES
        return found

    def _alertmanager(self) -> Path:
        receiver = {
            "url": "https://127.0.0.1:%d/alerts" % self.webhook.port,
            "send_resolved": True,
            "http_config": {
                "authorization": {"credentials_file": str(self.webhook.token_file)},
                "tls_config": {"ca_file": str(self.webhook.certfile)},
            },
        }
        route = {
            "receiver": "restart",
            "group_by": ["host", "gateway"],
            "group_wait": "1s",
            "group_interval": "1s",
            "repeat_interval": "1h",
        }
        content = {
            "route": route,
            "receivers": [{"name": "restart", "webhook_configs": [receiver]}],
        }
        return self._write("alertmanager.yml", content)

    def _prometheus(self, host: str, exporter: int) -> Path:
        target = {"targets": ["127.0.0.1:%d" % exporter], "labels": {"instance": host}}
        content = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": self._rules(),
            "scrape_configs": [{"job_name": "node", "static_configs": [target]}],
            "alerting": {
                "alertmanagers": [
                    {"static_configs": [{"targets": ["127.0.0.1:%d" % self.alertmanager]}]}
                ]
            },
        }
        return self._write("prometheus.yml", content)

    @contextlib.contextmanager
    def running(self, host: str, exporter: int) -> Iterator[Stack]:
        """Start both; they scrape the exporter of a host at a port of this machine."""
        alertmanager = [
            "prometheus-alertmanager",
            "--config.file=%s" % self._alertmanager(),
            "--storage.path=%s" % (self.folder / "alertmanager"),
            "--web.listen-address=127.0.0.1:%d" % self.alertmanager,
            "--cluster.listen-address=",
        ]
        prometheus = [
            "prometheus",
            "--config.file=%s" % self._prometheus(host, exporter),
            "--storage.tsdb.path=%s" % (self.folder / "prometheus"),
            "--web.listen-address=127.0.0.1:%d" % self.prometheus,
        ]
        with contextlib.ExitStack() as stack:
            for argv, port in ((alertmanager, self.alertmanager), (prometheus, self.prometheus)):
                stack.enter_context(servers.running(argv[0], argv, self.folder, port))
            yield self

    def _get(self, port: int, path: str) -> Any:
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=10) as answer:
            return json.load(answer)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query."""
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        return self._get(self.prometheus, path)["data"]["result"]

    def firing(self, **labels: str) -> bool:
        """Whether an alert with these labels fires in Prometheus."""
        alerts = self._get(self.prometheus, "/api/v1/alerts")["data"]["alerts"]
        return any(
            one["state"] == "firing" and labels.items() <= one["labels"].items() for one in alerts
        )

    def known(self, **labels: str) -> bool:
        """Whether Alertmanager has an active alert with these labels."""
        alerts = self._get(self.alertmanager, "/api/v2/alerts?active=true")
        return any(labels.items() <= one["labels"].items() for one in alerts)
