# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guard stands on is not there: the journal, the bus."""

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
    """The restart was about to say something to a journal that no longer listens: it comes to its end all the same."""
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
def test_bus(alpha):
    """systemd answers root without the bus. Debian's own unit does not stop it, so it is killed.

    Without it no unit can be made that writes the drain marker as the user: the restart waits until nothing is under way.
    """
    alpha.sh(
        "systemctl stop dbus.socket dbus.service; systemctl kill --signal=KILL dbus.service 2>/dev/null; ! timeout 10 busctl list"
    )
    try:
        alpha.run("systemctl", "start", WATCHDOG)
        alpha.run("systemctl", "start", RESTART)
        # The latter if someone has written in the last minute.
        assert [entry["mode"] for entry in alpha.ledger("restart")] in (["idle"], ["resume"])
        assert alpha.starts() == 1
    finally:
        alpha.sh("systemctl start dbus.socket dbus.service")
