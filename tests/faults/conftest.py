# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab hosts with real gateways for all fault tests, the invariants after each fault, and the final table."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path[:0] = [str(HERE), str(TOP / "tests/lab")]

import engine
import invariants
import paths
from fleet import Fleet, no_scheduled_restart, unpack
from machine import PLACE, PROGRAM, RESTING, WATCHDOG, Host
from shared import HOSTILE, Shared
from shared import NAME as SHARED

HOSTS = ("alpha", "delta", "epsilon")
SHEBANG = "#!/usr/bin/python3 -ISB\n"
RESULTS = {}


def pytest_addoption(parser):
    """Beside pytest's own."""
    parser.addoption("--keep", action="store_true", help="leave the lab up")
    parser.addoption("--prefix", default="hermes-faults", help="of the lab")
    parser.addoption(
        "--minutes",
        type=int,
        default=0,
        help="for how long one user does all that a user can; 0: not at all, see make hostile-hour",
    )


def pytest_configure(config):
    """The marker that names the fault of a test."""
    config.addinivalue_line(
        "markers",
        "fault(text, by=None): the fault that a test is about, and the tests that prove it where they stand elsewhere",
    )


def pytest_runtest_logreport(report):
    """The result of a test is the worst result of its set-up, its body and the invariants."""
    fault = dict(report.user_properties).get("fault")
    if fault:
        known = RESULTS.setdefault(report.nodeid, dict(fault, result="passed", seconds=0))
        known["seconds"] += report.duration
        if report.outcome != "passed":
            known["result"] = report.outcome.upper()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Copy the text of the marker to the report."""
    for marker in item.iter_markers("fault"):
        item.user_properties.append(
            (
                "fault",
                {
                    "text": marker.args[0],
                    "test": marker.kwargs.get("by") or item.nodeid.rpartition("/")[2],
                },
            )
        )


def pytest_terminal_summary(terminalreporter):
    """Print the table, and write it to .build/faults.md."""
    if not RESULTS:
        return
    lines = ["| fault | test | result | seconds |", "| --- | --- | --- | ---: |"]
    lines += [
        "| %(text)s | %(test)s | %(result)s | %(seconds)d |" % one for one in RESULTS.values()
    ]
    terminalreporter.write_line("")
    for line in lines:
        terminalreporter.write_line(line)
    (TOP / ".build/faults.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def playbook(lab):
    """playbook(NAME, ARGUMENT...): run a playbook of the collection on the lab; returns subprocess.CompletedProcess."""

    return lab.playbook


@pytest.fixture(scope="session")
def prefix(request):
    """The prefix of the lab; with pytest-xdist, each worker has a lab of its own."""
    worker = getattr(request.config, "workerinput", {}).get("workerid")
    return "-".join(filter(None, [request.config.getoption("--prefix"), worker]))


@pytest.fixture(scope="session")
def lab(request, prefix):
    """The running Fleet, for the whole session."""
    engine.install(["ssh", "ssh-keygen"])
    fleet = Fleet(engine.find(), prefix, None, variables=no_scheduled_restart())
    with paths.locked("prefix-" + fleet.prefix):
        fleet.up(list(HOSTS))
    yield fleet
    if not request.config.getoption("--keep"):
        with paths.locked("prefix-" + fleet.prefix):
            fleet.down(fleet.members())


@pytest.fixture(scope="session")
def hosts(lab, playbook):
    """The protected hosts (dict of Host by name). Only a test starts the watchdog; the program can be killed at each step."""
    every = {name: Host(lab, name) for name in HOSTS}
    for host in every.values():
        host.profile(RESTING, 8700)
        host.run("systemctl", "daemon-reload")
    done = playbook("site", "-e", "hermes_watchdog_interval=6h")
    assert done.returncode == 0, done.stdout
    for host in every.values():
        host.sh(unpack(PROGRAM, PLACE + "hermes-guard"))
        # The first sample.
        host.run("systemctl", "start", WATCHDOG)
        host.put(
            PLACE + "wrapper",
            SHEBANG + (HERE / "host/hermes-guard.py").read_text(encoding="utf-8"),
            "755",
        )
    return every


@pytest.fixture(scope="session")
def conversation(hosts):
    """A client that writes to alpha's gateway on request."""
    alpha = hosts["alpha"]
    for source in (
        *(TOP / "tests/lab/load" / name for name in ("accounting.py", "stubs.py", "drive.py")),
        HERE / "host/talk.py",
    ):
        alpha.put(PLACE + source.name, source.read_text(encoding="utf-8"))
    argv = alpha.fleet.engine.argv + [
        "exec",
        "-i",
        alpha.fleet.container("alpha"),
        "/opt/hermes/venv/bin/python",
        "-B",
        PLACE + "talk.py",
    ]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        invariants.complete(json.loads(process.stdout.readline()))
        yield process
        process.stdin.close()


@pytest.fixture
def alpha(hosts, conversation):
    """A host whose gateway is always in a conversation, with the invariants afterwards."""
    host = hosts["alpha"]
    before = invariants.begin(host)
    conversation.stdin.write("go\n")
    conversation.stdin.flush()
    yield host
    conversation.stdin.write("stop\n")
    conversation.stdin.flush()
    talk = json.loads(conversation.stdout.readline())
    invariants.hold(host, before)
    invariants.complete(talk)


@pytest.fixture
def delta(hosts):
    """A host whose gateway is idle, with the invariants afterwards: for faults that interrupt a turn with any restart method."""
    yield from _quiet(hosts["delta"])


@pytest.fixture
def epsilon(hosts):
    """Another such host."""
    yield from _quiet(hosts["epsilon"])


def _quiet(host):
    before = invariants.begin(host)
    yield host
    invariants.hold(host, before)


@pytest.fixture(scope="session")
def own_lab(request, prefix):
    """own_lab(HOST): a context with a separate lab for a host, which the playbooks of other tests do not reach."""

    @contextlib.contextmanager
    def up(name):
        engine.install(["ssh", "ssh-keygen"])
        fleet = Fleet(engine.find(), "%s-%s" % (prefix, name), None)
        with paths.locked("prefix-" + fleet.prefix):
            fleet.up([name])
        try:
            yield fleet
        finally:
            if not request.config.getoption("--keep"):
                with paths.locked("prefix-" + fleet.prefix):
                    fleet.down(fleet.members())

    return up


@pytest.fixture(scope="session")
def shared(own_lab):
    """The host that several users share."""
    with own_lab(SHARED) as fleet:
        host = Shared(fleet, SHARED)
        host.prepare()
        yield host


@pytest.fixture
def mallory(shared):
    """The shared host, for a test with one hostile user; afterwards the other gateways must still be sampled."""
    shared.configure()
    yield shared
    shared.gone(HOSTILE)
    shared.check()
