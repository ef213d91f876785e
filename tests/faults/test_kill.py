# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of the guard at every step of a restart."""

from __future__ import annotations

import pytest
from machine import RESTART, STATE, UNIT, WATCHDOG

# Before the restart is requested, nothing has happened to the gateway; after that, systemd starts it.
BEFORE = ("locked", "waiting", "before the marker", "marker written", "drained", "settled", "begun")
AFTER = ("restart asked for", "marker removed", "up", "written")


@pytest.mark.fault("kill -9 of the guard: " + ", ".join(BEFORE))
def test_before_the_restart(alpha):
    """The unit of the timer and the watchdog: its ExecStopPost cleans up at once, and the gateway is not restarted."""
    life = alpha.life()
    for step in BEFORE:
        alpha.wait("the gateway to take messages", alpha.up)
        assert _killed(alpha, step) == "signal", step
        assert not alpha.marker(), step
        assert (alpha.life(), alpha.starts()) == (life, 0), step
    # A restart that has begun counts, even if its end could not be recorded.
    assert [entry["event"] for entry in alpha.ledger()] == ["begun"]
    assert alpha.operator()["code"] == "cooldown"


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, marks=pytest.mark.fault("kill -9 of the guard: %s" % step))
        for step in AFTER
    ],
)
def test_after_it(alpha, step):
    """It still comes up, once, and without a marker."""
    life = alpha.life()
    assert _killed(alpha, step) == "signal"
    assert not alpha.marker()
    alpha.wait("a new run", lambda: alpha.life() not in ("", life) and alpha.up())
    assert alpha.starts() == 1
    assert alpha.operator()["code"] == "cooldown"


@pytest.mark.fault("kill -9 of the guard while the gateway's unit runs a slow ExecStop=")
def test_while_the_unit_runs_its_execstop(alpha):
    """The marker stays until systemd signals the process. Without it, Hermes would begin turns that the signal interrupts."""
    slow = "/etc/systemd/system/%s.d/slow.conf" % UNIT
    alpha.put(slow, "[Service]\nExecStop=/bin/sleep 5\n")
    alpha.run("systemctl", "daemon-reload")
    try:
        life = alpha.life()
        assert _killed(alpha, "restart asked for") == "signal"
        assert not alpha.marker()
        assert alpha.show()["SubState"] != "stop", "the marker was removed before the signal"
        alpha.wait("a new run", lambda: alpha.life() not in ("", life) and alpha.up())
    finally:
        alpha.run("rm", slow)
        alpha.run("systemctl", "daemon-reload")
    assert alpha.starts() == 1


def _killed(host, step):
    """The properties of the unit whose guard was killed at the step."""
    host.fault("kill " + step)
    host.run("systemctl", "start", RESTART, check=False)
    return host.finished()["Result"]


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, marks=pytest.mark.fault("kill -9 of an operator's restart: %s" % step))
        for step in ("drained", "restart asked for")
    ],
)
def test_by_hand(alpha, step):
    """No unit cleans up after an operator's own command: the next check of the watchdog does."""
    alpha.fault("kill " + step)
    assert (
        alpha.run(
            "hermes-guard",
            "restart",
            "--gateway",
            "hermes-gateway",
            "--reason",
            "operator",
            check=False,
        ).returncode
        == 137
    )
    assert alpha.marker()
    alpha.wait(
        "the doctor to see it",
        lambda: "drain marker found in" in alpha.run("hermes-guard", "doctor", check=False).stdout,
    )
    alpha.run("systemctl", "start", WATCHDOG)
    assert not alpha.marker()


@pytest.mark.fault("kill -9 of the guard in the middle of its check")
def test_check(alpha):
    """Only the truncated sample is lost, and the next check works as usual."""
    life = alpha.life()
    alpha.fault("kill sampled")
    alpha.run("systemctl", "start", WATCHDOG, check=False)
    assert alpha.finished(WATCHDOG)["Result"] == "signal"
    # A line as a power loss may truncate it.
    alpha.sh("printf '1795364623,abc,17' >> %s/memory.csv" % STATE)
    alpha.run("systemctl", "start", WATCHDOG)
    assert alpha.sh("tail -n 1 %s/memory.csv" % STATE).split(",")[1] == life == alpha.life()
