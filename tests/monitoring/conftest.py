# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a real gateway, real servers, and the tables at the end."""

from __future__ import annotations

import contextlib
import hashlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path[:0] = [str(HERE), str(TOP / "tests/lab"), str(TOP / "tests/faults")]

import engine
import paths
import servers
from fleet import Fleet
from growing import HOST, Conversation, Growing
from stack import Stack
from webhook import Webhook

# Another checkout on the machine has a separate lab.
PREFIX = "hermes-monitoring-" + hashlib.sha256(str(TOP).encode()).hexdigest()[:8]
TABLES: dict[str, list[str]] = {}
STARTED = time.monotonic()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Beside pytest's own."""
    parser.addoption("--keep", action="store_true", help="leave the lab up")
    parser.addoption("--prefix", default=PREFIX, help="of the lab")


def pytest_configure(config: pytest.Config) -> None:
    """SIGTERM ends what was started, too."""
    servers.terminate_as_an_error()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables, and write them to .build/monitoring.md."""
    if not TABLES:
        return
    lines = []
    for title, table in TABLES.items():
        lines += ["## " + title, "", *table, ""]
    for line in lines:
        terminalreporter.write_line(line)
    (TOP / ".build/monitoring.md").write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture(scope="session")
def tables() -> dict[str, list[str]]:
    """The tables, by title."""
    return TABLES


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """A separate lab with one host."""
    engine.install(["ssh", "ssh-keygen"])
    fleet = Fleet(engine.find(), request.config.getoption("--prefix"), None)
    with paths.locked("prefix-" + fleet.prefix):
        try:
            fleet.up([HOST])
            yield fleet
        finally:
            if not request.config.getoption("--keep"):
                fleet.down(fleet.members())


@pytest.fixture(scope="session")
def host(lab: Fleet) -> Growing:
    """The host, managed for restarts by alerts: its watchdog checks, but does not restart."""
    found = Growing(lab)
    found.prepare()
    done = lab.playbook(
        "site",
        *("--tags", "all,metrics"),
        *("-e", "hermes_watchdog_action=alert"),
        *("-e", "hermes_watchdog_threshold=80%"),
        *("-e", '{"hermes_watchdog_breaches": "1 of 1"}'),
        *("-e", "hermes_restart_timer_state=absent"),
    )
    assert done.returncode == 0, done.stdout
    found.configure()
    found.often()
    return found


@pytest.fixture(scope="session")
def conversation(host: Growing) -> Iterator[Conversation]:
    """A client that writes to its gateway on request."""
    talk = Conversation(host)
    try:
        first = talk.listens()
        assert first["sent"] == 1 and not first["lost"], first
        yield talk
    finally:
        talk.close()


@pytest.fixture(scope="session")
def webhook(tmp_path_factory: pytest.TempPathFactory) -> Webhook:
    """The address, the token and the certificate of the rulebook."""
    return Webhook(tmp_path_factory.mktemp("events"))


@pytest.fixture(scope="session")
def rulebook(webhook: Webhook, host: Growing) -> Iterator[servers.Server]:
    """ansible-rulebook on the lab."""
    with webhook.running(Path(host.fleet.file("inventory.yml"))) as server:
        yield server


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, webhook: Webhook, host: Growing
) -> Iterator[Stack]:
    """Prometheus and Alertmanager."""
    made = Stack(tmp_path_factory.mktemp("servers"), webhook)
    with contextlib.ExitStack() as context:
        exporter = context.enter_context(host.tunnel())
        yield context.enter_context(made.running(HOST, exporter))
