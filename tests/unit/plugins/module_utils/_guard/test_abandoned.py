# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restart that is stopped in the middle (Ctrl-Z, SIGSTOP), and a guard that is removed beside one."""

from __future__ import annotations

import os
import signal
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    arbiter,
    cli_parser,
    cli_restart,
    handover,
    ledger,
    managed,
    policy,
    reaction,
    restart,
    watchdog,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import SystemdError

UNIT = "hermes-gateway.service"
MARKER = '{"principal": "hermes-guard"}'


def test_ctrl_z_does_not_suspend_a_restart(systemd, settings, home, monkeypatch):
    """Its gateway would refuse messages until someone types fg."""
    systemd.add_gateway(home)
    handled = {}
    monkeypatch.setattr(signal, "signal", handled.setdefault)
    monkeypatch.setattr(arbiter, "restart", lambda *_all: {"event": "restart", "reason": "x"})
    options = cli_parser.make().parse_args(["restart", "--gateway", "x", "--reason", "y"])
    assert cli_restart.run(options, settings()) == 0
    assert handled[signal.SIGTSTP] == signal.SIG_IGN


@pytest.mark.parametrize(("age", "removed"), [(60, False), (599, False), (700, True), (-700, True)])
def test_old_marker_is_removed_whoever_has_the_lock(systemd, settings, home, age, removed):
    """No restart has its marker for longer than four minutes."""
    systemd.add_gateway(home)
    one = settings()
    marker = home / ".drain_request.json"
    marker.write_text(MARKER)
    os.utime(str(marker), (time.time() - age, time.time() - age))
    with handover.locked(one):
        lines, good = watchdog.check([one])
    assert good and marker.exists() == (not removed)
    assert bool(lines) == removed


def test_restart_that_was_stopped_for_long_does_not_go_on(systemd, settings, home, monkeypatch):
    """What was a reason an hour ago may be none now, and the gateway may have been restarted."""
    systemd.add_gateway(home)
    one = settings(wait_idle="1min")
    stopped = restart.Restart(managed.find(one), "it leaks", "operator", False, print)
    stopped.begun -= 60 + restart.SUSPENDED_SECONDS
    assert stopped.changed() is None
    stopped.begun -= 200
    assert "was stopped for a while" in stopped.changed()
    outcome = stopped.run()
    assert (outcome["event"], outcome["code"], systemd.calls) == ("refused", "changed", [])


def test_systemd_that_is_silent_for_a_moment_changes_nothing(systemd, settings, home):
    """The next request restarts the unit, and shows whether systemd answers again."""
    systemd.add_gateway(home)
    under_way = restart.Restart(managed.find(settings()), "it leaks", "operator", False, print)
    systemd.fails.add("show")
    assert under_way.changed() is None
    outcome = arbiter.restart(settings(), "it leaks")
    assert (outcome["event"], outcome["code"]) == ("refused", "unanswered")
    with pytest.raises(SystemdError):
        managed.find(settings())


def test_restart_that_hangs_is_an_alarm(systemd, settings, home, monkeypatch):
    systemd.add_gateway(home)
    one = settings(threshold="1M", breaches="1 of 1", wait_idle="10min")
    with handover.locked(one):
        lines, _good = watchdog.check([one])
        assert lines[0].endswith(": a restart is under way")
        now = handover._boot_seconds()
        later = now + 600 + reaction.STUCK_SECONDS + 60
        monkeypatch.setattr(handover, "_boot_seconds", lambda: later)
        lines, _good = watchdog.check([one])
    assert "ALERT" in lines[0] and "it may be paused" in lines[0]
    assert ledger.read(one.folder, 1)[0]["code"] == "stuck"


def test_all_locks_are_taken_but_that_of_a_restart_under_way(systemd, settings):
    every = [settings(), settings(unit="hermes-gateway-b.service")]
    folders = [one.folder for one in every]
    with handover.locked(every[1]), handover.all_locked(folders) as busy:
        assert busy == ["hermes-gateway-b"]
        assert handover.busy(every[0])
    with handover.all_locked(folders) as busy:
        assert busy == []
    assert not handover.busy(every[0])


def test_restart_that_waited_for_the_lock_of_a_guard_that_is_removed(
    systemd, settings, home, monkeypatch
):
    """It must not bring the state directory back, in which nothing would remove its marker."""
    systemd.add_gateway(home)
    one = settings()
    real = handover._lock

    def removed(fd):
        os.unlink(os.path.join(one.folder, "lock"))
        os.rmdir(one.folder)
        return real(fd)

    monkeypatch.setattr(handover, "_lock", removed)
    monkeypatch.setattr(policy, "refusal", lambda *_all: 1 / 0)
    outcome = arbiter.restart(one, "it leaks")
    assert (outcome["event"], outcome["code"]) == ("refused", "gone")
    assert not os.path.exists(one.folder)
