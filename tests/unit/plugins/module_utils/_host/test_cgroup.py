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
        "high_events": 3,
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
        "high_events": None,
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


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Makes a cgroup with all above it, as of version 2; ``files`` are what differs, by cgroup."""
    monkeypatch.setattr(cgroup, "ROOT", str(tmp_path))

    def make(group, files):
        parts = group.strip("/").split("/")
        for depth in range(len(parts) + 1):
            place = "/".join(parts[:depth])
            directory = tmp_path / place
            directory.mkdir(exist_ok=True)
            texts = {"memory.current": "300000000", "memory.max": "max", "memory.high": "max"}
            texts.update(files.get("/" + place, {}))
            for name, text in texts.items():
                (directory / name).write_text(text + "\n")
        return cgroup.limit(group)

    return make


USERS = "/user.slice/user-1001.slice/user@1001.service"


@pytest.mark.parametrize(
    ("group", "files", "expected"),
    [
        (GROUP, {}, None),
        (GROUP, {GROUP: {"memory.max": "9"}}, (9, "MemoryMax")),
        # A gateway that is throttled for good must not look like one that has levelled off.
        (
            GROUP,
            {GROUP: {"memory.max": "268435456", "memory.high": "209715200"}},
            (209715200, "MemoryHigh"),
        ),
        # One slice for many gateways, as operators have them, and this collection's own.
        (
            USERS + "/hermes-gateways.slice/hermes-gateway-coder.service",
            {USERS + "/hermes-gateways.slice": {"memory.max": "1572864000"}},
            (1572864000, "MemoryMax of hermes-gateways.slice"),
        ),
        # user-.slice.d, by which hosting firms limit every user.
        (
            USERS + "/app.slice/hermes-gateway.service",
            {"/user.slice/user-1001.slice": {"memory.max": "2147483648"}},
            (2147483648, "MemoryMax of user-1001.slice"),
        ),
        # A container with the host's /proc/meminfo.
        (GROUP, {"/": {"memory.max": "500000000"}}, (500000000, "MemoryMax of the container")),
        (
            GROUP,
            {GROUP: {"memory.max": "700"}, "/system.slice": {"memory.high": "600"}},
            (600, "MemoryHigh of system.slice"),
        ),
        (
            GROUP,
            {GROUP: {"memory.max": "600"}, "/system.slice": {"memory.max": "700"}},
            (600, "MemoryMax"),
        ),
    ],
)
def test_limit_is_the_least_on_the_way_up(tree, group, files, expected):
    assert tree(group, files) == expected


def test_limit_above_a_unit_without_a_memory_controller(tmp_path, monkeypatch):
    """As in user scope without Delegate=memory."""
    monkeypatch.setattr(cgroup, "ROOT", str(tmp_path))
    (tmp_path / "user.slice/user-1001.slice").mkdir(parents=True)
    (tmp_path / "user.slice/user-1001.slice/memory.max").write_text("7\n")
    group = USERS + "/app.slice/hermes-gateway.service"
    assert cgroup.limit(group) == (7, "MemoryMax of user-1001.slice")


def test_limit_reads_two_files_of_each_cgroup_on_the_way_up(tree, tmp_path, monkeypatch):
    """Each check does this for each gateway, so no file is tried that cannot be there."""
    tree(GROUP, {})
    # A cgroup may be called like the mount of a controller of version 1.
    (tmp_path / "memory").mkdir()
    (tmp_path / "cgroup.controllers").write_text("memory\n")
    reads = []
    read = proc.read
    monkeypatch.setattr(proc, "read", lambda path, *limit: reads.append(path) or read(path, *limit))
    assert cgroup.limit(GROUP) is None
    assert len(reads) == 2 * 3
    assert all(os.path.exists(path) for path in reads)


def test_limit_of_version_1_is_the_least_too(mount, tmp_path):
    mount("/memory", memory__limit_in_bytes="9223372036854771712\n")
    (tmp_path / "memory/system.slice/memory.limit_in_bytes").write_text("536870912\n")
    (tmp_path / "memory/memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert cgroup.limit(GROUP) == (512 << 20, "MemoryMax of system.slice")


@pytest.mark.parametrize("group", [None, "", "relative", "/a/../../etc", "/.."])
def test_limit_of_what_is_no_cgroup(mount, tmp_path, group):
    mount("", memory__max="5\n")
    assert cgroup.limit(group) is None


def test_own_limit_is_the_one_that_slows_down_first(mount):
    assert cgroup.own_limit(GROUP) is None
    mount("", memory__max="4194304\n", memory__high="max\n")
    assert cgroup.own_limit(GROUP) == 4 << 20
    mount("", memory__max="4194304\n", memory__high="2097152\n")
    assert cgroup.own_limit(GROUP) == 2 << 20
