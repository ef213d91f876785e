# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OOM kills in the kernel's log.

The kernel writes two lines about a kill: which process it chose, with the cgroup of that process,
and what it killed, with its memory. Each may be missing, as the kernel leaves lines out that come
too fast.

Users choose the names of their processes and cgroups, and some messages of the kernel repeat what a
user said, such as an option of mount(8). So a line counts only if it begins as the kernel's own
does, and what a user may have written is cut off from its end.
"""

from __future__ import annotations

import re

from .._hermes.discovery import Gateway
from .._host import display, journal
from .._host.journal import Line
from .counter import Seen
from .kill import KERNEL, SAME_KILL, Kill
from .unit_cgroup import in_a_service, in_unit, manager_uid

_BEGIN_CHOSEN = "oom-kill:constraint="
_BEGIN_KILLED = (
    r"(?:(?:Memory cgroup o|O)ut of memory(?: \(oom_kill_allocating_task\))?: )?"
    r"Kill(?:ed)? process [0-9]+ "
)
_BEGIN_GROUP = "Tasks in /"
_BEGIN = "^(?:%s|%s|%s)" % (_BEGIN_CHOSEN, _BEGIN_KILLED, _BEGIN_GROUP)

_KILLED = re.compile(
    r"((?:Memory cgroup o|O)ut of memory[^:]{0,40}: )?"
    r"Kill(?:ed)? process (\d{1,10}) \((.*)\)(?=,? (?:UID |total-vm:|score ))"
)
_RSS = re.compile(r"anon-rss:(\d{1,15})kB, file-rss:(\d{1,15})kB(?:, shmem-rss:(\d{1,15})kB)?")
_UID = re.compile(r"\bUID:? ?(\d{1,10})\b")
_GROUP = re.compile(r"Tasks in (/.*) are going to be killed due to memory\.oom\.group set\Z")
_PID = re.compile(r"\d{1,10}\Z")
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


def lines(gateways: list[Gateway], since: float) -> tuple[list[Line], list[str]]:
    """What the kernel's log says of kills since epoch second ``since``, and notes on it.

    A user can have their own processes killed as often as they like. If that is more than can be
    read, the log is searched for what is about the user of each gateway.
    """
    words: dict[int, set[str]] = {}
    names: dict[int, list[str]] = {}
    for gateway in gateways:
        about = words.setdefault(gateway.uid, _words_of(gateway.uid))
        about.update({"/%s[/, ]" % re.escape(gateway.unit)} if gateway.unit else ())
        names.setdefault(gateway.uid, []).append(gateway.name)
    narrower = {
        ", ".join(names[uid]): "%s.*(?:%s)" % (_BEGIN, "|".join(sorted(about)))
        for uid, about in words.items()
    }
    return journal.kernel_lines(since, _BEGIN, narrower)


def _words_of(uid: int) -> set[str]:
    return {",uid=%d$" % uid, r"\bUID:? ?%d\b" % uid, "/user@%d[.]service/" % uid}


def kills(
    found: list[Line], gateways: list[Gateway], pids: dict[str, dict[int, Seen]] | None = None
) -> list[Kill]:
    """The kills of processes of ``gateways`` in the lines ``found`` of the kernel, oldest first.

    ``pids`` are those that the history of each gateway, by its name, knows.
    """
    result = []
    for victim in _victims(found):
        for gateway in gateways:
            if _is_of(victim, gateway, (pids or {}).get(gateway.name, {})):
                kill = Kill(gateway, victim.time, KERNEL)
                kill.pid, kill.comm = victim.pid, victim.comm
                kill.rss_bytes, kill.scope = victim.rss_bytes, victim.scope
                result.append(kill)
                break
    return result


def _victims(found: list[Line]) -> list[_Victim]:
    """The processes killed, the lines about each put together by its pid."""
    victims: list[_Victim] = []
    latest: dict[int, _Victim] = {}
    group = None

    def victim_of(pid: int, time: float) -> _Victim:
        """That of ``pid`` just before ``time``, else a new one."""
        victim = latest.get(pid)
        if victim is None or time - victim.time > SAME_KILL:
            victim = latest[pid] = _Victim(time, pid)
            victims.append(victim)
        return victim

    for line in found:
        text = line.text.rstrip()
        together = _GROUP.match(text)
        killed = _KILLED.match(text)
        chosen = _chosen(text)
        if together:
            group = Line(line.time, together.group(1))
        elif chosen:
            victim = victim_of(chosen.pid, line.time)
            victim.scope, victim.memcg, victim.uid = chosen.scope, chosen.memcg, chosen.uid
            victim.comm = chosen.comm
            # The kernel names a group behind the process that it chose.
            group = None
        elif killed:
            victim = victim_of(int(killed.group(2)), line.time)
            _add_killed(victim, text, killed)
            if victim.memcg is None and group and line.time - group.time < SAME_KILL:
                if manager_uid(group.text) in (None, victim.uid):
                    victim.memcg = group.text
    return victims


def _chosen(text: str) -> _Victim | None:
    """The process that the kernel says it chose; the time is not set."""
    if not text.startswith(_BEGIN_CHOSEN):
        return None
    # The name of a process may hold ",pid=1,uid=0", that of a cgroup ",task=x".
    rest, _separator, uid = text.rpartition(",uid=")
    rest, _separator, pid = rest.rpartition(",pid=")
    rest, _separator, comm = rest.rpartition(",task=")
    before, separator, memcg = rest.partition(",task_memcg=")
    if not separator or not _PID.match(pid) or not _PID.match(uid):
        return None
    victim = _Victim(0.0, int(pid))
    victim.scope = _CONSTRAINTS.get(before[len(_BEGIN_CHOSEN) :].partition(",")[0], "global")
    victim.memcg, victim.uid = memcg, int(uid)
    victim.comm = display.printable(comm, _MAX_COMM) or None
    return victim


def _add_killed(victim: _Victim, text: str, killed: re.Match[str]) -> None:
    """Add what ``text``, the line of what was ``killed``, says and the other line did not."""
    victim.comm = victim.comm or display.printable(killed.group(3), _MAX_COMM) or None
    rss = _RSS.search(text, killed.end())
    uid = _UID.search(text, killed.end())
    if rss:
        victim.rss_bytes = sum(int(part or 0) for part in rss.groups()) * 1024
    if uid and victim.uid is None:
        victim.uid = int(uid.group(1))
    before = killed.group(1)
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
