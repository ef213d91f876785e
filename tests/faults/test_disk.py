# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Full disks, and a read-only one."""

from __future__ import annotations

import json

import pytest
from machine import NAME, STATE, WATCHDOG

# A small file system in place of a directory, with its files except the history, whose last page would have room for a line.
SMALL = """
set -e
cp -a %(folder)s /tmp/kept
mount -t tmpfs -o size=$(($(du -sk /tmp/kept | cut -f1) + 64))k,mode=755 tmpfs %(folder)s
cp -a /tmp/kept/. %(folder)s/
rm -r /tmp/kept %(folder)s/*/memory.csv
dd if=/dev/zero of=%(folder)s/fill bs=4k 2>/dev/null || true
! echo more > %(folder)s/more
rm -f %(folder)s/more
"""


@pytest.fixture
def full_state(alpha):
    """The guard's directory on a full disk."""
    alpha.sh(SMALL % {"folder": "/var/lib/hermes-guard"})
    yield alpha
    alpha.run("umount", "-l", "/var/lib/hermes-guard")


@pytest.mark.fault("disk full in /var/lib: a restart")
def test_restart_on_a_full_disk(full_state):
    """The restart happens, and the command reports that the ledger has no entry about it."""
    entry = full_state.operator()
    assert (entry["event"], entry["mode"]) == ("restart", "drain")
    assert "No space left on device" in entry["unwritten"]
    assert (full_state.starts(), full_state.ledger()) == (1, [])


@pytest.mark.fault("disk full in /var/lib: the watchdog still acts")
def test_watchdog_on_a_full_disk(full_state):
    """Neither the request for the arbiter nor a ledger entry can be stored: the restart happens all the same."""
    full_state.configure(threshold="40M", breaches="1 of 1")
    assert full_state.run("systemctl", "start", WATCHDOG, check=False).returncode != 0, (
        "a check that cannot store anything must fail"
    )
    full_state.wait("the restart", full_state.starts)
    full_state.finished()
    assert full_state.starts() == 1
    status = json.loads(full_state.sh("hermes-guard status --json"))
    assert [one["last_restart"] for one in status["gateways"] if one["name"] == NAME] == [None]
    full_state.configure()


@pytest.fixture
def full_run(alpha):
    """No room in /run."""
    alpha.sh("mount -o remount,size=$(($(df -k --output=used /run | tail -n 1)))k /run")
    assert (
        "No space left"
        in alpha.run("dd", "if=/dev/zero", "of=/run/more", "bs=64k", "count=1", check=False).stderr
    )
    alpha.sh("rm /run/more")
    yield alpha
    alpha.sh("mount -o remount,size=1g /run")


@pytest.mark.fault("disk full in /run")
def test_full_run(full_run):
    """The guard stores nothing there, but systemd does."""
    samples = int(full_run.sh("wc -l < %s/memory.csv" % STATE))
    full_run.sh("hermes-guard check")
    assert int(full_run.sh("wc -l < %s/memory.csv" % STATE)) == samples + 1
    entry = full_run.operator()
    assert (entry["mode"], full_run.starts()) == ("drain", 1), entry


@pytest.fixture
def fixed_etc(alpha):
    """/etc read-only."""
    alpha.sh(
        "mount --bind /etc /etc && mount -o remount,ro,bind /etc && ! touch /etc/x 2>/dev/null"
    )
    yield alpha
    alpha.run("umount", "-l", "/etc")


@pytest.mark.fault("read-only /etc: the guard continues, and a playbook reports why it cannot")
def test_read_only_etc(fixed_etc, playbook):
    """The playbook leaves no partial change."""
    before = fixed_etc.sh(
        "find /etc/hermes-guard /etc/systemd/system -type f | sort | xargs sha256sum"
    )
    done = playbook(
        "site", "--limit", "alpha", "--tags", "watchdog", "-e", "hermes_watchdog_interval=7h"
    )
    assert done.returncode != 0
    assert "Read-only file system" in done.stdout or "is not writable" in done.stdout, done.stdout
    assert (
        fixed_etc.sh("find /etc/hermes-guard /etc/systemd/system -type f | sort | xargs sha256sum")
        == before
    )
    fixed_etc.run("systemctl", "start", WATCHDOG)
    assert (fixed_etc.operator()["mode"], fixed_etc.starts()) == ("drain", 1)
