# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a gateway that grows to its restart by the arbiter, over Prometheus, Alertmanager and the rulebook; then alerts that must not have an effect."""

from __future__ import annotations

import itertools
import json
import subprocess
from typing import Any

import invariants
import servers
from chain import Chain
from growing import HOST, PAGE, Conversation, Growing
from machine import NAME
from stack import Stack
from webhook import Webhook, alert

ALERT = "HermesGatewayMemoryNearLimit"
LABELS = {"alertname": ALERT, "host": HOST, "gateway": NAME}
NEAR = "hermes_gateway_memory_footprint_bytes / hermes_gateway_memory_limit_bytes > 0.9"
PLAY = r"^PLAY \[Restart the Hermes gateways\]"
ASKED = r"^TASK \[Restart the gateways of the host"
RECAP = r"^PLAY RECAP"
# A failed playbook is in the log twice: as it ran, and after this line.
FAILED = r"ansible_rulebook\.action\.run_playbook - ERROR"
BREACH = "a check finds it above 90 % of its limit"
GHOST = NAME + "-nobody"
REFUSED = {
    "host `hermes`, a group": "a playbook that its first task ends",
    "host `all`": "a playbook that its first task ends",
    "a host that is not in the inventory": "a playbook without a host",
    "a gateway that is not on the host, Jinja elsewhere": "a playbook; the module fails and names the gateways of the host",
}
MARK = "/tmp/hermes-events-jinja"
JINJA = "{{ lookup('pipe', 'touch %s') }}" % MARK


def test_the_page_is_clean(host: Growing) -> None:
    """promtool finds no problem with the page of a real gateway."""
    host.wait("a page", lambda: host.metric("memory_footprint_bytes"), 30)
    page = host.run("cat", PAGE).stdout
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=page,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_from_a_breach_to_a_restart(
    host: Growing,
    conversation: Conversation,
    rulebook: servers.Server,
    stack: Stack,
    tables: dict[str, list[str]],
) -> None:
    """Each step is observed, and no message to the gateway is lost."""
    host.wait("the gateway to run", host.up)
    host.sh("rm -f /var/lib/hermes-guard/%s/ledger.jsonl %s" % (NAME, MARK))
    servers.wait("the page in Prometheus", lambda: stack.query("hermes_gateway_up == 1"))
    limit = host.limit()
    servers.wait(
        "the limit in Prometheus",
        lambda: stack.query("hermes_gateway_memory_limit_bytes == %d" % limit),
    )
    assert not stack.query(NEAR) and not stack.firing(**LABELS) and not rulebook.count(PLAY)
    life = host.life()
    conversation.begin()
    chain = Chain()
    chain.note("the gateway begins to grow")
    host.grow()
    chain.until(BREACH, lambda: _breach(host))
    chain.until("Prometheus has the value", lambda: stack.query(NEAR))
    chain.until("the alert fires in Prometheus", lambda: stack.firing(**LABELS))
    chain.until("Alertmanager has it", lambda: stack.known(**LABELS))
    chain.until("the rulebook starts the playbook", lambda: rulebook.said(PLAY))
    chain.until("the playbook asks the arbiter", lambda: rulebook.said(ASKED))
    chain.until("the arbiter begins the restart", lambda: _ledger(host, "begun"))
    chain.until("the new process is up", lambda: _ledger(host, "restart"))
    chain.until("the alert is over in Prometheus", lambda: not stack.firing(**LABELS))
    chain.until("the alert is over in Alertmanager", lambda: not stack.known(**LABELS))
    said = conversation.finish()
    servers.wait("the end of the playbook", lambda: rulebook.said(RECAP))
    alarm = host.ledger("alert")[0]
    # "limit" if no check came between the threshold and 95 % of the limit.
    assert alarm["code"] in ("threshold", "limit"), alarm
    chain.also("the watchdog, which only alerts, has seen it above its threshold", alarm["time"])
    _show(chain, said, host, tables)

    (entry,) = host.ledger("restart")
    assert entry["reason"] == "alert " + ALERT, entry
    assert (entry["trigger"], entry["mode"]) == ("operator", "drain"), entry
    assert entry["before"]["rss_bytes"] > 0.8 * limit, entry
    assert host.life() != life and host.up()
    assert _plays(rulebook) == 1, "one restart for one alert, and none for its end"
    invariants.complete(said)


def _plays(rulebook: servers.Server, since: int = 0) -> int:
    """How many playbooks the rulebook has started."""
    return rulebook.count(PLAY, since) - rulebook.count(FAILED, since)


def _breach(host: Growing) -> float | None:
    used = host.metric("memory_footprint_bytes")
    if used is None or used <= 0.9 * host.limit_bytes:
        return None
    return host.metric("sample_timestamp_seconds")


def _ledger(host: Growing, event: str) -> float | None:
    entries = host.ledger(event)
    return float(entries[0]["time"]) if entries else None


def _show(chain: Chain, said: dict[str, Any], host: Growing, tables: dict[str, list[str]]) -> None:
    begun = chain.at("the arbiter begins the restart")
    breach = chain.at(BREACH)
    (entry,) = host.ledger("restart")
    tables["From a breach to a restart"] = [
        *chain.table(),
        "",
        "From the breach to the restart begun: %.1f s. Mode %s, down for %.1f s."
        % (begun - breach, entry["mode"], entry["downtime_seconds"]),
        "Messages: %d sent, %d answered, %d refused with a word, %d lost, %d answered twice."
        % tuple(said[key] for key in ("sent", "answered", "refused", "lost", "twice")),
    ]


