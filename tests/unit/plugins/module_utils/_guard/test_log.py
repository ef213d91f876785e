# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command hermes-guard log: one line for each entry of the ledger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import cli, config, ledger


@pytest.fixture
def log(settings, monkeypatch, capsys):
    """Run the command on two gateways, one of which has entries: the exit code and the lines."""
    one, other = settings(), settings("hermes-gateway-coder.service")
    every = {each.name: each for each in (one, other)}
    monkeypatch.setattr(config, "load_tolerantly", lambda: (every, []))
    monkeypatch.setattr(cli, "ping", lambda good: None)

    def run(*words, entries=()):
        if entries:
            text = "".join(json.dumps(entry) + "\n" for entry in entries)
            Path(one.folder, ledger.NAME).write_text(text, encoding="utf-8")
        code = cli.main(["log", *words])
        return code, capsys.readouterr().out.splitlines()

    return run


def made(seconds, event, code, **more):
    return dict(time=seconds, event=event, code=code, reason="because", **more)


def test_line_has_time_gateway_event_mode_or_code_trigger_and_reason(log):
    code, lines = log(
        entries=[
            made(0, "refused", "cooldown", trigger="watchdog"),
            made(60, "restart", "restarted", trigger="timer", mode="drain"),
        ]
    )
    assert code == 0
    assert lines == [
        "1970-01-01 00:00 UTC  hermes-gateway  refused  cooldown  watchdog: because",
        "1970-01-01 00:01 UTC  hermes-gateway  restart  drain  timer: because",
    ]


NONE = "no entries: no restart, refusal, alert or crash"


def test_last_lines_of_one_gateway(log):
    entries = [made(60 * number, "alert", "frozen") for number in range(30)]
    _code, lines = log(entries=entries)
    assert len(lines) == 20 and lines[-1].startswith("1970-01-01 00:29 UTC")
    assert log("--lines", "3")[1] == lines[-3:]
    assert log("--gateway", "hermes-gateway")[1] == lines
    assert log("--gateway", "hermes-gateway-coder") == (0, [NONE])


def test_since(log):
    entries = [made(60 * number, "alert", "frozen") for number in range(30)]
    _code, lines = log("--since", "1970-01-01T00:05", entries=entries)
    assert len(lines) == 25 and lines[0].startswith("1970-01-01 00:05 UTC")
    assert log("--since", "1h") == (0, [NONE])
    assert log("--since", "soon") == (2, [])


def test_gateways_are_in_one_order_of_time_and_the_begin_of_a_restart_is_left_out(log):
    run = {"invocation_id": "a", "trigger": "timer"}
    _code, lines = log(
        "--json",
        entries=[
            made(60, "begun", "begun", **run),
            made(120, "restart", "restarted", **run),
            made(90, "ended", "killed", invocation_id="b"),
            made(180, "begun", "begun", invocation_id="c"),
        ],
    )
    found = [(one["event"], one["time"]) for one in json.loads(lines[0])]
    assert found == [("ended", 90), ("restart", 120), ("begun", 180)]


@pytest.mark.parametrize("number", ["0", "-1"])
def test_number_of_lines_below_one_is_refused(log, number):
    assert log("--lines", number, entries=[made(0, "alert", "frozen")]) == (2, [])


def test_entry_cannot_steer_the_terminal_or_add_a_line(log):
    _code, lines = log(entries=[{"time": 0, "event": ["x"], "reason": "a\x1b[2J\nb"}, {"time": 60}])
    assert lines == [
        "1970-01-01 00:00 UTC  hermes-gateway  ['x']: a[2Jb",
        "1970-01-01 00:01 UTC  hermes-gateway: None",
    ]
