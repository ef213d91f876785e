# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of a process with its children, each page once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import cgroup, proc, tree

MB = 1 << 20
# A process with 60 MB and three children that have the same 60 MB.
FAMILY = """
import os, sys, time
memory = bytearray(60 << 20)
for one in range(3):
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
print("up", flush=True)
sys.stdin.read()
os.killpg(0, 9)
"""


@pytest.fixture
def family():
    with subprocess.Popen(
        [sys.executable, "-c", FAMILY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout.readline() == b"up\n"
        yield process.pid
        process.stdin.close()


def test_forked_children_do_not_count_several_times(family):
    found = tree.memory(family)
    each = [proc.memory(pid)["rss_bytes"] for pid in [family, *proc.descendants(family)]]
    assert len(each) == 4 and sum(each) > 240 * MB
    assert 60 * MB < found.own["rss_bytes"] <= found.rss_bytes < 120 * MB


@pytest.mark.parametrize(
    ("resident", "expected"),
    [
        # The cgroup's own count, if it is between what is certain and the sum.
        ((130, 7), (130, 7)),
        ((10, 0), (100, 5)),
        ((900, 900), (180, 15)),
        # No cgroup, and no right to trace: the sum, which is the most that it can be.
        ((None, None), (180, 15)),
    ],
)
def test_what_the_cgroup_says(monkeypatch, resident, expected):
    sizes = {1: (100, 5), 2: (80, 10)}
    monkeypatch.setattr(cgroup, "processes", lambda pid, group: [1, 2, 3])
    monkeypatch.setattr(cgroup, "resident", lambda group: resident)
    monkeypatch.setattr(
        proc,
        "memory",
        lambda pid: (
            {"rss_bytes": sizes[pid][0], "anon_bytes": 1, "swap_bytes": sizes[pid][1]}
            if pid in sizes
            else None
        ),
    )
    monkeypatch.setattr(proc, "pss", lambda pid: None)
    found = tree.memory(1, "/x")
    assert (found.rss_bytes, found.swap_bytes) == expected


def test_process_alone_is_not_asked_for_more(monkeypatch):
    monkeypatch.setattr(cgroup, "resident", lambda group: pytest.fail("it was asked"))
    monkeypatch.setattr(cgroup, "processes", lambda pid, group: [pid])
    found = tree.memory(os.getpid())
    assert found.rss_bytes == found.own["rss_bytes"] > 0
    assert tree.memory(2**22 + 1) is None


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"memory.stat": "anon 50\nfile 900\nfile_mapped 7\n", "memory.swap.current": "3\n"},
            (57, 3),
        ),
        ({"memory.stat": "anon 50\n"}, (50, None)),
        ({"memory.stat": "rss 1\ntotal_rss 50\ntotal_mapped_file 7\ntotal_swap 4\n"}, (57, 4)),
        ({"memory.stat": "nonsense\n"}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_resident_memory_of_a_cgroup(tmp_path, monkeypatch, files, expected):
    monkeypatch.setattr(cgroup, "ROOT", str(tmp_path))
    (tmp_path / "a.service").mkdir()
    for name, text in files.items():
        (tmp_path / "a.service" / name).write_text(text)
    assert cgroup.resident("/a.service") == expected
