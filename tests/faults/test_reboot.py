# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host reboots during a drain."""

from __future__ import annotations

import pytest
from machine import RESTART, WATCHDOG


@pytest.mark.fault("host reboot in the middle of a drain")
def test_reboot(delta):
    """The host is killed with the marker in place. Hermes ignores a marker from before the boot, and the first check removes it."""
    fleet = delta.fleet
    delta.fault("hold drained")
    delta.run("systemctl", "start", "--no-block", RESTART)
    delta.held()
    assert delta.marker()
    fleet.engine("kill", fleet.container(delta.name))
    fleet.engine("start", fleet.container(delta.name))
    fleet.booted(delta.name, False)
    # sshd may have another port now.
    fleet.describe()
    delta.wait("the gateway to take messages", delta.up)
    delta.run("systemctl", "start", WATCHDOG)
    assert not delta.marker()
    assert delta.starts() == 1
    assert delta.ledger("begun", "restart", "failed") == []
