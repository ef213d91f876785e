# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills in the kernel's log: each form of its lines, and the owner of the process."""

from __future__ import annotations

import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.journal import Line
from ansible_collections.hermes_ops.gateway.plugins.module_utils._oom import kernel
from ansible_collections.hermes_ops.gateway.plugins.module_utils._oom.counter import Seen

# When the kills of the files happen.
KILL = 1763800000
RSS = (1017340 + 17584) * 1024
# What `make vm` has kept of two real kills. With OOMPolicy=continue systemd ends with the result
# `signal`, as of any process that is killed.
VM = [
    ("hermes-gateway", 395, "python", (330116 + 2280) * 1024, "cgroup", "kernel"),
    ("hermes-gateway", 224, "hermes", (406572 + 4352) * 1024, "cgroup", "kernel"),
]
KILLED = (
    "Out of memory: Killed process 4711 (python) total-vm:1610872kB, anon-rss:1017340kB, "
    "file-rss:17584kB, shmem-rss:0kB, UID:%d pgtables:2kB"
)


def brief(kills):
    return [
        (kill.name, kill.pid, kill.comm, kill.rss_bytes, kill.scope, kill.source) for kill in kills
    ]


def test_kernel_buffer_of_a_virtual_machine(gateway, kmsg):
    lines = kmsg("vm-kmsg-6.1.txt", KILL)
    assert brief(kernel.kills(lines, [gateway()])) == VM


@pytest.mark.parametrize(
    ("version", "comm"),
    [("4.19", "python"), ("5.10", "python"), ("6.1", "hermes"), ("6.12", "python3")],
)
def test_kernel_buffer(gateway, kmsg, version, comm):
    lines = kmsg("kmsg-%s.txt" % version, KILL - 5000)
    kills = kernel.kills(lines, [gateway()])
    assert brief(kills) == [("hermes-gateway", 4711, comm, RSS, "cgroup", "kernel")]
    assert kills[0].time == pytest.approx(KILL, abs=0.1)


def test_a_pid_that_the_history_knows(gateway):
    """The line with the cgroup is missing, because the kernel limits the rate of its messages."""
    seen = {"hermes-gateway": {4711: Seen(KILL - 600, KILL - 100)}}
    assert len(kernel.kills([Line(KILL, KILLED % 1000)], [gateway()], seen)) == 1
    assert not kernel.kills([Line(KILL, KILLED % 1234)], [gateway()], seen)
    assert not kernel.kills([Line(KILL - 700, KILLED % 1000)], [gateway()], seen)
    assert not kernel.kills([Line(KILL + 90000, KILLED % 1000)], [gateway()], seen)
    assert not kernel.kills([Line(KILL, KILLED % 1000)], [gateway()])
    assert (
        len(kernel.kills([Line(KILL, KILLED % 1000)], [gateway(pid=4711, start_time=KILL - 5)]))
        == 1
    )


def test_a_process_name_cannot_forge_a_line(gateway):
    line = (
        "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
        "global_oom,task_memcg=/x.slice,task=%s,pid=7,uid=1002"
    )
    for name in ("a,pid=4711,uid=1000", "a) total-vm:1kB", "\x1b[2J"):
        assert not kernel.kills([Line(KILL, line % name)], [gateway(pid=4711, start_time=0)])
    named = kernel.kills(
        [
            Line(
                KILL,
                (line % "\x1b[2Jx").replace("/x.slice", "/system.slice/hermes-gateway.service"),
            )
        ],
        [gateway()],
    )
    assert named[0].comm == "[2Jx"


