# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user or the network can do to a host: many accounts, a home or a systemd manager that never answers."""

from __future__ import annotations

import time

import pytest
from shared import HERE

# Each of the four modules waits for the home, and for the user's systemd manager, which waits for it too.
PLAYBOOK_SECONDS = 240


@pytest.mark.fault("a home on a server that never answers")
def test_home_that_never_answers(mallory):
    """The check and the playbook end in time. The playbook names the owner of the home, and removes nothing."""
    mallory.gateway("mallory")
    mallory.site()
    managed = mallory.managed()
    assert "hermes-gateway@mallory" in managed
    mallory.put("/opt/lab/dead_mount.py", (HERE / "host/dead_mount.py").read_text(encoding="utf-8"))
    server = mallory.start("python3", "/opt/lab/dead_mount.py", "/home/mallory")
    pid = int(server.stdout.readline())
    try:
        mallory.check()
        mallory.check()
        started = time.monotonic()
        output = mallory.site()
        assert time.monotonic() - started < PLAYBOOK_SECONDS
        text = "hermes-gateway@mallory stays managed as configured: its home /home/mallory/.hermes does not answer"
        assert text in " ".join(output.split()), output
        assert mallory.managed() == managed
        mallory.sh("test ! -e /run/hermes-guard-install.lock")
    finally:
        mallory.sh("kill -9 %d; umount -l /home/mallory" % pid)
        server.wait()


@pytest.mark.fault("a systemd manager of a user that never answers")
def test_systemd_of_a_user_that_never_answers(mallory):
    """The check ends in time, and names the user."""
    mallory.gateway("mallory")
    mallory.site("--tags", "watchdog")
    manager = mallory.sh("systemctl show -p MainPID --value user@$(id -u mallory)")
    mallory.sh("kill -STOP %s; rm -f /var/lib/hermes-guard/*@mallory/life.json" % manager)
    try:
        mallory.check()
    finally:
        mallory.run("kill", "-CONT", manager)


@pytest.mark.fault("50,000 users")
def test_many_users(mallory):
    """The check and the playbook end in time."""
    lines = "".join(
        "u%d:x:%d:%d::/nonexistent:/bin/false\n" % (n, n, n) for n in range(100000, 150000)
    )
    mallory.sh("cp -p /etc/passwd /etc/passwd.before")
    try:
        mallory.run("tee", "-a", "/etc/passwd", input=lines)
        mallory.sh("rm -f /var/lib/hermes-guard/*/life.json")
        mallory.check()
        mallory.site("--tags", "watchdog")
    finally:
        mallory.sh("mv /etc/passwd.before /etc/passwd")
