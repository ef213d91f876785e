# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several restarts are requested at once."""

from __future__ import annotations

import json

import pytest
from machine import NAME, RESTART, UNIT, WATCHDOG


@pytest.mark.fault("two guards and an operator at once")
def test_three_at_once(alpha):
    """One restart happens, and every other request is refused with a reason."""
    argv = ["hermes-guard", "restart", "--gateway", NAME, "--json", "--reason"]
    alpha.run("systemctl", "start", "--no-block", RESTART)
    every = [alpha.start(*argv, who) for who in ("one", "other")]
    entries = [json.loads(one.communicate()[0]) for one in every]
    alpha.finished()
    assert alpha.starts() == 1
    assert len(alpha.ledger("restart")) == 1
    assert {one["code"] for one in entries} <= {"restarted", "busy", "cooldown"}


@pytest.mark.fault("timer and watchdog in the same second")
def test_timer_and_watchdog(alpha):
    """In one systemd transaction, with a gateway above its threshold."""
    alpha.configure(threshold="40M", breaches="1 of 1")
    alpha.run("systemctl", "start", WATCHDOG, RESTART)
    alpha.finished()
    alpha.run("systemctl", "start", WATCHDOG)
    assert alpha.starts() == 1
    assert len(alpha.ledger("restart")) == 1
    alpha.configure()


def _while_it_drains(host, verb):
    """An operator's ``systemctl VERB`` while the guard holds the gateway drained; until the guard has ended."""
    host.fault("hold drained")
    host.run("systemctl", "start", "--no-block", RESTART)
    host.held()
    host.run("systemctl", verb, UNIT)
    host.release()
    host.finished()


@pytest.mark.fault("an operator's systemctl restart while the guard drains")
def test_operator_is_first(alpha):
    """The guard finds a new run, and does not restart it."""
    _while_it_drains(alpha, "restart")
    assert [entry["code"] for entry in alpha.ledger()] == ["changed"]
    alpha.wait("the start that the operator asked for", alpha.starts)
    assert alpha.starts() == 1


@pytest.mark.fault("an operator's systemctl stop while the guard drains")
def test_operator_stops_it(delta):
    """It stays stopped, whichever unit or command is started."""
    _while_it_drains(delta, "stop")
    delta.run("systemctl", "start", WATCHDOG, RESTART)
    delta.finished()
    # Hermes ends with code 1 on SIGTERM, which systemd takes for a failure.
    assert delta.show()["ActiveState"] in ("inactive", "failed")
    assert delta.starts() == 0
    assert not delta.marker()
    assert delta.ledger("restart", "begun") == []
    delta.run("systemctl", "start", UNIT)