@pytest.mark.parametrize(
    "line",
    [
        "Memory cgroup out of memory: Kill process 4711 (python) score 1002 or sacrifice child",
        (
            "Out of memory: Killed process 4711 (a) b) total-vm:1kB, anon-rss:1kB, "
            "file-rss:1kB, shmem-rss:0kB, UID:1000 pgtables:2kB oom_score_adj:0"
        ),
        (
            "Out of memory (oom_kill_allocating_task): Killed process 4711 (python), UID 1000, "
            "total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:0kB"
        ),
        "Killed process 4711 (python) total-vm:1kB, anon-rss:1kB, file-rss:1kB",
    ],
)
def test_each_form_of_the_kernels_line(gateway, line):
    assert [
        kill.pid
        for kill in kernel.kills([Line(KILL, line)], [gateway(pid=4711, start_time=KILL - 9)])
    ] == [4711]


@pytest.mark.parametrize(
    "begin",
    [
        'overlayfs: unrecognized mount option "%s" or missing value',
        "tmpfs: Unknown parameter '%s'",
        "audit: type=1400 audit(1.1:1): name=%s",
        "eve: %s",
    ],
)
def test_a_message_that_repeats_user_input_is_not_a_kill(gateway, begin):
    """Users can make the kernel print such lines, with a mount in their own namespace."""
    running = gateway(pid=4711, start_time=KILL - 5)
    chosen = (
        "oom-kill:constraint=CONSTRAINT_NONE,task_memcg=/system.slice/hermes-gateway.service,"
        "task=python,pid=4711,uid=1000"
    )
    group = "Tasks in /x are going to be killed due to memory.oom.group set"
    for said in (KILLED % 1000, chosen, group):
        assert not kernel.kills([Line(KILL, begin % said)], [running])


def test_a_group_of_another_user_does_not_take_a_kill(gateway):
    """The group's cgroup is lent to kills whose own line is missing: not to another user's."""
    group = (
        "Tasks in /user.slice/user-1002.slice/user@1002.service/app.slice/eve.service "
        "are going to be killed due to memory.oom.group set"
    )
    running = gateway(pid=4711, start_time=KILL - 5)
    found = [Line(KILL - 1, group), Line(KILL, KILLED % 1000)]
    assert [kill.pid for kill in kernel.kills(found, [running])] == [4711]


def test_a_group_ends_at_the_next_process_that_is_chosen(gateway):
    group = "Tasks in /system.slice/x.service are going to be killed due to memory.oom.group set"
    chosen = (
        "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task_memcg=/init.scope,"
        "task=a,pid=7,uid=0"
    )
    running = gateway(pid=4711, start_time=KILL - 5)
    found = [Line(KILL - 2, group), Line(KILL - 1, chosen), Line(KILL, KILLED % 1000)]
    assert [kill.pid for kill in kernel.kills(found, [running])] == [4711]


def test_a_cgroup_whose_name_looks_like_the_rest_of_the_line(gateway):
    """A user can give cgroups below their own manager any name."""
    own = "/user.slice/user-1002.slice/user@1002.service/app.slice/"
    for name in (
        "a,task_memcg=,task=x,pid=4711,uid=1000",
        "user@1001.service/hermes-gateway-coder.service",
        "hermes-gateway.service",
        ",task=" * 500,
    ):
        line = (
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=%s,mems_allowed=0,"
            "oom_memcg=/x,task_memcg=%s,task=python,pid=9,uid=1002" % (name[:200], own + name)
        )
        both = [gateway(pid=4711, start_time=0), gateway("user", pid=4711, start_time=0)]
        assert not kernel.kills([Line(KILL, line)], both)


def test_a_hundred_thousand_lines_take_seconds(gateway):
    """As many as a user's own processes are killed in a day."""
    chosen = (
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
        "oom_memcg=/x,task_memcg=%s,task=x,pid=%d,uid=1002"
    )
    own = "/user.slice/user-1002.slice/user@1002.service" + "/x,task=" * 30
    found = [Line(KILL + place / 100, chosen % (own, place)) for place in range(100000)]
    start = time.process_time()
    assert not kernel.kills(found, [gateway()])
    assert time.process_time() - start < 20


