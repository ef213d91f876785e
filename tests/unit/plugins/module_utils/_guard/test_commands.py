# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: the output as text and as JSON, and the exit codes."""

from __future__ import annotations

import json
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    cli,
    cli_commands,
    cli_parser,
    cli_status,
    config,
    doctor,
    status,
    suspension,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import moments

COMMANDS = "check doctor identify log metrics notify restart resume status suspend trend".split()


@pytest.fixture
def two(settings, monkeypatch):
    """A host with two gateways, neither of which runs."""
    every = {each.name: each for each in (settings(), settings("hermes-gateway-coder.service"))}
    monkeypatch.setattr(config, "load_tolerantly", lambda: (every, []))
    monkeypatch.setattr(cli, "ping", lambda good: None)
    return every


def test_every_command_has_json_and_says_its_exit_codes(capsys):
    assert sorted(cli_commands._COMMANDS) == COMMANDS
    more = {"restart": ["--reason", "x"], "notify": ["--test"]}
    for name in COMMANDS:
        options = cli_parser.make().parse_args([name, "--json", *more.get(name, [])])
        assert options.json and options.gateway is None and options.command == name
    for words in ([], ["restart"], ["doctor"], ["check"], ["notify"]):
        with pytest.raises(SystemExit):
            cli_parser.make().parse_args([*words, "--help"])
        text = capsys.readouterr().out
        assert "exit codes" in text and max(map(len, text.splitlines())) <= 80


def test_unknown_gateway_is_wrong_usage(two, capsys):
    for words in (["status"], ["log"], ["restart", "--reason", "x"]):
        assert cli.main([*words, "--gateway", "x"]) == cli.USAGE
        assert "expected one of hermes-gateway, hermes-gateway-coder" in capsys.readouterr().err


def test_restart_needs_a_name_on_a_host_with_several_gateways(two, monkeypatch, capsys):
    assert cli.main(["restart", "--reason", "x"]) == cli.USAGE
    assert (
        "several gateways: expected one of hermes-gateway, hermes-gateway-coder"
        in capsys.readouterr().err
    )
    two.pop("hermes-gateway-coder")
    asked = []
    answer = {"event": "refused", "reason": "it is young"}
    monkeypatch.setattr(
        "ansible_collections.hermes_ops.gateway.plugins.module_utils._guard.arbiter.restart",
        lambda settings, *_all: asked.append(settings.name) or answer,
    )
    monkeypatch.setattr("signal.signal", lambda *_all: None)
    assert cli.main(["restart", "--reason", "x"]) == cli.REFUSED
    assert asked == ["hermes-gateway"]
    two.clear()
    assert cli.main(["restart", "--reason", "x"]) == cli.FAULT
    assert "no gateway is configured" in capsys.readouterr().err


def test_doctor_says_that_no_problems_were_found(two, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "hung", lambda every: [])
    monkeypatch.setattr(doctor, "look", lambda every: ([], ["note: x: y"]))
    assert cli.main(["doctor"]) == cli.DONE
    assert (
        capsys.readouterr().out
        == "note: x: y\nno problems found: 2 gateways managed on this host\n"
    )
    assert cli.main(["doctor", "--json"]) == cli.DONE
    assert json.loads(capsys.readouterr().out) == {"problems": [], "notes": ["x: y"]}
    monkeypatch.setattr(doctor, "look", lambda every: (["a: b"], []))
    assert cli.main(["doctor"]) == cli.FAULT
    assert capsys.readouterr().out == "a: b\n"


def test_suspend_and_resume(two, monkeypatch, capsys):
    for one in two.values():
        one.threshold = 1 << 40
    monkeypatch.setattr(suspension, "_ticking", lambda timer: True)
    words = ["suspend", "--hours", "2", "--gateway", "hermes-gateway", "--watchdog", "--json"]
    assert cli.main(words) == cli.DONE
    said = json.loads(capsys.readouterr().out)
    assert said["changed"] and said["watchdog"] == {"hermes-gateway": True}
    left = said["suspended_until"]["hermes-gateway"] - time.time()
    assert left == pytest.approx(7200, abs=5)
    assert cli.main(["suspend", "--from", "soon"]) == cli.USAGE
    assert "--from: invalid time 'soon'" in capsys.readouterr().err
    assert cli.main(["suspend", "--from", "2001-01-01"]) == cli.FAULT
    assert "is in the past" in capsys.readouterr().err
    assert cli.main(["resume"]) == cli.DONE
    assert capsys.readouterr().out == "hermes-gateway: restarts are resumed\n"
    assert cli.main(["resume", "--json"]) == cli.DONE
    assert json.loads(capsys.readouterr().out)["resumed"] == []


