# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start of the rulebooks, without a host: an unsafe webhook does not start."""

from __future__ import annotations

import concurrent.futures
import json
import subprocess
from pathlib import Path
from typing import NamedTuple

import jsonschema
import pytest
import servers
import yaml
from webhook import FILES, Webhook

SCHEMA = "lib/python3*/site-packages/ansible_rulebook/schema/ruleset_schema.json"
# As in monitoring/: a verdict alone restarts nothing.
ACTS_ON = ("HermesGatewayMemoryLimitSoon", "HermesGatewayMemoryNearLimit", "HermesGatewayFrozen")
# The error of a start with these changes to the variables; None removes the variable.
REFUSED: dict[str, tuple[dict[str, str | None], str]] = {
    "no token": ({"hermes_events_token": None}, "'hermes_events_token' is undefined"),
    "a short token": ({"hermes_events_token": "x" * 31}, "a_hermes_events_token_of_32_or_more"),
    "no certificate": ({"hermes_events_certfile": None}, "'hermes_events_certfile' is undefined"),
    "no key": ({"hermes_events_keyfile": None}, "'hermes_events_keyfile' is undefined"),
    "a key that is not there": ({"hermes_events_keyfile": "/nowhere"}, "No such file"),
}


@pytest.mark.parametrize("path", sorted(FILES.glob("*.yml")), ids=lambda path: path.name)
def test_rulebook_is_valid_and_acts_on_three_alerts_only(path: Path) -> None:
    (schema,) = (servers.TOP / ".venv-rulebook").glob(SCHEMA)
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    jsonschema.validate(content, json.loads(schema.read_text(encoding="utf-8")))
    (ruleset,) = content
    assert ruleset["execution_strategy"] == "parallel"
    (rule,) = ruleset["rules"]
    assert 'event.status == "firing"' in rule["condition"]
    assert "event.labels.alertname in %s" % json.dumps(list(ACTS_ON)) in rule["condition"]


class Start(NamedTuple):
    """How a start ended: its exit code (None: it did not), whether it listened, what it printed."""

    code: int | None
    opened: bool
    said: str


def _start(changed: dict[str, str | None], folder: Path) -> Start:
    webhook = Webhook(folder)
    variables = {**webhook.variables(), **changed}
    variables = {key: value for key, value in variables.items() if value is not None}
    inventory = folder / "inventory.yml"
    inventory.write_text("all: {hosts: {web1: }}\n", encoding="utf-8")
    command = webhook.command(inventory, variables)
    server = servers.Server("rulebook", command, folder, **webhook.environment())
    code = None
    try:
        code = server.process.wait(servers.PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        opened = servers.listens(webhook.port)
        server.end()
    said = server.tail(1000)
    return Start(code, opened, said.replace(webhook.token, "THE TOKEN"))


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Start]:
    """How each start ended; in parallel, because Java starts slowly."""
    folders = [tmp_path_factory.mktemp("start") for _name in REFUSED]
    changes = [changed for changed, _said in REFUSED.values()]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        return dict(zip(REFUSED, pool.map(_start, changes, folders)))


@pytest.mark.parametrize("name", REFUSED)
def test_start_is_refused(starts: dict[str, Start], name: str) -> None:
    _changed, why = REFUSED[name]
    start = starts[name]
    assert start.code, "it still runs, or ended well:\n" + start.said
    assert not start.opened
    assert why in start.said
    assert "THE TOKEN" not in start.said
