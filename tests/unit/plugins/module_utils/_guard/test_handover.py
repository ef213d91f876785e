# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of a restart, the watchdog's request, and the marker of a restart that was killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    arbiter,
    handover,
    managed,
    signalled,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import files

UNIT = "hermes-gateway.service"


def test_lock_is_held_between_processes(systemd, settings, home):
    systemd.add_gateway(home)
    one = settings()
    code = (
        "import fcntl, sys; lock = open(sys.argv[1], 'w'); fcntl.flock(lock, fcntl.LOCK_EX); "
        "print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, os.path.join(one.folder, "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        other.stdout.readline()
        assert handover.busy(one)
        assert arbiter.restart(one, "now")["code"] == "busy"
        other.kill()
    assert not handover.busy(one)


def test_timer_has_patience_for_a_check_that_cleans(systemd, settings, home, monkeypatch):
    monkeypatch.setattr(arbiter, "LOCK_SECONDS", 2)
    systemd.add_gateway(home, start=False)
    one = settings()
    with handover.locked(one) as ours:
        assert ours
        outcomes = []
        waiting = threading.Thread(target=lambda: outcomes.append(arbiter.restart(one, "now")))
        waiting.start()
        time.sleep(0.2)
    waiting.join()
    assert outcomes[0]["code"] == "stopped"


def test_clean_leaves_the_marker_of_a_restart_under_way_and_of_others(systemd, settings, home):
    systemd.add_gateway(home)
    one = settings()
    gateway = managed.find(one)
    marker = home / ".drain_request.json"
    marker.write_text('{"principal": "dashboard"}')
    assert not handover.clean(gateway)
    marker.write_text('{"principal": "hermes-guard"}')
    with handover.locked(one):
        assert not handover.clean(gateway)
    assert marker.exists()
    assert handover.clean(gateway)
    assert not marker.exists()


@pytest.mark.parametrize("bound", [60, 0.3])
def test_clean_waits_for_the_signal_of_a_restart_that_is_pending(
    systemd, settings, home, monkeypatch, bound
):
    """The guard was killed after it had asked systemd: without the marker, Hermes would accept messages until the signal."""
    monkeypatch.setattr(signalled, "TOLD_SECONDS", bound)
    monkeypatch.setattr(signalled, "MARKER_SECONDS", 0.1)
    systemd.add_gateway(home)
    gateway = managed.find(settings())
    (home / ".drain_request.json").write_text('{"principal": "hermes-guard"}')
    systemd.units[UNIT].update(Job="4711", SubState="stop")

    def stop():
        time.sleep(1.5)
        systemd.units[UNIT]["SubState"] = "stop-sigterm"
        systemd._try_restart([UNIT])

    stopper = threading.Thread(target=stop)
    stopper.start()
    begun = time.monotonic()
    assert handover.clean(gateway)
    took = time.monotonic() - begun
    stopper.join()
    assert not (home / ".drain_request.json").exists()
    # A job that never begins must not leave the marker: the gateway would refuse every message.
    seen = "marker" if bound == 60 else "clean"
    assert (home / "signals").read_text() == "SIGTERM %s\n" % seen
    assert (took > 1.4) == (bound == 60)


def test_clean_does_not_wait_without_a_job(systemd, settings, home, monkeypatch):
    monkeypatch.setattr(signalled, "wait", lambda *_arguments: pytest.fail("it waited"))
    systemd.add_gateway(home)
    (home / ".drain_request.json").write_text('{"principal": "hermes-guard"}')
    assert handover.clean(managed.find(settings()))


def test_request_gives_the_units_start_its_reason(systemd, settings, home):
    systemd.add_gateway(home)
    one = settings()
    handover.request(managed.find(one), "3 GB", emergency=True)
    # An operator's restart in between has another reason, and does not take the request.
    systemd.units[UNIT]["ActiveState"] = "activating"
    assert arbiter.restart(one, "mine")["asked"] == "mine"
    systemd.units[UNIT]["ActiveState"] = "active"
    outcome = arbiter.restart(one, "scheduled restart", trigger="timer")
    assert [outcome[key] for key in ("event", "trigger", "reason", "mode")] == [
        "restart",
        "watchdog",
        "3 GB",
        "emergency",
    ]


@pytest.mark.parametrize(
    "content",
    [
        {"reason": "old", "time": 0},
        {"reason": "another life", "invocation_id": "x"},
        {"reason": 1},
        {"time": "now", "reason": "x"},
    ],
)
def test_request_that_is_not_for_now(systemd, settings, home, content):
    systemd.add_gateway(home)
    one = settings()
    gateway = managed.find(one)
    files.write_atomic(
        os.path.join(one.folder, "request.json"),
        json.dumps(dict({"time": time.time(), "invocation_id": gateway.invocation_id}, **content)),
    )
    outcome = arbiter.restart(one, "scheduled restart", trigger="timer")
    # As for any timer, a gateway that has just started is not restarted.
    assert (outcome["trigger"], outcome["code"]) == ("timer", "young")
