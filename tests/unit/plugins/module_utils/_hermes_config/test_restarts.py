# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking the arbiter for the restarts."""

from __future__ import annotations

import os
import time

import pytest

yaml = pytest.importorskip("yaml")

from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes_config import restarts
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError


def test_restart_needs_the_arbiter(host, monkeypatch):
    one = host.gateway()
    one.pid, one.start_time = os.getpid(), time.time() - 100
    calls = []
    unit = {
        "Id": "hermes-gateway-restart.service",
        "LoadState": "not-found",
        "ActiveState": "inactive",
    }
    monkeypatch.setattr(restarts.systemd.Manager, "show", lambda self, units, properties: [unit])
    monkeypatch.setattr(
        restarts.systemd.Manager, "call", lambda self, *words, **more: calls.append(words)
    )
    before = host.listing()
    with pytest.raises(GuardError, match="apply the role hermes_guard first"):
        host.run(settings={"agent.max_turns": 5}, restart="when_idle")
    assert host.listing() == before
    # In check mode, the role hermes_guard of the same play has not installed it yet.
    dry = host.run(check=True, settings={"agent.max_turns": 5}, restart="when_idle")
    assert dry["restarted"] == ["hermes-gateway"]
    unit["LoadState"] = "loaded"
    assert host.run(check=True, settings={"agent.max_turns": 5}, restart="when_idle")[
        "restarted"
    ] == ["hermes-gateway"]
    assert calls == []
    assert host.run(settings={"agent.max_turns": 5}, restart="when_idle")["restarted"] == [
        "hermes-gateway"
    ]
    assert calls == [("start", "--no-block", "--", "hermes-gateway-restart.service")]
    unit["ActiveState"] = "activating"
    assert not host.run(settings={"agent.max_turns": 5}, restart="when_idle")["changed"]


@pytest.mark.parametrize(
    "answer, words",
    [
        ("""echo '{"event": "restart", "reason": "asked"}'""", None),
        ("""echo '{"event": "refused", "reason": "it is stopped"}'; exit 3""", "it is stopped"),
        ("echo it is broken >&2; exit 4", "it is broken"),
    ],
)
def test_restart_now_waits_for_the_arbiter(tmp_path, monkeypatch, answer, words):
    program = tmp_path / "hermes-guard"
    monkeypatch.setattr(restarts.guard_program, "PROGRAM", str(program))
    monkeypatch.setattr(restarts.systemd.Manager, "show", lambda self, units, properties: [])
    with pytest.raises(GuardError, match="restart is now, but .*hermes-guard is not installed"):
        restarts.to_ask_for(["a"], "now", False)
    assert restarts.to_ask_for(["a"], "now", True) == ["a"]
    program.write_text('#!/bin/sh\necho "$*" > %s/asked\n%s\n' % (tmp_path, answer))
    program.chmod(0o755)
    assert restarts.to_ask_for(["a"], "now", False) == ["a"]
    if words is None:
        restarts.ask_for("a", "now")
    else:
        with pytest.raises(GuardError, match="a was configured, but not restarted: .*" + words):
            restarts.ask_for("a", "now")
    asked = "restart --gateway a --reason hermes_config --json --now\n"
    assert (tmp_path / "asked").read_text() == asked
