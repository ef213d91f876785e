# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a process runs in a container, by its cgroup and its pid namespaces."""

from __future__ import annotations

import json
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


@pytest.mark.parametrize(
    ("engine", "content", "expected"),
    [
        ("docker", {"ID": ID, "Name": "/hermes"}, "hermes"),
        ("podman", [{"id": "00" * 32, "names": ["x"]}, {"id": ID, "names": ["hermes"]}], "hermes"),
        ("podman", [{"id": ID}], ID),
        ("docker", {"Name": "/two words\n"}, ID),
        ("docker", {"Name": 7}, ID),
        ("docker", ["/hermes"], ID),
        ("podman", {"id": ID, "names": ["hermes"]}, ID),
        ("kubernetes", {"Name": "/hermes"}, ID),
        ("docker", None, ID),
    ],
)
def test_name_that_the_engine_has_given(tmp_path, monkeypatch, engine, content, expected):
    """As the engine keeps it in a file of root's; no engine is asked."""
    monkeypatch.setattr(container, "DOCKER", str(tmp_path / "%s.json"))
    monkeypatch.setattr(container, "PODMAN", str(tmp_path / (ID + ".json")))
    if content is not None:
        (tmp_path / (ID + ".json")).write_text(json.dumps(content))
    assert container.given_name(container.Container(engine, ID)) == expected


def test_name_in_a_file_of_another_user(tmp_path, monkeypatch):
    monkeypatch.setattr(container, "DOCKER", str(tmp_path / "%s.json"))
    (tmp_path / (ID + ".json")).write_text(json.dumps({"Name": "/hermes"}))
    monkeypatch.setattr(container.os, "geteuid", lambda: 4711)
    monkeypatch.setattr(container, "ROOT", 4712)
    assert container.given_name(container.Container("docker", ID)) == ID


def test_this_process_runs_in_none_of_its_own():
    assert container.of(os.getpid()) is None
    assert proc.uid(os.getpid()) == os.getuid()
    assert proc.pid_levels(os.getpid()) >= 1
    assert proc.cgroup(os.getpid()).startswith("/")


@pytest.mark.parametrize("unit", ["machine-learning.service", "lxc.service", "docker.service"])
def test_unit_that_is_only_called_like_a_container(monkeypatch, unit):
    monkeypatch.setattr(proc, "cgroup", lambda pid: "/system.slice/" + unit if pid == 7 else "/")
    monkeypatch.setattr(proc, "pid_levels", lambda pid: 1)
    assert container.of(7) is None
