# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ended if the guard did not end it: what status, log and doctor report, and the playbooks report and diagnose.

The literal lines of each case are in .build/told.md.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from machine import NAME, UNIT, WATCHDOG

TOLD = Path(__file__).resolve().parents[2] / ".build/told.md"
# A Hermes whose files are damaged: every start fails, until systemd gives up.
DAMAGED = "/opt/lab/damaged"
DROPIN = "/etc/systemd/system/%s.d/lab.conf" % UNIT
GIVE_UP = (
    "[Unit]\nStartLimitIntervalSec=300\nStartLimitBurst=3\n"
    "[Service]\nRestartSec=1\nEnvironment=PYTHONPATH=%s\n" % DAMAGED
)


@pytest.fixture(scope="module", autouse=True)
def _anew():
    """The lines of this run only."""
    TOLD.unlink(missing_ok=True)


@pytest.fixture
def told(epsilon, playbook, tmp_path):
    """told(CASE): the output of each command and playbook after a check (dict)."""
    epsilon.run("systemctl", "start", WATCHDOG)

    def ask(case):
        epsilon.run("systemctl", "start", WATCHDOG)
        said = {}
        for command in ("status", "log", "doctor"):
            done = epsilon.run("hermes-guard", command, check=False)
            said[command], said[command + " exit"] = done.stdout, done.returncode
        said["log json"] = json.loads(epsilon.run("hermes-guard", "log", "--json").stdout)
        shown = epsilon.run("hermes-guard", "status", "--json").stdout
        [said["status json"]] = [
            one for one in json.loads(shown)["gateways"] if one["name"] == NAME
        ]
        limit = ("--limit", epsilon.name)
        said["report"] = _rows(playbook("report", *limit))
        folder = ("-e", "hermes_report_dir=%s" % tmp_path)
        said["diagnose"] = _rows(playbook("diagnose", *limit, *folder))
        report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
        [said["row"]] = [one for one in report["rows"] if one["gateway"] == NAME]
        _keep(case, said)
        return said

    return ask


def _rows(done):
    """The rows of this gateway in the table that a playbook printed."""
    assert done.returncode == 0, done.stdout
    lines = [line.strip().strip('",') for line in done.stdout.splitlines()]
    return "\n".join(line for line in lines if " %s " % NAME in line)


def _keep(case, said):
    """Write the literal lines, for a person."""
    texts = ["## %s\n" % case]
    for name in ("status", "log", "doctor", "report", "diagnose"):
        code = " (exit code %d)" % said[name + " exit"] if name == "doctor" else ""
        texts.append("%s%s\n```\n%s\n```\n" % (name, code, said[name].rstrip()))
    row = said["row"]
    texts.append(
        "report.json: group %s, crashes_24h %d, down %r\n"
        % (row["group"], row["crashes_24h"], row["down"])
    )
    with open(TOLD, "a", encoding="utf-8") as handle:
        handle.write("\n".join(texts) + "\n")


def _again(host, life):
    """Wait for the next run of the gateway."""
    host.wait("the next run", lambda: host.life() not in ("", life) and host.up())


@pytest.mark.parametrize(
    ("signal", "code", "word"),
    [
        pytest.param(
            "SEGV",
            "crashed",
            "SIGSEGV",
            marks=pytest.mark.fault("reported: a crash of the gateway"),
        ),
        pytest.param(
            "KILL", "killed", "SIGKILL", marks=pytest.mark.fault("reported: kill -9 of the gateway")
        ),
    ],
)
def test_crash_and_kill(epsilon, told, signal, code, word):
    """systemd starts it again; every command reports what happened, as urgent for a day."""
    life = epsilon.life()
    epsilon.sh("kill -s %s %s" % (signal, epsilon.show()["MainPID"]))
    _again(epsilon, life)
    said = told(code)
    [entry] = [one for one in said["log json"] if one["gateway"] == NAME]
    assert (entry["event"], entry["code"], entry["invocation_id"]) == ("ended", code, life)
    assert word in entry["reason"]
    assert code in said["log"] and word in said["log"]
    assert code in said["status"] and word in said["status"]
    assert said["status json"]["last_end"]["code"] == code
    assert said["status json"]["down"] is None
    # The set-up of the host is correct.
    assert said["doctor exit"] == 0, said["doctor"]
    assert code in said["report"]
    assert (said["row"]["group"], said["row"]["crashes_24h"]) == ("now", 1)
    assert [one["code"] for one in said["row"]["ends"]][-1] == code
    assert word in said["diagnose"]


