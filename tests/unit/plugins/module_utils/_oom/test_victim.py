# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The owner of a killed process, if its cgroup does not identify it."""

from __future__ import annotations

import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._oom import oom_info

KILL = 1763800000
NOW = KILL + 7200
UNIT = "hermes-gateway.service"
KILLED = UNIT + ": Main process exited, code=killed, status=9/KILL"
LINE = (
    "Out of memory: Killed process 2214 (hermes) total-vm:1174456kB, anon-rss:331664kB, "
    "file-rss:1600kB, shmem-rss:0kB, UID:1000 pgtables:1052kB oom_score_adj:0"
)
CHOSEN = (
    "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
    "task_memcg=%s,task=hermes,pid=2214,uid=1000"
)
# From a kernel before 5.0, which does not log the user of the process.
NO_UID = "Killed process 2214 (hermes) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:0kB"


def kernel(journal, *lines, moment=KILL):
    for place, line in enumerate(lines):
        fields = {"_TRANSPORT": "kernel", "SYSLOG_FACILITY": "0"}
        journal.add(moment + place / 1000, line, **fields)


def pids(gateways):
    return [kill["pid"] for kill in oom_info.find(gateways, 24, NOW)["kills"]]


@pytest.mark.parametrize("lines", [[LINE], [CHOSEN % "/", LINE], [CHOSEN % "/system.slice", LINE]])
def test_killed_before_the_first_sample_on_a_host_without_cgroups_for_memory(
    gateway, journal, lines
):
    """As on a Raspberry Pi: user and time match, and the main process ended by SIGKILL."""
    kernel(journal, *lines)
    journal.add(KILL + 0.4, KILLED, unit=UNIT)
    kills = oom_info.find([gateway()], 24, NOW)["kills"]
    assert [(kill["pid"], kill["comm"], kill["source"]) for kill in kills] == [
        (2214, "hermes", "kernel")
    ]


@pytest.mark.parametrize(
    ("later", "uid", "count"), [(0.4, 1000, 1), (9, 1000, 1), (11, 1000, 0), (0.4, 1001, 0)]
)
def test_moment_and_user_have_to_fit(gateway, journal, later, uid, count):
    kernel(journal, LINE)
    journal.add(KILL + later, KILLED, unit=UNIT)
    assert len(pids([gateway(uid=uid)])) == count


@pytest.mark.parametrize(("later", "count"), [(0.4, 1), (5, 0)])
def test_a_process_of_unknown_user_has_to_end_at_once(gateway, journal, later, count):
    kernel(journal, NO_UID)
    journal.add(KILL + later, KILLED, unit=UNIT)
    assert len(pids([gateway()])) == count


def test_in_another_unit_it_is_anothers_process(gateway, journal):
    """SIGKILL of the gateway at that moment had another reason."""
    kernel(journal, CHOSEN % "/system.slice/mysql.service", LINE)
    journal.add(KILL + 0.4, KILLED, unit=UNIT)
    assert pids([gateway()]) == []


def test_one_end_explains_one_kill(gateway, journal, history):
    """The pid of the main process is known: the other process of the user is not the gateway's."""
    kernel(journal, LINE.replace("2214 (hermes)", "99 (train)"), moment=KILL - 2)
    kernel(journal, LINE)
    journal.add(KILL + 0.4, KILLED, unit=UNIT)
    history("hermes-gateway", (KILL - 300, 2214, None, "1" * 32))
    assert pids([gateway()]) == [2214]


def test_a_process_of_the_user_in_an_unknown_cgroup_is_a_note(gateway, journal):
    kernel(journal, LINE)
    answer = oom_info.find([gateway(), gateway("user")], 24, NOW)
    assert answer["kills"] == [] and answer["notes"] == [
        "the kernel killed 1 processes of user 1000 without naming their unit; they may have"
        " belonged to hermes-gateway"
    ]


@pytest.mark.parametrize(
    ("memcg", "scope", "count"),
    [
        ("/user.slice/user-1000.slice/session-7.scope", "system", 0),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope", "user", 0),
        # Above the unit, as without a cgroup of the unit's own.
        ("/", "system", 1),
        ("/system.slice", "system", 1),
        ("/user.slice/user-1000.slice/user@1000.service", "user", 1),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice", "user", 1),
    ],
)
def test_a_pid_that_is_used_again(gateway, journal, history, memcg, scope, count):
    """The pid was in the history 50 minutes ago, but its cgroup identifies another owner."""
    kernel(journal, CHOSEN % memcg, LINE)
    one = gateway(scope, uid=1000)
    history(one.name, (KILL - 3000, 2214, 0, "1" * 32))
    assert len(pids([one])) == count


def test_a_gateway_that_was_started_manually_is_in_a_session(gateway, journal, history):
    kernel(journal, CHOSEN % "/user.slice/user-1000.slice/session-7.scope", LINE)
    one = gateway(name="manual", unit=None, scope="manual", uid=1000)
    history("manual", (KILL - 3000, 2214, 0, "1" * 32))
    assert pids([one]) == [2214]


def test_many_forged_exits_cost_no_time_and_hide_nothing(gateway, journal):
    """A user forges 20,000 exits of their own gateway at the time of a kill of another."""
    kernel(journal, LINE)
    journal.add(KILL + 0.4, KILLED, unit=UNIT)
    own = {"_UID": "1001", "USER_UNIT": "hermes-gateway-coder.service"}
    for place in range(20000):
        journal.add(KILL + place / 10000, KILLED, **own)
    uid = LINE.replace("UID:1000", "UID:1001")
    for place in range(5000):
        kernel(journal, uid.replace("2214", str(5000 + place)), moment=KILL + place / 5000)
    start = time.process_time()
    kills = oom_info.find([gateway("user"), gateway()], 24, NOW)["kills"]
    assert time.process_time() - start < 20
    assert [kill["pid"] for kill in kills if kill["name"] == "hermes-gateway"] == [2214]
