# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check queries systemd only if the gateway may have changed since the last check."""

from __future__ import annotations

import os

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    history,
    last_seen,
    managed,
    watchdog,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import cgroup, proc

UNIT = "hermes-gateway.service"


@pytest.fixture
def asked(systemd, monkeypatch):
    """The names of the gateways in each query of systemd."""
    calls = []
    real = discovery.look

    def look(wanted, *more):
        calls.append([one.name for one in wanted])
        return real(wanted, *more)

    monkeypatch.setattr(discovery, "look", look)
    return calls


@pytest.fixture
def one(systemd, settings, tmp_path, monkeypatch):
    """A gateway of system scope, with the link in which systemd keeps its invocation, in the cgroup
    of this test.
    """
    systemd.add_gateway(tmp_path / "home")
    group = proc.read("/proc/self/cgroup").splitlines()[-1].partition("::")[2] or "/"
    systemd.units[UNIT]["ControlGroup"] = group
    # That may be the root cgroup, which holds more than one gateway.
    monkeypatch.setattr(cgroup, "processes", lambda pid, group: [pid])
    monkeypatch.setattr(last_seen, "SYSTEM_RUNTIME", str(tmp_path / "run"))
    (tmp_path / "run/systemd/units").mkdir(parents=True)
    link(systemd, tmp_path)
    return settings(threshold="100%")


def link(systemd, tmp_path):
    path = tmp_path / "run/systemd/units" / ("invocation:" + UNIT)
    if path.is_symlink():
        path.unlink()
    path.symlink_to(systemd.units[UNIT]["InvocationID"])


def test_once_a_life(systemd, one, asked):
    for _number in range(3):
        assert watchdog.check([one]) == ([], True)
    assert [names for names in asked if names] == [[one.name]]
    rows = history.tail(one.folder, 9)
    assert [row["pid"] for row in rows] == [systemd.pid()] * 3
    assert len({(row["invocation_id"], row["version"]) for row in rows}) == 1


def test_the_same_as_systemd_says(one):
    watchdog.check([one])
    there, then = last_seen.still(one), managed.find(one)
    for name in (
        "name",
        "scope",
        "unit",
        "user",
        "uid",
        "home",
        "pid",
        "invocation_id",
        "active_state",
        "control_group",
        "python",
        "problem",
    ):
        assert getattr(there, name) == getattr(then, name), name


def test_another_life(systemd, one, tmp_path):
    watchdog.check([one])
    systemd._restart([UNIT])
    assert last_seen.still(one) is None
    link(systemd, tmp_path)
    assert last_seen.still(one) is None
    watchdog.check([one])
    assert last_seen.still(one).pid == systemd.pid()


def test_the_process_lives_on_but_the_unit_does_not(one, tmp_path):
    watchdog.check([one])
    (tmp_path / "run/systemd/units" / ("invocation:" + UNIT)).unlink()
    assert last_seen.still(one) is None


def test_another_process_has_its_pid(one, monkeypatch):
    watchdog.check([one])
    monkeypatch.setattr(proc, "start_ticks", lambda pid: 1)
    assert last_seen.still(one) is None


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"pid": "x"}', '{"pid": 1, "user": 7, "control_group": 3}', "\0"]
)
def test_what_is_no_record(one, content):
    os.makedirs(one.folder, exist_ok=True)
    with open(os.path.join(one.folder, last_seen.NAME), "w") as handle:
        handle.write(content)
    assert last_seen.still(one) is None


def test_a_restart_is_decided_on_what_systemd_says(systemd, one, settings, asked):
    watchdog.check([one])
    assert last_seen.still(one) is not None
    del asked[:]
    low = settings(threshold="1M", breaches="1 of 1")
    systemd.units[UNIT].update(ActiveState="deactivating")
    assert watchdog.check([low]) == ([], True)
    assert (systemd.calls, asked) == ([], [[low.name]])


def test_shim_that_has_not_started_its_gateway_yet(systemd, one, monkeypatch):
    """A supervisor that is neither a shell nor a runner is what the first check of the run sees."""
    main = systemd.pid()
    lines = {main: ["/usr/bin/node", "/opt/h/supervisor.js"]}
    monkeypatch.setattr(proc, "argv", lambda pid: lines.get(pid, []))
    monkeypatch.setattr(cgroup, "processes", lambda pid, group=None: list(lines))
    monkeypatch.setattr(proc, "parent", lambda pid: main if pid == os.getpid() else 1)
    assert watchdog.check([one]) == ([], True)
    lines[os.getpid()] = ["/opt/h/venv/bin/python3", "/opt/h/venv/bin/hermes", "gateway", "run"]
    assert managed.find(one).pid == os.getpid()
    watchdog.check([one])
    assert history.tail(one.folder, 1)[-1]["pid"] == os.getpid()