TASK = "Task in %s killed as a result of limit of %s"
CHOSEN_BEFORE_5 = (
    "Memory cgroup out of memory: Kill process 4123 (python) score 981 or sacrifice child"
)
OWN = "/system.slice/hermes-gateway.service"
KILLED_BEFORE_5 = (
    "Killed process %d (%s) total-vm:1290344kB, anon-rss:588112kB, file-rss:12004kB, shmem-rss:0kB"
)


def lines(*texts):
    return [Line(KILL + place / 1000, text) for place, text in enumerate(texts)]


def test_kernel_before_5_names_the_cgroup_in_a_line_of_its_own(gateway):
    found = lines(
        "python invoked oom-killer: gfp_mask=0x6200ca(GFP_HIGHUSER_MOVABLE), order=0",
        TASK % (OWN, OWN),
        "memory: usage 614400kB, limit 614400kB, failcnt 208",
        CHOSEN_BEFORE_5,
        KILLED_BEFORE_5 % (4123, "python"),
        "oom_reaper: reaped process 4123 (python), now anon-rss:0kB",
    )
    kills = kernel.kills(found, [gateway()])
    rss = (588112 + 12004) * 1024
    assert brief(kills) == [("hermes-gateway", 4123, "python", rss, "cgroup", "kernel")]


@pytest.mark.parametrize(
    "memcg",
    [
        "/user.slice/user-1002.slice/user@1002.service/x killed as a result of limit of " + OWN,
        "/user.slice/user-1002.slice/user@1002.service" + OWN,
        "/docker/abc" + OWN,
    ],
)
def test_cgroup_of_another_before_kernel_5(gateway, memcg):
    """A user can give a cgroup any name, also one that imitates the rest of the line."""
    found = lines(TASK % (memcg, OWN), CHOSEN_BEFORE_5, KILLED_BEFORE_5 % (4123, "python"))
    assert kernel.kills(found, [gateway()]) == []


@pytest.mark.parametrize("with_task", [True, False])
def test_a_child_that_was_sacrificed(gateway, with_task):
    """The chosen process survives: one kill, of the child."""
    seen = {"hermes-gateway": {pid: Seen(KILL - 3000, KILL - 100) for pid in (4123, 4190)}}
    texts = [CHOSEN_BEFORE_5, KILLED_BEFORE_5 % (4190, "node")]
    found = lines(*([TASK % (OWN, OWN)] * with_task + texts))
    kills = kernel.kills(found, [gateway()], None if with_task else seen)
    assert [(kill.pid, kill.comm, kill.scope) for kill in kills] == [(4190, "node", "cgroup")]


def test_two_kills_before_kernel_5_are_two(gateway):
    found = lines(
        TASK % (OWN, OWN),
        CHOSEN_BEFORE_5,
        KILLED_BEFORE_5 % (4190, "node"),
        TASK % (OWN, OWN),
        CHOSEN_BEFORE_5,
        KILLED_BEFORE_5 % (4123, "python"),
    )
    assert [kill.pid for kill in kernel.kills(found, [gateway()])] == [4190, 4123]


def test_a_group_lends_its_cgroup_to_processes_of_its_user_only(gateway):
    """The kernel's line of the other process is missing: it was in a different cgroup."""
    group = "Tasks in %s are going to be killed due to memory.oom.group set" % OWN
    killed = KILLED.replace("4711 (python)", "9120 (mysqld)")
    assert kernel.kills(lines(group, killed % 112), [gateway()]) == []
    assert [kill.pid for kill in kernel.kills(lines(group, killed % 1000), [gateway()])] == [9120]


def test_hundred_thousand_lines_of_a_kernel_before_5_take_seconds(gateway):
    texts = [CHOSEN_BEFORE_5.replace("4123", str(place)) for place in range(50000)]
    every = [text for one in texts for text in (one, KILLED_BEFORE_5 % (99, "x"))]
    start = time.process_time()
    assert not kernel.kills(lines(*every), [gateway()])
    assert time.process_time() - start < 20