@pytest.mark.fault("reported: a gateway that cannot start, until systemd gives up")
def test_failed_start(epsilon, told):
    """It is down: every command reports it and how to start it, and nothing starts it."""
    life = epsilon.life()
    epsilon.put(DAMAGED + "/hermes_cli/__init__.py", "raise ImportError('a damaged file')\n")
    epsilon.put(DROPIN, GIVE_UP)
    try:
        epsilon.run("systemctl", "daemon-reload")
        epsilon.run("systemctl", "restart", UNIT)
        epsilon.wait("systemd to give up", lambda: epsilon.show()["ActiveState"] == "failed")
        said = told("failed start")
        assert epsilon.show()["ActiveState"] == "failed"
    finally:
        epsilon.sh("rm -rf %s $(dirname %s); systemctl daemon-reload" % (DAMAGED, DROPIN))
        epsilon.sh("systemctl reset-failed %s; systemctl start %s" % (UNIT, UNIT))
        _again(epsilon, life)
    codes = [one["code"] for one in said["log json"] if one["event"] == "ended"]
    assert codes[-1] == "crashed", said["log"]
    assert "down" in said["status"] and "systemctl start" in " ".join(said["status"].split())
    assert said["status json"]["down"]
    assert said["doctor exit"] != 0 and "is down" in said["doctor"]
    assert "systemctl start" in said["doctor"]
    assert "is down" in said["report"]
    assert said["row"]["group"] == "now" and said["row"]["down"]
    assert "is down" in said["diagnose"]


@pytest.mark.fault("reported: systemctl restart by an operator")
def test_manual_restart(epsilon, told):
    """It is reported, and is not a fault."""
    life = epsilon.life()
    epsilon.run("systemctl", "restart", UNIT)
    _again(epsilon, life)
    said = told("manual restart")
    [entry] = [one for one in said["log json"] if one["gateway"] == NAME]
    assert (entry["event"], entry["code"], entry["invocation_id"]) == ("ended", "restarted", life)
    for name in ("status", "log", "report"):
        assert "restarted" in said[name], said[name]
    assert said["doctor exit"] == 0, said["doctor"]
    assert said["row"]["ends"][-1]["code"] == "restarted"
    assert (said["row"]["down"], said["row"]["ends"][-1]["code"]) == ("", "restarted")


@pytest.mark.fault("reported: a gateway that an operator has stopped")
def test_stopped(epsilon, told):
    """It is reported as down, with the cause: not a fault, and nothing starts it."""
    life = epsilon.life()
    epsilon.run("systemctl", "stop", UNIT)
    try:
        said = told("stopped by an operator")
        # Hermes may end with an error when it is stopped.
        assert epsilon.show()["ActiveState"] in ("inactive", "failed")
    finally:
        epsilon.run("systemctl", "start", UNIT)
        _again(epsilon, life)
    [entry] = [one for one in said["log json"] if one["gateway"] == NAME]
    assert (entry["event"], entry["code"], entry["invocation_id"]) == ("ended", "stopped", life)
    assert "is down" in said["status"] and "stopped" in said["status"]
    # A note, and not a fault.
    assert said["doctor exit"] == 0 and "stopped" in said["doctor"], said["doctor"]
    assert "is down" in said["report"] and "stopped" in said["report"]
    assert "stopped" in said["row"]["down"] and said["row"]["crashes_24h"] == 0
    assert "is down" in said["diagnose"]
