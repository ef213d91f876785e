# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One gateway with bad input beside a good one: it is reported with the reason, the other in full."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    config,
    gateway_info,
    history,
    identity,
    status,
    watchdog,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import client, discovery

GOOD, BAD = "hermes-gateway", "hermes-gateway-bad"


@pytest.fixture
def host(systemd, tmp_path, monkeypatch):
    """Two gateways that run, of which tests spoil the second."""
    monkeypatch.setattr(discovery, "started_manually", lambda found, candidates: [])
    monkeypatch.setattr(config.load, "__defaults__", (str(tmp_path / "etc"),))
    monkeypatch.setattr(client, "TIMEOUT", 10.0)
    systemd.add_gateway(tmp_path / "good")
    systemd.add_gateway(tmp_path / "bad", unit=BAD + ".service")
    return systemd


@pytest.fixture
def check(settings, host, tmp_path):
    """What gateway_info returns of both, after the good one has been seen to be whole."""

    def run():
        every = [
            settings(home=tmp_path / "good", threshold="1G"),
            settings(BAD + ".service", home=tmp_path / "bad", threshold="1G"),
        ]
        watchdog.check(every)
        identity.answer(every)
        lines, _all_right = watchdog.check(every)
        assert [line for line in lines if line.startswith(GOOD + ":")] == []
        assert history.tail(every[0].folder, 1)[0]["version"] == "0.19.0"
        assert status.status(every)["gateways"][0]["state"] == "running"
        found = {one["name"]: one for one in gateway_info.collect([])["gateways"]}
        assert (found[GOOD]["problem"], found[GOOD]["version"], found[GOOD]["state"]) == (
            None,
            "0.19.0",
            "running",
        )
        return found[BAD]

    return run


@pytest.mark.parametrize(
    "command", ["", "{ path=/x ; argv[]=", "{ argv[]= ; ignore_errors=no ; }", "\\x00\\xff {{{"]
)
def test_unit_whose_command_cannot_be_parsed(host, check, command):
    host.stop(BAD + ".service")
    host.units[BAD + ".service"]["ExecStart"] = command
    one = check()
    assert one["state"] == "unknown"
    assert one["problem"].endswith(
        "looks like the unit of a gateway, but its command cannot be read"
    )


def spoil(tmp_path, text):
    """The interpreter of the bad gateway, which prints or does what ``text`` says."""
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\n" + text)
    python.chmod(0o755)
    return str(python)


def lend(monkeypatch, python):
    """The bad gateway has another Python."""
    real = discovery.Gateway.set_state

    def set_state(self, *what, **more):
        real(self, *what, **more)
        if self.home.endswith("/bad"):
            self.python = python

    monkeypatch.setattr(discovery.Gateway, "set_state", set_state)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("exec sleep 60", "did not end within 10 s"),
        ("exec yes", "printed more than"),
        ("echo '{\"version\": '", "gave no usable answer"),
        ("echo '[1, 2]'", "gave no usable answer"),
        ("echo no >&2; exit 3", "gave no usable answer (exit code 3): no"),
        ("kill -9 $$", "gave no usable answer (exit code -9)"),
    ],
)
def test_interpreter_that_hangs_or_prints_rubbish(host, check, tmp_path, monkeypatch, text, reason):
    python = spoil(tmp_path, text)
    lend(monkeypatch, python)
    one = check()
    assert one["problem"].startswith("its Hermes cannot be queried: ") and reason in one["problem"]
    assert (one["state"], one["version"]) == ("running", None)
    assert one["memory"]["rss_bytes"] > 0


def test_interpreter_that_lies(host, check, tmp_path, monkeypatch):
    """Its words are only words: nothing of them has a wrong type, or more letters than fit."""
    lie = {
        "version": ["0.19.0"],
        "provider": "x" * 5000,
        "model": {"name": 7},
        "channels": ["telegram", 7, None, "a\u001b[31m\n"],
        "reads": [],
        "config": "no",
        "live": 3,
    }
    python = spoil(tmp_path, "cat <<'END'\n%s\nEND\n" % json.dumps(lie))
    lend(monkeypatch, python)
    one = check()
    assert (one["version"], one["model"], len(one["provider"])) == (None, None, 200)
    assert len(one["channels"]) == 2 and "\x1b" not in "".join(one["channels"])


def test_state_file_of_a_newer_schema(host, check, tmp_path):
    path = tmp_path / "bad/gateway_state.json"
    said = json.loads(path.read_text())
    said.update(schema=99, gateway_state="hibernating", active_agents={"chats": 1}, platforms=[])
    path.write_text(json.dumps(said))
    one = check()
    assert (one["state"], one["active_agents"]) == ("running", None)
    assert one["problem"] == "its gateway_state.json has the unknown state 'hibernating'"


@pytest.mark.parametrize("how", ["brackets", "link", "fifo", "array"])
def test_state_file_that_is_none(host, check, tmp_path, how):
    path = tmp_path / "bad/gateway_state.json"
    path.unlink()
    if how == "link":
        path.symlink_to("/etc/shadow")
    elif how == "fifo":
        os.mkfifo(str(path))
    else:
        path.write_text("[" * 100000 if how == "brackets" else "[]")
    one = check()
    assert one["state"] == "running" and "gateway_state.json" in one["problem"]


def test_database_with_unknown_columns_and_a_socket_that_nobody_answers(host, check, tmp_path):
    """Neither is needed for a sample: the restart and the evidence say what they cannot know."""
    (tmp_path / "bad/state.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    state = tmp_path / "bad/state"
    state.mkdir()
    (state / "gateway.heartbeat").write_text(json.dumps({"loop_tick_socket": True}))
    one = check()
    assert (one["state"], one["problem"], one["version"]) == ("running", None, "0.19.0")
