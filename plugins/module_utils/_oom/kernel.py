# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OOM kills in the kernel's log.

The kernel writes two lines about a kill: which process it chose, with the cgroup of that process,
and what it killed, with its memory. Each may be missing, as the kernel leaves lines out that come
too fast.
"""

from __future__ import annotations

import re

from .._hermes.discovery import Gateway
from .._host import display
from .._host.journal import Line
from .counter import Seen
from .kill import KERNEL, SAME_KILL, Kill
from .unit_cgroup import in_a_service, in_unit

# What journalctl is to look for; all that the patterns below match.
GREP = "oom-kill:constraint=|Kill(ed)? process [0-9]+ |memory.oom.group"

_CHOSEN = re.compile(
    r"oom-kill:constraint=(\w+),.*?,task_memcg=(.*),task=(.*),pid=(\d+),uid=(\d+)\Z"
)
_KILLED = re.compile(r"(?:\A|: )Kill(?:ed)? process (\d+) \((.*)\)(?=,? (?:UID |total-vm:|score ))")
_RSS = re.compile(r"anon-rss:(\d+)kB, file-rss:(\d+)kB(?:, shmem-rss:(\d+)kB)?")
_UID = re.compile(r"\bUID:? ?(\d+)")
_GROUP = re.compile(r"Tasks in (/.*) are going to be killed due to memory\.oom\.group set\Z")
_CONSTRAINTS = {"CONSTRAINT_MEMCG": "cgroup"}

# A process name has 15 characters; a thread of the kernel's, a few more.
_MAX_COMM = 64
# Seconds that a pid is taken for the gateway's after a sample showed it: the history has one every
# few minutes.
PID_SEEN = 3600


class _Victim:
    """A process that the kernel killed, from both lines; None is unknown."""

    def __init__(self, time: float, pid: int) -> None:
        self.time = time
        self.pid = pid
        self.comm: str | None = None
        self.memcg: str | None = None
        self.uid: int | None = None
        self.scope: str | None = None
        self.rss_bytes: int | None = None


def kills(
    lines: list[Line], gateways: list[Gateway], pids: dict[str, dict[int, Seen]] | None = None
) -> list[Kill]:
    """The kills of processes of ``gateways`` in ``lines`` of the kernel, oldest first.

    ``pids`` are those that the history of each gateway, by its name, knows.
    """
    found = []
    for victim in _victims(lines):
        for gateway in gateways:
            if _is_of(victim, gateway, (pids or {}).get(gateway.name, {})):
                kill = Kill(gateway, victim.time, KERNEL)
                kill.pid, kill.comm = victim.pid, victim.comm
                kill.rss_bytes, kill.scope = victim.rss_bytes, victim.scope
                found.append(kill)
                break
    return found


def _victims(lines: list[Line]) -> list[_Victim]:
    """The processes killed, the lines about each put together by its pid."""
    found: list[_Victim] = []
    group = None
    for line in lines:
        text = line.text.rstrip()
        together = _GROUP.search(text)
        chosen = _CHOSEN.search(text)
        killed = _KILLED.search(text)
        if together:
            group = Line(line.time, together.group(1))
        if chosen:
            victim = _victim(found, int(chosen.group(4)), line.time)
            victim.scope = _CONSTRAINTS.get(chosen.group(1), "global")
            victim.memcg = chosen.group(2)
            victim.comm = display.printable(chosen.group(3), _MAX_COMM) or None
            victim.uid = int(chosen.group(5))
        elif killed:
            victim = _victim(found, int(killed.group(1)), line.time)
            _add_killed(victim, text, killed)
            if victim.memcg is None and group and line.time - group.time < SAME_KILL:
                victim.memcg = group.text
    return found


def _victim(found: list[_Victim], pid: int, time: float) -> _Victim:
    """That of ``pid`` among those ``found`` just before ``time``, else a new one."""
    for victim in reversed(found):
        if time - victim.time > SAME_KILL:
            break
        if victim.pid == pid:
            return victim
    found.append(_Victim(time, pid))
    return found[-1]


def _add_killed(victim: _Victim, text: str, killed: re.Match[str]) -> None:
    """Add what ``text``, the line of what was ``killed``, says and the other line did not."""
    victim.comm = victim.comm or display.printable(killed.group(2), _MAX_COMM) or None
    rss = _RSS.search(text, killed.end())
    uid = _UID.search(text, killed.end())
    if rss:
        victim.rss_bytes = sum(int(part or 0) for part in rss.groups()) * 1024
    if uid and victim.uid is None:
        victim.uid = int(uid.group(1))
    before = text[: killed.start()]
    if victim.scope is None and before:
        victim.scope = "cgroup" if "emory cgroup out of memory" in before else "global"


def _is_of(victim: _Victim, gateway: Gateway, seen: dict[int, Seen]) -> bool:
    """By the cgroup, else by user and pid, never by the name: that is hermes or python."""
    if victim.memcg is not None:
        if in_unit(victim.memcg, gateway):
            return True
        # In another unit it is another's process, no matter whose its pid was an hour ago.
        if in_a_service(victim.memcg):
            return False
    if victim.uid not in (None, gateway.uid):
        return False
    if gateway.pid == victim.pid:
        return gateway.start_time is not None and victim.time >= gateway.start_time - 1
    known = seen.get(victim.pid)
    return known is not None and known.first <= victim.time <= known.last + PID_SEEN
