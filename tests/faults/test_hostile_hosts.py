# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose root is hostile to the controller, and to the other hosts in a report.

It needs no host: the interpreter of each is a program on this machine that prints an answer and reads no question.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
from typing import NamedTuple

import pytest

HONEST = {
    "gateways": [
        {
            "name": "hermes-gateway",
            "scope": "system",
            "state": "running",
            "active_state": "active",
            "managed": True,
            "version": "0.19.0",
            "uptime_seconds": 60,
            "memory": {"rss_bytes": 1 << 28},
            "last_restart": None,
        }
    ],
    "trends": {},
    "kills": [],
    "changes": {},
    "restarts": [],
    "guard_problem": None,
}
GATEWAY = HONEST["gateways"][0]
# Invalid answers, for each of which report.yml once printed no line.
ODD = {
    "list": [],
    "number": 5,
    "nothing": {},
    "text": dict(HONEST, gateways=["x"]),
    "older": dict(HONEST, gateways=[{"name": "x"}]),
    "word": dict(HONEST, gateways=[dict(GATEWAY, memory={"rss_bytes": "much"})]),
    "late": dict(
        HONEST, gateways=[dict(GATEWAY, last_restart={"time": 1e30, "trigger": "x", "reason": "x"})]
    ),
    "null": dict(HONEST, gateways=[dict(GATEWAY, state=None)]),
    "nan": dict(HONEST, gateways=[dict(GATEWAY, uptime_seconds=float("nan"))], trends=float("inf")),
    "escape": dict(
        HONEST, gateways=[dict(GATEWAY, name="\x1b[2J\nevil  fine")], trends={"\x1b]0;x\x07": {}}
    ),
    "long": dict(HONEST, gateways=[dict(GATEWAY, name="x" * 5000000)], msg="y" * 5000000),
}
# ansible-playbook's exit code: some hosts failed.
FAILED = 2
# Far longer than a playbook takes that does not wait.
PLAY_SECONDS = 240


class Done(NamedTuple):
    """The exit code and the output of a playbook."""

    returncode: int
    stdout: str


@pytest.fixture
def run(tmp_path):
    """run(PLAYBOOK, ANSWERS, ARGUMENT...): the output of a playbook for hosts with these answers by name, in a separate directory."""

    def play(name, answers, *arguments):
        hosts = {}
        for host, answer in answers.items():
            path = tmp_path / ("python-" + host)
            (tmp_path / host).write_text(json.dumps(answer), encoding="utf-8")
            path.write_text("#!/bin/sh\nexec cat '%s'\n" % (tmp_path / host), encoding="utf-8")
            path.chmod(0o755)
            hosts[host] = {
                "ansible_connection": "local",
                "ansible_become": False,
                "ansible_python_interpreter": str(path),
            }
        inventory = tmp_path / "inventory.json"
        operators = {"hermes_restart_pause": 1}
        everything = {"all": {"hosts": hosts, "vars": operators}}
        inventory.write_text(json.dumps(everything), encoding="utf-8")
        process = subprocess.Popen(
            ["ansible-playbook", "hermes_ops.gateway." + name, "-i", str(inventory), *arguments],
            cwd=tmp_path,
            env=dict(os.environ, PWD=str(tmp_path), HOME=str(tmp_path)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )
        with process:
            try:
                said = process.communicate(timeout=PLAY_SECONDS)[0]
            finally:
                # One that pauses has children that pause as well.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        return Done(process.returncode, said)

    return play


@pytest.mark.fault(
    "hostile host: an answer with variables, and a report that is written on the controller"
)
def test_host_does_not_choose_where_the_report_goes(run, tmp_path):
    """It is written to the operator's directory, and an existing directory keeps its mode."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    facts = {"hermes_report_dir": str(private), "folder": str(private), "ansible_check_mode": False}
    evil = dict(HONEST, ansible_facts=facts)
    done = run("diagnose", {"evil": evil, "fine": HONEST})
    assert done.returncode == 0, done.stdout
    assert (list(private.iterdir()), stat.S_IMODE(private.stat().st_mode)) == ([], 0o700)
    assert (tmp_path / "hermes-report/report.json").is_file()
    done = run("diagnose", {"evil": evil, "fine": HONEST}, "-e", "hermes_report_dir=%s" % private)
    assert done.returncode == 0, done.stdout
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert (private / "report.json").is_file()


@pytest.mark.fault("hostile host: an answer with variables, and a restart of the fleet")
def test_host_does_not_choose_the_pause(run):
    """The operator determines the pause between batches."""
    restarts = [
        {
            "name": "x",
            "mode": "drain",
            "skipped_because": None,
            "downtime_seconds": 1.0,
            "changed": True,
        }
    ]
    facts = {
        "hermes_restart_pause": 86400,
        "hermes_restart_serial": 1,
        "hermes_restart_reason": "evil",
    }
    answer = {"ping": "pong", "changed": True, "restarts": restarts}
    every = {"a": dict(answer, ansible_facts=facts), "b": answer}
    done = run("restart", every, "-e", '{"hermes_restart_serial": [1]}')
    assert "Pausing for 1 second" in done.stdout and "86400" not in done.stdout, done.stdout


@pytest.mark.parametrize(
    "playbook",
    [
        pytest.param(
            name, marks=pytest.mark.fault("hostile host: invalid answers, and %s.yml" % name)
        )
        for name in ("report", "diagnose", "verify_fix")
    ],
)
def test_odd_answers_cost_a_line_each(run, playbook):
    """Every other host has its line, and no line contains control characters for a terminal."""
    done = run(playbook, dict(ODD, fine=HONEST))
    assert done.returncode in (0, FAILED), done.stdout[-5000:]
    table = done.stdout.partition("PLAY RECAP")[0]
    lines = {line.strip(' ",').split(" ")[0] for line in table.splitlines()}
    assert lines >= {*ODD, "fine"}, done.stdout[-5000:]
    assert len(done.stdout) < 200000
    assert not set("\x1b\x07") & set(done.stdout)
