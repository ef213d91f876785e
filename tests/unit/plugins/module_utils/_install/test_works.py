# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is installed works, or the run says that it does not and what is needed."""

from __future__ import annotations

import os
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import config
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import command, guard_program
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    systemd as systemd_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import (
    GuardError,
    RunError,
    SystemdError,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import guard as backend
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import (
    guard_component,
    program,
    works,
)

SERVICE = "hermes-mem-watchdog.service"


@pytest.fixture
def checked(host, guard, watchdog, systemd):
    """The parameters of the watchdog's component, with its unit; the guard is installed."""
    backend.apply(guard())
    parameters = watchdog()
    content = "# hermes_ops.gateway\n"
    unit = {"path": str(host / "units" / SERVICE), "content": content, "mode": "0644"}
    parameters["files"].append(unit)
    ends(systemd, "success", 0)
    return parameters


def ends(systemd, result, status):
    """The check ends like that, and looks at the environment that it is given."""
    systemd.looked = []

    def start(rest):
        if SERVICE in rest:
            with open(works.LOOK, encoding="utf-8") as handle:
                systemd.looked.append(handle.read())
            monotonic = time.clock_gettime(time.CLOCK_MONOTONIC) + 1
            systemd.units[SERVICE].update(
                InactiveExitTimestampMonotonic=str(int(monotonic * 1e6)),
                Result=result,
                ExecMainStatus=str(status),
            )

    systemd._start = start
    systemd.units[SERVICE] = {"Id": SERVICE, "LoadState": "loaded", "ActiveState": "inactive"}
    systemd.units[SERVICE].update(Result="success", ExecMainStatus="0")


def test_one_check_is_run_after_a_change_and_none_later(checked, systemd):
    result = guard_component.apply(checked)
    assert (result["changed"], result["notes"]) == (True, [])
    # It takes a sample and decides nothing: no playbook restarts a gateway.
    assert len(systemd.looked) == 1 and systemd.looked[0].startswith(guard_program.LOOK_UNTIL + "=")
    assert time.time() < int(systemd.looked[0].partition("=")[2]) <= time.time() + 60
    assert not os.path.exists(works.LOOK)
    systemd.calls.clear()
    assert guard_component.apply(checked)["changed"] is False
    assert (systemd.calls, len(systemd.looked)) == ([], 1)
    # The base got a newer program, and this component is as it was.
    os.utime(config.PROGRAM, (time.time() + 60, time.time() + 60))
    assert guard_component.apply(checked)["changed"] is False
    assert len(systemd.looked) == 2
    os.utime(config.PROGRAM)
    assert guard_component.apply(checked, True)["changed"] is False
    assert len(systemd.looked) == 2


@pytest.mark.parametrize(
    ("status", "step"), [(226, "NAMESPACE"), (203, "EXEC"), (229, "exit-code 229")]
)
def test_unit_that_cannot_start_its_program(checked, systemd, status, step):
    """The play was green, also the second time, and no gateway was ever sampled."""
    ends(systemd, "exit-code", status)
    for _run in range(2):
        with pytest.raises(GuardError) as caught:
            guard_component.apply(checked)
        assert SERVICE + " is installed but cannot run: systemd fails with " + step in str(
            caught.value
        )


@pytest.mark.parametrize(("result", "status"), [("exit-code", 1), ("timeout", 15)])
def test_check_that_complains_is_a_warning(checked, systemd, result, status):
    """A user may have brought it about, and must not fail the play."""
    ends(systemd, result, status)
    outcome = "exit code 1" if status == 1 else result
    for check_mode in (False, True):
        assert guard_component.apply(checked, check_mode)["notes"] == [
            "the last check of %s failed (%s): see journalctl -u %s" % (SERVICE, outcome, SERVICE)
        ]


def test_interpreter_that_is_too_old(checked, systemd, monkeypatch):
    ends(systemd, "exit-code", 1)
    text = "SyntaxError: future feature annotations is not defined"
    real = command.run

    def run(argv, *rest, **how):
        if argv[0] == config.PROGRAM:
            return command.Result(1, "", "  File x\n%s\n" % text)
        return real(argv, *rest, **how)

    monkeypatch.setattr(command, "run", run)
    with pytest.raises(GuardError, match=text + ": hermes-guard needs Python 3.8 or newer as"):
        guard_component.apply(checked)


def test_program_is_run_after_it_was_installed(host, guard, monkeypatch):
    asked = []
    real = command.run

    def run(argv, *rest, **how):
        if argv[0] == config.PROGRAM:
            asked.append(argv[1:])
            if len(asked) > 1:
                raise RunError("%s could not be started: no such file" % argv[0])
        return real(argv, *rest, **how)

    monkeypatch.setattr(command, "run", run)
    backend.apply(guard())
    assert asked == [["--version"]]
    backend.apply(guard())
    assert len(asked) == 1
    os.unlink(config.PROGRAM)
    with pytest.raises(GuardError, match="no such file: hermes-guard needs Python 3.8 or newer"):
        backend.apply(guard())


def test_compiling_with_a_python_that_is_too_old(monkeypatch):
    monkeypatch.setattr(command, "run", lambda *words, **how: command.Result(1, "", "SyntaxError"))
    with pytest.raises(RunError, match="SyntaxError: hermes-guard needs Python 3.8 or newer"):
        program._interpreter("x")


@pytest.mark.parametrize(
    ("version", "text"), [(239, "this host has systemd 239"), (None, "this host has no systemd")]
)
def test_systemd_that_is_too_old_or_missing(host, guard, systemd, monkeypatch, version, text):
    monkeypatch.setattr(systemd_module, "version", lambda: version)
    if version is None:

        def silent(self, *words, **how):
            raise SystemdError("systemctl could not be started")

        monkeypatch.setattr(systemd_module.Manager, "systemctl", silent)
    for check_mode in (True, False):
        with pytest.raises(GuardError, match=text + ": expected systemd 247 or newer"):
            backend.apply(guard(), check_mode)
    assert not os.path.exists(config.PROGRAM)
