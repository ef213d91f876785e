# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a process runs in a container, by what its cgroup and its pid namespaces say."""

from __future__ import annotations

import os

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import container, proc

ID = "0a1b2c3d4e5f67890a1b2c3d4e5f67890a1b2c3d4e5f67890a1b2c3d4e5f6789"
PID = 4711


@pytest.fixture
def cgroups(monkeypatch):
    """The cgroups by pid; this process and init are in none of a container."""
    made = {1: "/init.scope", os.getpid(): "/system.slice/ssh.service"}
    monkeypatch.setattr(proc, "cgroup", made.get)
    monkeypatch.setattr(proc, "pid_levels", lambda pid: 1)
    return made


@pytest.mark.parametrize(
    ("cgroup", "expected"),
    [
        ("/system.slice/docker-%s.scope" % ID, ("docker", ID)),
        ("/docker/%s" % ID, ("docker", ID)),
        ("/docker/%s/system.slice/hermes-gateway.service" % ID, ("docker", ID)),
        ("/machine.slice/libpod-%s.scope/container" % ID, ("podman", ID)),
        ("/system.slice/hermes.service/libpod-payload-%s" % ID, ("podman", ID)),
        ("/user.slice/user-1000.slice/podman-2491.scope", ("podman", "2491")),
        ("/lxc.payload.web-1/system.slice/hermes.service", ("lxc", "web-1")),
        ("/lxc/web-1", ("lxc", "web-1")),
        (
            "/kubepods.slice/kubepods-burstable.slice/cri-containerd-%s.scope" % ID,
            ("kubernetes", ID),
        ),
        ("/machine.slice/machine-web.scope", ("nspawn", "web")),
        ("/system.slice/docker.service", None),
        ("/system.slice/hermes-gateway.service", None),
        ("/user.slice/user-1000.slice/session-3.scope", None),
        (None, None),
    ],
)
def test_container_by_its_cgroup(cgroups, cgroup, expected):
    cgroups[PID] = cgroup
    found = container.of(PID)
    assert (found and tuple(found)) == expected


def test_container_that_this_is_itself(cgroups):
    """A host that is a container's systemd: all of its units are below that container's cgroup."""
    inner = "/docker/%s" % ID
    cgroups.update({1: inner + "/init.scope", PID: inner + "/system.slice/hermes.service"})
    assert container.of(PID) is None
    cgroups[PID] += "/libpod-payload-" + ID
    assert container.of(PID) == ("podman", ID)


def test_container_without_a_cgroup_of_its_own(cgroups, monkeypatch):
    cgroups[PID] = "/user.slice"
    monkeypatch.setattr(proc, "pid_levels", lambda pid: 2 if pid == PID else 1)
    assert container.of(PID) == ("", "")


def test_this_process_runs_in_none_of_its_own():
    assert container.of(os.getpid()) is None
    assert proc.owner(os.getpid()) == os.getuid()
    assert proc.pid_levels(os.getpid()) >= 1
    assert proc.cgroup(os.getpid()).startswith("/")
