# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The webhook of the rulebook: ansible-rulebook as an operator starts it, and requests to it."""

from __future__ import annotations

import contextlib
import json
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import servers
import yaml

RULEBOOK = "hermes_ops.gateway.restart_on_alert"
FILES = servers.TOP / "extensions/eda/rulebooks"
BIN = servers.TOP / ".venv-rulebook/bin"


class Webhook:
    """Its address, and what a request needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = servers.free_port()
        self.certfile, self.keyfile = servers.certificate(folder)
        self.token = secrets.token_urlsafe(32)
        self.token_file = folder / "token"
        self.token_file.touch(mode=0o600)
        self.token_file.write_text(self.token, encoding="utf-8")

    def variables(self) -> dict[str, Any]:
        """The variables of the rulebook."""
        return {
            "hermes_events_port": self.port,
            "hermes_events_token": self.token,
            "hermes_events_certfile": str(self.certfile),
            "hermes_events_keyfile": str(self.keyfile),
        }

    def command(self, inventory: Path, variables: dict[str, Any]) -> list[str | Path]:
        """The command line; the variables are in a file, so that `ps` shows no token."""
        file = self.folder / "vars.yml"
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(variables), encoding="utf-8")
        return [BIN / "ansible-rulebook", "-r", RULEBOOK, "-i", inventory, "-e", file]

    def environment(self) -> dict[str, str]:
        """The environment of that command: its own Ansible, and this checkout's collection."""
        return {
            "PATH": "%s:/usr/bin:/bin:/usr/sbin:/sbin" % BIN,
            "ANSIBLE_COLLECTIONS_PATH": str(servers.TOP / ".build/collections"),
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_NOCOLOR": "1",
            "HOME": str(self.folder),
        }

    @contextlib.contextmanager
    def running(self, inventory: Path) -> Iterator[servers.Server]:
        """The rulebook on the hosts of an inventory."""
        command = self.command(inventory, self.variables())
        with servers.running(
            "rulebook", command, self.folder, self.port, **self.environment()
        ) as server:
            yield server

    def post(self, body: bytes, token: str | None) -> str:
        """The answer to a request: a status, or why it has none."""
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = "Bearer " + token
        request = urllib.request.Request("https://127.0.0.1:%d/alerts" % self.port, body, headers)
        context = ssl.create_default_context(cafile=str(self.certfile))
        try:
            with urllib.request.urlopen(request, timeout=20, context=context) as answer:
                return str(answer.status)
        except urllib.error.HTTPError as exc:
            return str(exc.code)
        except (urllib.error.URLError, OSError) as exc:
            return "no answer: %s" % exc

    def send(self, *alerts: dict[str, Any]) -> str:
        """Send alerts as Alertmanager does."""
        return self.post(json.dumps({"version": "4", "alerts": alerts}).encode(), self.token)


def alert(**labels: object) -> dict[str, Any]:
    """A firing alert as Alertmanager sends it; a label of None is left out."""
    every = {"alertname": "HermesGatewayMemoryNearLimit", "severity": "critical", **labels}
    return {
        "status": "firing",
        "labels": {name: value for name, value in every.items() if value is not None},
        "annotations": {"summary": "made by a test"},
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": secrets.token_hex(8),
    }
