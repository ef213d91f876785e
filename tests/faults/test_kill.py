# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of the guard at every step of a restart."""
from __future__ import annotations

import pytest
from machine import RESTART, STATE, WATCHDOG

# Until the restart is asked for, nothing has happened to the gateway; from then on it is systemd that brings it up.
BEFORE = ("locked", "waiting", "before the marker", "marker written", "drained", "settled", "begun")
AFTER = ("restart asked for", "marker removed", "up", "written")


@pytest.mark.parametrize("step", [
    pytest.param(step, marks=pytest.mark.fault("kill -9 of the guard: %s" % step)) for step in BEFORE + AFTER
])
def test_scheduled(alpha, step):
    """The unit of the timer and of the watchdog: its ExecStopPost cleans up, at once."""
    life = alpha.life()
    alpha.fault("kill " + step)
    alpha.run("systemctl", "start", RESTART, check=False)
    assert alpha.finished()["Result"] == "signal"
    assert not alpha.marker()
    if step in BEFORE:
        assert (alpha.life(), alpha.starts()) == (life, 0)
    else:
        alpha.wait("a new life", lambda: alpha.life() not in ("", life) and alpha.up())
        assert alpha.starts() == 1
    # One that has begun counts, whether or not anybody could note its end.
    if step not in BEFORE[:-1]:
        assert alpha.operator()["code"] == "cooldown"


@pytest.mark.parametrize("step", [
    pytest.param(step, marks=pytest.mark.fault("kill -9 of an operator's restart: %s" % step)) for step in ("drained", "restart asked for")
])
def test_by_hand(alpha, step):
    """Nobody stands behind an operator's own command: the next check of the watchdog cleans up."""
    alpha.fault("kill " + step)
    assert alpha.run("hermes-guard", "restart", "--gateway", "hermes-gateway", "--reason", "operator", check=False).returncode == 137
    assert alpha.marker()
    alpha.wait("the doctor to see it", lambda: "a drain marker lies in" in alpha.run("hermes-guard", "doctor", check=False).stdout)
    alpha.run("systemctl", "start", WATCHDOG)
    assert not alpha.marker()


@pytest.mark.fault("kill -9 of the guard in the middle of its check")
def test_check(alpha):
    """The sample that is cut off costs itself, and the next check is as good as ever."""
    life = alpha.life()
    alpha.fault("kill sampled")
    alpha.run("systemctl", "start", WATCHDOG, check=False)
    assert alpha.finished(WATCHDOG)["Result"] == "signal"
    # As far as a power loss lets a line get.
    alpha.sh("printf '1795364623,abc,17' >> %s/memory.csv" % STATE)
    alpha.run("systemctl", "start", WATCHDOG)
    assert alpha.sh("tail -n 1 %s/memory.csv" % STATE).split(",")[1] == life == alpha.life()
