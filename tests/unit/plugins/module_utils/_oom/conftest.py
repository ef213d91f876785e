# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gateways and a journal in memory: tests/data/oom holds what the journals and logs of hosts say."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import config
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    history as history_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import command, systemd
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    journal as journal_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import RunError

DATA = Path(__file__).resolve().parents[4] / "data/oom"


def made(scope="system", **changed):
    if scope == "system":
        values = {
            "name": "hermes-gateway",
            "unit": "hermes-gateway.service",
            "scope": "system",
            "uid": 1000,
        }
    else:
        values = {
            "name": "hermes-gateway-coder@ada",
            "unit": "hermes-gateway-coder.service",
            "scope": "user",
            "uid": 1001,
        }
    values.update(
        control_group="", pid=None, start_time=None, uptime_seconds=None, invocation_id=None
    )
    values.update(changed)
    return SimpleNamespace(**values)


@pytest.fixture
def gateway():
    """Makes a gateway: of system scope, or the one of "user" scope, with values changed."""
    return made


class Journal:
    """What journalctl answers, for the lines of files: matches of one field are alternatives, of
    several all needed, "+" starts anew.
    """

    def __init__(self):
        self.lines = []
        self.fails = None
        # Whether a question to journalctl is answered with more than is read.
        self.too_long = lambda argv: False

    def load(self, name):
        self.lines += (DATA / name).read_text().splitlines()

    def add(self, moment, message, **fields):
        """An entry at an epoch second; ``unit`` stands for what systemd writes about that unit."""
        unit = fields.pop("unit", None)
        if unit:
            fields = dict(_PID="1", UNIT=unit, INVOCATION_ID="1" * 32, **fields)
        entry = dict(fields, MESSAGE=message, __REALTIME_TIMESTAMP=str(int(moment * 1000000)))
        self.lines.append(json.dumps(entry))

    def boot(self, moment):
        """The journal has lines of the kernel."""
        kernel = {"_TRANSPORT": "kernel", "SYSLOG_FACILITY": "0"}
        self.add(moment, "Linux version 6.12.0", **kernel)

    def run(self, argv, user=None, env=None, stdin=None, timeout=30.0):
        assert argv[:2] == ["journalctl", "--output=json"] and timeout <= 60
        if self.fails:
            raise RunError(self.fails)
        if self.too_long(argv):
            raise RunError("journalctl printed more than 33554432 bytes")
        grep = next((word[len("--grep=") :] for word in argv if word.startswith("--grep=")), "")
        groups = [{}]
        for word in argv[2:]:
            if word == "+":
                groups.append({})
            elif not word.startswith("--"):
                field, _separator, value = word.partition("=")
                groups[-1].setdefault(field, set()).add(value)
        since = next(int(word[len("--since=@") :]) for word in argv if word.startswith("--since=@"))
        kept = []
        for line in self.lines:
            entry = json.loads(line)
            wanted = any(
                all(entry.get(field) in values for field, values in group.items())
                for group in groups
            )
            wanted = wanted and re.search(grep, str(entry.get("MESSAGE", "")))
            if wanted and int(entry["__REALTIME_TIMESTAMP"]) >= since * 1000000:
                kept.append(line)
        return command.Result(
            0 if kept else 1, "\n".join(kept), "" if kept else "-- No entries --\n"
        )


@pytest.fixture
def journal(monkeypatch, tmp_path):
    made = Journal()
    monkeypatch.setattr(command, "run", made.run)
    monkeypatch.setattr(systemd, "version", lambda: 257)
    monkeypatch.setattr(config, "STATE", str(tmp_path))
    monkeypatch.setattr(journal_module, "KMSG", str(tmp_path / "no-kmsg"))
    return made


@pytest.fixture
def history():
    """Writes samples (moment, pid, OOM kills, run) into the history of a gateway."""

    def write(name, *samples):
        for moment, pid, kills, invocation in samples:
            history_module.append(
                os.path.join(config.STATE, name),
                {
                    "timestamp": moment,
                    "invocation_id": invocation,
                    "pid": pid,
                    "uptime_seconds": 60,
                    "rss_bytes": 1 << 27,
                    "oom_kills": kills,
                },
            )

    return write


@pytest.fixture
def kmsg():
    """Reads the kernel's buffer in a file, for a boot at an epoch second."""
    return lambda name, boot: journal_module.parse_kmsg((DATA / name).read_text(), boot)
