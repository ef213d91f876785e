# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a cgroup by either version of the kernel interface."""

from __future__ import annotations

import os

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import cgroup, proc

GROUP = "/system.slice/hermes-gateway.service"
UNKNOWN = dict.fromkeys(cgroup.FIELDS)


@pytest.fixture
def mount(tmp_path, monkeypatch):
    """Makes the files of a cgroup under the given mount point."""
    monkeypatch.setattr(cgroup, "ROOT", str(tmp_path))

    def make(place, **files):
        directory = tmp_path / (place + GROUP).lstrip("/")
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (directory / name.replace("__", ".")).write_text(text)

    return make


def test_memory_of_version_2(mount):
    mount(
        "",
        memory__current="1048576\n",
        memory__peak="2097152\n",
        memory__max="4194304\n",
        memory__events="low 0\nhigh 3\nmax 9\noom 1\noom_kill 2\n",
    )
    assert cgroup.memory(GROUP) == {
        "cgroup_bytes": 1 << 20,
        "cgroup_peak_bytes": 2 << 20,
        "cgroup_max_bytes": 4 << 20,
        "oom_kills": 2,
    }


def test_memory_without_a_limit_on_a_kernel_without_a_peak(mount):
    mount("", memory__current="7\n", memory__max="max\n", memory__events="oom_kill 0\n")
    assert cgroup.memory(GROUP) == dict(UNKNOWN, cgroup_bytes=7, oom_kills=0)


@pytest.mark.parametrize(
    ("limit", "expected"), [("9223372036854771712\n", None), ("536870912\n", 512 << 20)]
)
def test_memory_of_version_1(mount, limit, expected):
    # The hierarchies of systemd are there too, without a memory controller.
    mount("/unified", cgroup__procs="1\n")
    mount(
        "/memory",
        memory__usage_in_bytes="7\n",
        memory__max_usage_in_bytes="9\n",
        memory__limit_in_bytes=limit,
        memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 5\n",
    )
    assert cgroup.memory(GROUP) == {
        "cgroup_bytes": 7,
        "cgroup_peak_bytes": 9,
        "cgroup_max_bytes": expected,
        "oom_kills": 5,
    }


@pytest.mark.parametrize("group", [None, "", "relative", "/a/../../etc", "/..", "/none"])
def test_memory_of_what_is_no_cgroup(mount, group):
    mount("")
    assert cgroup.memory(group) == UNKNOWN


@pytest.mark.parametrize("place", ["", "/systemd", "/unified"])
def test_processes_are_the_members(mount, place):
    pid = os.getpid()
    mount(place, cgroup__procs="%d\n4194303\n" % pid)
    assert cgroup.processes(pid, GROUP) == [pid, 4194303]


def test_processes_by_parent_if_the_cgroup_is_that_of_another_process(mount, monkeypatch):
    mount("", cgroup__procs="1\n2\n")
    monkeypatch.setattr(proc, "descendants", lambda pid: [pid + 1])
    assert cgroup.processes(10, GROUP) == [10, 11]
    assert cgroup.processes(10) == [10, 11]
