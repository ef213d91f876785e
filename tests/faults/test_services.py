# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that the guard uses are down: the journal, the bus."""

from __future__ import annotations

import pytest
from machine import RESTART, WATCHDOG

JOURNAL = "systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket"


@pytest.fixture
def silent(alpha):
    """A journal that comes back after the test."""
    yield alpha
    alpha.sh("systemctl start " + JOURNAL, check=False)
    alpha.wait(
        "the journal", lambda: alpha.show("systemd-journald.service")["ActiveState"] == "active"
    )


@pytest.mark.fault("journald stopped in the middle of a restart, and during a check")
def test_journal(silent):
    """The restart prints to a journal that no longer reads: it is completed all the same."""
    silent.fault("hold drained")
    silent.run("systemctl", "start", "--no-block", RESTART)
    silent.held()
    silent.sh("systemctl stop " + JOURNAL, check=False)
    assert silent.show("systemd-journald.service")["ActiveState"] == "inactive"
    silent.release()
    assert silent.finished()["Result"] == "success"
    assert [entry["mode"] for entry in silent.ledger("restart")] == ["drain"]
    silent.run("systemctl", "start", WATCHDOG)
    assert silent.starts() == 1


@pytest.mark.fault("D-Bus stopped")
def test_bus(delta):
    """systemd answers root without the bus. Debian's own unit does not stop it, so it is killed.

    Without it no unit can be made that writes the drain marker as the user: the restart waits until nothing is under way. To a gateway that
    somebody writes to all the time, it is a restart without a drain.
    """
    delta.sh(
        "systemctl stop dbus.socket dbus.service; systemctl kill --signal=KILL dbus.service 2>/dev/null; ! timeout 10 busctl list"
    )
    try:
        delta.run("systemctl", "start", WATCHDOG)
        delta.run("systemctl", "start", RESTART)
        assert [entry["mode"] for entry in delta.ledger("restart")] == ["idle"]
        assert delta.starts() == 1
    finally:
        delta.sh("systemctl start dbus.socket dbus.service")
