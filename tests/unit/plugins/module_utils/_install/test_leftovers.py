# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A removal leaves nothing that can be removed, even after an earlier failure."""

from __future__ import annotations

import os
import shutil

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import config, state_format
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import guard as backend
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import (
    guard_component,
    manifest,
)

TIMER = "hermes-gateway-restart.timer"


def marked(parameters, role):
    """The files as the roles make them: the first line says whose they are."""
    mark = "# Managed by hermes_ops.gateway, role hermes_%s: changes are overwritten.\n" % role
    for file in parameters["files"]:
        file["content"] = mark + file["content"]
    return parameters


def left(host):
    """The files below ``host``."""
    return sorted(
        os.path.join(folder, name)
        for folder, _folders, names in os.walk(str(host))
        for name in names
    )


@pytest.mark.parametrize("damage", ["removed", "garbage", "state"])
def test_manifests_are_lost(host, guard, timer, systemd, damage):
    backend.apply(marked(guard(), "guard"))
    guard_component.apply(marked(timer(), "restart_timer"))
    if damage == "garbage":
        for name in os.listdir(os.path.dirname(manifest.path("x"))):
            (host / "state/installed" / name).write_text("[]")
    else:
        shutil.rmtree(config.STATE if damage == "state" else config.STATE + "/installed")
    foreign = host / "units/other.service"
    foreign.write_text("[Service]\nExecStart=/bin/true\n")
    assert backend.apply(guard(state="absent"), True)["changed"]
    assert backend.apply(guard(state="absent"))["changed"]
    assert left(host) == [str(foreign)]
    assert TIMER not in systemd.units
    assert backend.apply(guard(state="absent"))["changed"] is False


def test_files_in_the_place_of_ours(host, guard, timer, systemd):
    """What someone else has put there stays, is said, and is forgotten."""
    backend.apply(guard())
    guard_component.apply(timer())
    unit = host / "units/hermes-gateway-restart.service"
    unit.write_text("[Service]\nExecStart=/opt/h/bin/python -m hermes_cli.main gateway run\n")
    conf = host / "etc/guard.conf"
    conf.unlink()
    conf.symlink_to("/etc/passwd")
    (host / "etc/guard.conf.d/timer.conf").write_bytes(b"\0\0\0")
    result = backend.apply(guard(state="absent"))
    assert sorted(result["notes"]) == [
        "%s is a symbolic link, which is not followed; it is kept" % conf,
        "%s is now the unit of another program and is kept" % unit,
    ]
    assert left(host) == sorted(map(str, [unit, conf]))
    assert backend.apply(guard(state="absent"))["changed"] is False


def test_wrong_variable_does_not_keep_it(host, guard):
    backend.apply(guard())
    options = {"hermes_watchdog_threshold": "2048Q", "hermes_restart_timer_at": ["25:00"]}
    assert backend.apply(guard(state="absent", options=options))["changed"]
    assert left(host) == []


@pytest.mark.parametrize("state", ["present", "absent"])
def test_temporary_file_of_a_killed_run(host, guard, timer, systemd, state):
    backend.apply(guard())
    guard_component.apply(timer())
    before = left(host)
    names = ["units/.%s.5446.tmp" % TIMER, "state/installed/.restart_timer.json.7.tmp"]
    for name in names:
        (host / name).write_text("half a f")
    (host / "units/.other.timer.5446.tmp").write_text("")
    assert guard_component.apply(timer(state=state), True)["changed"]
    assert guard_component.apply(timer(state=state))["changed"]
    others = str(host / "units/.other.timer.5446.tmp")
    if state == "present":
        assert left(host) == sorted([*before, others])
        assert guard_component.apply(timer())["changed"] is False
    else:
        assert backend.apply(guard(state="absent"))["changed"]
        assert left(host) == [others]


def test_state_of_an_older_and_of_a_newer_program(host, guard, timer):
    backend.apply(guard())
    path = host / "state/format"
    assert path.read_bytes() == state_format.TEXT
    # Of a program that wrote none yet: it is taken over.
    path.unlink()
    assert backend.apply(guard())["changed"] and path.exists()
    path.write_text("%d\n# hermes_ops.gateway\n" % (state_format.NUMBER + 1))
    before = left(host)
    for parameters, module in ((guard(), backend), (timer(), guard_component)):
        with pytest.raises(GuardError, match="was written by a newer version of hermes_ops"):
            module.apply(parameters)
    assert left(host) == before
    assert backend.apply(guard(state="absent"))["changed"]
    assert left(host) == []
