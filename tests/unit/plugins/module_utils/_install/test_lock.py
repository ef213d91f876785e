# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two controllers at once, and a removal beside a restart."""

from __future__ import annotations

import fcntl
import os
import threading
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import config, handover
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import guard as backend
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import lock


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "PATH", str(tmp_path / "lock"))
    monkeypatch.setattr(lock, "_LOOK_SECONDS", 0.001)
    return tmp_path / "lock"


def test_one_at_a_time(path):
    """Present and absent at once left timers without a program, with exit code 0 for both."""
    inside, most = [], []

    def work():
        for _time in range(20):
            with lock.alone(False):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=work) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), max(most)) == (80, 1)
    assert not path.exists()


def test_another_run_that_does_not_end(path, monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE", 0.05)
    with lock.alone(False):
        with pytest.raises(
            GuardError, match="another run of this collection has been changing this host"
        ):
            with lock.alone(False):
                pass
        # A dry run changes nothing and does not wait.
        with lock.alone(True):
            pass
    assert not path.exists()


def test_removal_beside_a_restart(host, guard, systemd, monkeypatch):
    """The state came back, and after a kill nothing would have removed the drain marker."""
    monkeypatch.setattr(backend, "LOCK_SECONDS", 0.05)
    backend.apply(guard())
    folder = os.path.join(config.STATE, "hermes-gateway")
    os.makedirs(folder)
    held = os.open(os.path.join(folder, handover.LOCK), os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(GuardError, match="while a restart of hermes-gateway is in progress"):
        backend.apply(guard(state="absent"))
    assert os.path.exists(config.PROGRAM) and os.path.exists(folder)
    # A restart of the unit's is ended by systemd, in order.
    monkeypatch.setattr(backend, "LOCK_SECONDS", 5)
    calls = systemd.calls = []

    def during(verb):
        if verb == "stop" and len(calls) == 1:
            os.close(held)

    systemd.during = during
    assert backend.apply(guard(state="absent"))["changed"]
    assert calls[0] == "stop hermes-gateway-restart.service"
    assert not os.path.exists(config.STATE)