def test_what_only_root_may_do(two, monkeypatch, capsys):
    def denied(*_all):
        raise PermissionError(13, "Permission denied", "/var/lib/x")

    monkeypatch.setattr(cli_commands.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(suspension, "resume", denied)
    assert cli.main(["resume"]) == cli.FAULT
    assert "run this command as root: [Errno 13] Permission denied" in capsys.readouterr().err
    assert cli.main(["notify", "--test"]) == cli.FAULT
    assert "run this command as root: the notify settings" in capsys.readouterr().err


def test_gateway_of_another_user_is_unknown_and_not_gone(systemd, settings, monkeypatch):
    """Only root and that user may query their systemd."""
    one = settings(scope="user", user="nobody")
    monkeypatch.setattr(status.os, "geteuid", lambda: 1000)
    found = status.status([one])["gateways"][0]
    assert found["state"] == "unknown"
    assert found["problem"] == "only root and nobody can query the systemd manager of nobody"


@pytest.mark.parametrize(
    ("text", "back", "ahead"),
    [
        ("12h", 1e9 - 43200, 1e9 + 43200),
        ("7d", 1e9 - 604800, 1e9 + 604800),
        ("2001-09-09", 999993600, 999993600),
        ("2001-09-09T01:46", 999999960, 999999960),
        (" 2001-09-09 01:46:40Z", 1e9, 1e9),
    ],
)
def test_times(text, back, ahead):
    assert (moments.ago(text, 1e9), moments.ahead(text, 1e9)) == (back, ahead)


@pytest.mark.parametrize("text", ["", "12", "soon", "2001-13-01", "9" * 400 + "d", "2001-09-09T"])
def test_times_that_are_none(text):
    with pytest.raises(ValueError, match="invalid time"):
        moments.ago(text, 1e9)


def gateway(**more):
    known = {
        "name": "hermes-gateway-coder@ada",
        "state": "running",
        "footprint_bytes": 12053 << 20,
        "threshold_bytes": 12053 << 20,
        "uptime_seconds": 3.5 * 86400,
        "next_restart": 1785981600,
        "suspended_from": None,
        "suspended_until": None,
        "watchdog_suspended": False,
        "last_restart": {
            "time": 1785938400.1,
            "event": "restart",
            "trigger": "watchdog",
            "reason": "2100 MB is above the threshold of 2048 MB in 3 of 5 samples " * 3,
        },
        "last_end": {"time": 1785938500.0, "code": "killed", "reason": "killed with SIGKILL"},
        "down": None,
        "problem": None,
        "conflict": None,
        "restart_needed": None,
        "alerts": [{"code": "threshold", "since": 1785938400.1, "reason": "too much"}],
        "workers": [],
    }
    return dict(known, **more)


def test_status_fits_80_columns_and_names_alerts_and_crashes():
    lines = cli_status.lines({"gateways": [gateway(), gateway(name="x" * 70)], "not_managed": []})
    assert max(len(one) for line in lines for one in line.split("\n")) <= 80
    assert lines[1] == (
        "hermes-gateway-coder@ada    running  12053 MB  12053 MB   3.5 days  06 Aug 02:00"
    )
    assert "  alert threshold, since 2026-08-05 14:00 UTC: too much" in lines
    assert "  killed 2026-08-05 14:01 UTC: killed with SIGKILL" in lines
    assert "  last restart 2026-08-05 14:00 UTC (watchdog): 2100 MB is above the" in lines[4]


def test_status_of_one_that_nobody_may_ask():
    lines = cli_status.lines(
        {"gateways": [gateway(alerts=None, last_restart=None, last_end=None)], "not_managed": []}
    )
    assert lines[2:] == [
        "  alerts: not readable; run this command as root",
        "  last restart by the guard: never",
    ]


def test_status_shows_a_suspension_beside_the_next_restart():
    one = gateway(suspended_from=1785938400, suspended_until=1785960000, watchdog_suspended=True)
    text = " ".join(cli_status.lines({"gateways": [one], "not_managed": []}))
    assert "06 Aug 02:00" in text
    assert "all automatic restarts suspended from 2026-08-05 14:00 UTC until" in text
