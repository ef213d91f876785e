# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway whose process runs, but whose event loop is frozen."""

from __future__ import annotations

import json

import pytest
from machine import FAULT, HOME, NAME, STATE, WATCHDOG

TOLD = "/var/lib/hermes-guard/told"
# Hermes writes a heartbeat every 30 s; the default limit of five minutes would make this a long test.
PATIENCE = 35


@pytest.mark.fault("gateway frozen by SIGSTOP: detected, restarted, notified")
def test_frozen(delta):
    """A recent heartbeat does not cause a restart; an old one does."""
    delta.configure(notify_command="/usr/bin/cp /proc/self/environ " + TOLD)
    delta.put(FAULT + ".patience", str(PATIENCE))
    delta.wait("a heartbeat", lambda: _silence(delta) < 25)
    life = delta.life()
    delta.run("systemctl", "kill", "--kill-who=main", "--signal=SIGSTOP", "hermes-gateway.service")
    delta.run("systemctl", "start", WATCHDOG)
    assert (delta.ledger(), delta.life()) == ([], life)
    delta.wait("an old heartbeat", lambda: _silence(delta) > PATIENCE)
    delta.run("systemctl", "start", WATCHDOG)
    delta.wait("the restart", lambda: delta.ledger("restart"))
    entry = delta.ledger("restart")[0]
    assert (entry["trigger"], entry["mode"]) == ("watchdog", "emergency")
    assert "its event loop has been frozen for" in entry["reason"]
    assert delta.life() != life
    told = dict(
        pair.split("=", 1)
        for pair in delta.sh("tr '\\0' '\\n' < %s; rm %s" % (TOLD, TOLD)).splitlines()
    )
    assert (told["HERMES_GUARD_EVENT"], told["HERMES_GUARD_GATEWAY"]) == ("restart", NAME)
    assert "its event loop has been frozen for" in told["HERMES_GUARD_REASON"]


def _silence(host):
    beat = json.loads(host.sh("cat %s/state/gateway.heartbeat" % HOME))
    return (
        float(host.sh("python3 -c 'import time; print(time.monotonic())'")) - beat["monotonic"]
        if str(beat["pid"]) == host.show()["MainPID"]
        else 1e9
    )


@pytest.mark.fault("pid reuse: another process with the pid of the gateway")
def test_pid_reuse(delta):
    """After kill -9, before systemd starts the gateway again, another process gets its pid."""
    delta.run("systemctl", "start", WATCHDOG)
    pid = delta.show()["MainPID"]
    samples = delta.sh("wc -l < %s/memory.csv" % STATE)
    got = delta.sh(
        """
        kill -9 %(pid)s
        for try in 1 2 3 4 5; do
            while [ -e /proc/%(pid)s ]; do sleep 0.1; done
            echo $((%(pid)s - 1)) > /proc/sys/kernel/ns_last_pid
            sleep 60 & got=$!
            [ $got = %(pid)s ] && break
            kill $got
        done
        echo $got
        hermes-guard check
        kill $got
    """
        % {"pid": pid}
    ).splitlines()
    assert got == [pid], "the kernel gave another pid, or the check said something"
    assert delta.sh("wc -l < %s/memory.csv" % STATE) == samples, "a sample of a stranger"
    delta.wait("the gateway to run again", delta.up)
    delta.run("systemctl", "start", WATCHDOG)
    assert (
        delta.sh("tail -n 1 %s/memory.csv" % STATE).split(",")[2] == delta.show()["MainPID"] != pid
    )
