# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check asks systemd only where the gateway may not be the one of the last check."""

from __future__ import annotations

import os

import pytest

from ansible_collections.hermes_ops.gateway.plugins.module_utils import _arbiter, _check, _discover, _history, _life, _proc

UNIT = "hermes-gateway.service"


@pytest.fixture
def asked(systemd, monkeypatch):
    """The names of the gateways for which systemd was asked, a list for each time."""
    calls = []
    real = _discover.reload

    def reload(wanted):
        calls.append([one.name for one in wanted])
        return real(wanted)

    monkeypatch.setattr(_discover, "reload", reload)
    return calls


@pytest.fixture
def one(systemd, settings, tmp_path, monkeypatch):
    """A gateway of system scope, with the link in which systemd keeps its invocation, in the cgroup of this test."""
    systemd.add_gateway(tmp_path / "home")
    group = _proc.read("/proc/self/cgroup").splitlines()[-1].partition("::")[2] or "/"
    systemd.units[UNIT]["ControlGroup"] = group
    monkeypatch.setattr(_life, "SYSTEM_RUNTIME", str(tmp_path / "run"))
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
        assert _check.check([one]) == ([], True)
    assert [names for names in asked if names] == [[one.name]]
    rows = _history.tail(one.folder, 9)
    assert [row["pid"] for row in rows] == [systemd.pid()] * 3
    assert len({(row["invocation_id"], row["version"]) for row in rows}) == 1


def test_the_same_as_systemd_says(one):
    _check.check([one])
    there, then = _life.still(one), _arbiter.find(one)
    for name in ("name", "scope", "unit", "user", "uid", "home", "pid", "invocation_id", "active_state", "control_group", "python", "problem"):
        assert getattr(there, name) == getattr(then, name), name


def test_another_life(systemd, one, tmp_path):
    _check.check([one])
    systemd._restart([UNIT])
    assert _life.still(one) is None
    link(systemd, tmp_path)
    assert _life.still(one) is None
    _check.check([one])
    assert _life.still(one).pid == systemd.pid()


def test_the_process_lives_on_but_the_unit_does_not(one, tmp_path):
    _check.check([one])
    (tmp_path / "run/systemd/units" / ("invocation:" + UNIT)).unlink()
    assert _life.still(one) is None


def test_another_process_has_its_pid(one, monkeypatch):
    _check.check([one])
    monkeypatch.setattr(_proc, "start_ticks", lambda pid: 1)
    assert _life.still(one) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": "x"}', '{"pid": 1, "user": 7, "control_group": 3}', "\0"])
def test_what_is_no_record(one, content):
    os.makedirs(one.folder, exist_ok=True)
    with open(os.path.join(one.folder, _life.NAME), "w") as handle:
        handle.write(content)
    assert _life.still(one) is None


def test_a_restart_is_decided_on_what_systemd_says(systemd, one, settings, asked):
    _check.check([one])
    assert _life.still(one) is not None
    del asked[:]
    low = settings(threshold="1M", breaches="1 of 1")
    systemd.units[UNIT].update(ActiveState="deactivating")
    assert _check.check([low]) == ([], True)
    assert (systemd.calls, asked) == ([], [[], [low.name]])
