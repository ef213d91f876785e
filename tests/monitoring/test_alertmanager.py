# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alerts that a real Alertmanager mutes with the inhibition rules of the example. Its routes are tested by amtool, see tests/tools/lint."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
import yaml

MONITORING = servers.TOP / "monitoring"
# An alert, by its name, host and gateway (empty: it is about a host).
Alert = tuple[str, str, str]


def names() -> list[str]:
    """Every alert of the rules."""
    content = yaml.safe_load((MONITORING / "prometheus/hermes.rules.yml").read_text("utf-8"))
    rules = [rule for group in content["groups"] for rule in group["rules"]]
    return [rule["alert"] for rule in rules if "alert" in rule]


def alert(name: str, host: str, gateway: str = "one") -> Alert:
    """An alert as the rules raise it: with a gateway only if it is about one."""
    return (name, host, gateway if name.startswith("HermesGateway") else "")


class Alertmanager:
    """A server with the inhibition rules of the example, and without a receiver."""

    def __init__(self, port: int) -> None:
        self.url = "http://127.0.0.1:%d/api/v2/alerts" % port

    def post(self, alerts: list[Alert]) -> None:
        """Report ``alerts``, as Prometheus does."""
        labels = [dict(zip(("alertname", "host", "gateway"), one)) for one in alerts]
        body = json.dumps([{"labels": {k: v for k, v in one.items() if v}} for one in labels])
        request = urllib.request.Request(
            self.url, body.encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=10).close()

    def shown(self) -> set[Alert]:
        """The alerts that are not muted."""
        with urllib.request.urlopen(self.url + "?inhibited=false", timeout=10) as answer:
            labels = [one["labels"] for one in json.load(answer)]
        return {(one["alertname"], one["host"], one.get("gateway", "")) for one in labels}


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    """A separate server with the example's inhibition rules."""
    folder: Path = tmp_path_factory.mktemp("inhibition")
    example = yaml.safe_load((MONITORING / "alertmanager/alertmanager.yml").read_text("utf-8"))
    config = {
        "route": {"receiver": "nobody"},
        "receivers": [{"name": "nobody"}],
        "inhibit_rules": example["inhibit_rules"],
    }
    (folder / "config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    port = servers.free_port()
    argv = [
        "prometheus-alertmanager",
        "--config.file=config.yml",
        "--storage.path=data",
        "--web.listen-address=127.0.0.1:%d" % port,
        "--cluster.listen-address=",
    ]
    with servers.running("prometheus-alertmanager", argv, folder, port):
        yield Alertmanager(port)


EVERY = set(names())
GATEWAY = {name for name in EVERY if name.startswith("HermesGateway")}
MEMORY = {name for name in GATEWAY if "Memory" in name or name.endswith(("Leak", "AboveThreshold"))}
# The cause, the alerts raised with it, and those of them that are still shown.
CASES: dict[str, tuple[str, set[str], set[str]]] = {
    # The data of a host that does not answer is outdated.
    "unreachable": ("HermesHostUnreachable", EVERY, set()),
    # The data of a guard that does not check is outdated.
    "stale": (
        "HermesGuardStale",
        GATEWAY | {"HermesGuardCheckFails", "HermesTextfileScrapeError"},
        {"HermesTextfileScrapeError"},
    ),
    "missing": ("HermesGuardMissing", GATEWAY, set()),
    # A gateway that is down uses no memory. Alerts about a kill or a failed restart are shown.
    "down": ("HermesGatewayDown", GATEWAY, GATEWAY - MEMORY - {"HermesGatewayFrozen"}),
    # The most urgent alert about the memory of a gateway is enough.
    "near": ("HermesGatewayMemoryNearLimit", MEMORY, set()),
    "soon": (
        "HermesGatewayMemoryLimitSoon",
        MEMORY - {"HermesGatewayMemoryNearLimit"},
        {"HermesGatewayAboveThreshold"},
    ),
    "failed": (
        "HermesGatewayRestartFailed",
        {"HermesGatewayOOMKilled"},
        {"HermesGatewayOOMKilled"},
    ),
}


@pytest.mark.parametrize("host", CASES)
def test_what_follows_from_a_cause_is_muted(alertmanager: Alertmanager, host: str) -> None:
    """Only on the same host and, if the cause is about a gateway, only for that gateway."""
    cause, others, left = CASES[host]
    there = {alert(name, host) for name in {cause} | others}
    neighbour = alert("HermesGatewayLeak", host, "two")
    elsewhere = alert("HermesGatewayLeak", "not-" + host)
    alertmanager.post([*there, neighbour, elsewhere])
    expected = {alert(name, host) for name in {cause} | left} | {elsewhere}
    if cause in GATEWAY:
        expected.add(neighbour)

    def settled() -> bool:
        hosts = (host, "not-" + host)
        return {one for one in alertmanager.shown() if one[1] in hosts} == expected

    servers.wait("only %s" % sorted(expected), settled, 10)