def test_hostile_alerts_do_nothing(
    host: Growing, webhook: Webhook, rulebook: servers.Server, tables: dict[str, list[str]]
) -> None:
    """A request that is not Alertmanager's, or an alert that does not name one host and one gateway, restarts nothing."""
    life, entries, first = host.life(), len(host.ledger()), len(rulebook.lines)
    rows = []
    for name, status in _nothing(webhook).items():
        rows.append((name, status, "nothing"))
    # A valid name is checked by the playbook and the host. A gateway that does not exist shows that the rulebook still works.
    refused = {
        "host `hermes`, a group": ("hermes", NAME, 'hermes_alert_host: invalid value .*"hermes'),
        "host `all`": ("all", NAME, 'hermes_alert_host: invalid value .*"all'),
        "a host that is not in the inventory": ("nobody", NAME, "no hosts to target"),
        "a gateway that is not on the host, Jinja elsewhere": (
            HOST,
            GHOST,
            "'%s' is not .*: expected one of " % GHOST,
        ),
    }
    for name, (place, gateway, _said) in refused.items():
        one = dict(alert(host=place, gateway=gateway, more=JINJA), annotations={"summary": JINJA})
        rows.append((name, webhook.send(one), REFUSED[name]))
    servers.wait("the playbooks", lambda: rulebook.count(FAILED, first) == len(refused))
    for name, (_place, _gateway, said) in refused.items():
        servers.wait("the reason of " + name, lambda words=said: rulebook.said(words, first))
    tables["Hostile alerts"] = [
        "| alert | HTTP | result |",
        "| --- | --- | --- |",
        *("| %s | %s | %s |" % row for row in rows),
    ]
    assert (host.life(), len(host.ledger())) == (life, entries), "a gateway was restarted"
    assert rulebook.count(PLAY, first) == 2 * 3, rulebook.tail(100)
    assert rulebook.count(ASKED, first) == 2, "one of them, which failed, asked the host"
    assert host.run("test", "-e", MARK, check=False).returncode != 0
    assert subprocess.run(["test", "-e", MARK], check=False).returncode != 0
    assert rulebook.process.poll() is None


def _nothing(webhook: Webhook) -> dict[str, str]:
    """The answer to each request that must not even start a playbook."""
    number = itertools.count(1)

    def near(**labels: object) -> dict[str, Any]:
        # Each is about another gateway: the rulebook treats a second alert about the same one as a copy.
        return alert(**{"host": HOST, "gateway": "%s-%d" % (NAME, next(number)), **labels})

    def body(**labels: object) -> bytes:
        return json.dumps({"alerts": [near(**labels)]}).encode()

    found = {
        "no token": webhook.post(body(), None),
        "a wrong token": webhook.post(body(), "x" * 43),
        "no JSON": webhook.post(b"{", webhook.token),
        "a list": webhook.post(b"[1]", webhook.token),
        "a text as alerts": webhook.post(b'{"alerts": "x"}', webhook.token),
        "1 MB of labels": webhook.post(body(more="x" * (1 << 20)), webhook.token),
    }
    assert found["no token"] == found["a wrong token"] == "401", found
    alerts = {
        "no host": near(host=None),
        "no gateway": near(gateway=None),
        "`web*` as host": near(host="web*"),
        "two hosts": near(host="%s,localhost" % HOST),
        "two hosts with a colon": near(host="%s:localhost" % HOST),
        "a list of hosts": near(host=[HOST]),
        "a number as host": near(host=5),
        "an option as host": near(host="-elimit=all"),
        "host with a newline at its end": near(host=HOST + "\n"),
        "Jinja as host": near(host=JINJA),
        "Jinja as gateway": near(gateway=JINJA),
        "gateway with a newline at its end": near(gateway=NAME + "\n"),
        "Jinja in an annotation, no gateway": dict(
            near(gateway=None), annotations={"summary": JINJA}
        ),
        "another alert": near(alertname="HermesGatewayLeak"),
        "an alert that is over": dict(near(), status="resolved"),
    }
    found.update({name: webhook.send(one) for name, one in alerts.items()})
    return found


def test_a_second_alert_is_refused_by_the_arbiter(host: Growing, webhook: Webhook) -> None:
    """A restarted rulebook no longer knows the first alert, but the host does."""
    life = host.life()
    folder = webhook.folder / "second"
    folder.mkdir()
    again = Webhook(folder)
    with again.running(servers.TOP / host.fleet.file("inventory.yml")) as server:
        for _copy in range(20):
            assert again.send(alert(host=HOST, gateway=NAME)) == "200"
        servers.wait("the playbook", lambda: server.count(RECAP))
        assert _plays(server) == 1, "copies are one alert"
        assert server.said(r"not restarted: .*"), server.tail(40)
    assert host.life() == life
    (refused,) = host.ledger("refused")
    assert (refused["code"], refused["trigger"]) == ("cooldown", "operator"), refused
