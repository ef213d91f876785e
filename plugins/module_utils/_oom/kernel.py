# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds OOM kills in the kernel's log.

The kernel writes two lines about a kill: the chosen process with its cgroup, and the killed process
with its memory. Either may be missing, because the kernel limits the rate of its messages.

Users choose the names of their processes and cgroups, and some kernel messages repeat user input,
such as an option of mount(8). A line therefore counts only if it begins like the kernel's own. It
is parsed from the end, so that user input cannot imitate a field.
"""

from __future__ import annotations

import re

from .._hermes.discovery import Gateway
from .._host import display, journal
from .._host.journal import Line
from .counter import Seen
from .exits import Exits
from .kill import SAME_KILL, Kill
from .victim import Known, Victim, by_exit, may_be_of, whose

_BEGIN_CHOSEN = "oom-kill:constraint="
_BEGIN_KILLED = (
    r"(?:(?:Memory cgroup o|O)ut of memory(?: \(oom_kill_allocating_task\))?: )?"
    r"Kill(?:ed)? process [0-9]+ "
)
_BEGIN_GROUP = "Tasks? in /"
_BEGIN = "^(?:%s|%s|%s)" % (_BEGIN_CHOSEN, _BEGIN_KILLED, _BEGIN_GROUP)

_KILLED = re.compile(
    r"((?:Memory cgroup o|O)ut of memory[^:]{0,40}: )?"
    r"Kill(?:ed)? process (\d{1,10}) \((.*)\)(?=,? (?:UID |total-vm:|score ))"
)
_RSS = re.compile(r"anon-rss:(\d{1,15})kB, file-rss:(\d{1,15})kB(?:, shmem-rss:(\d{1,15})kB)?")
_UID = re.compile(r"\bUID:? ?(\d{1,10})\b")
# Kernels before 5.0: the chosen process, which may not be the killed one, and its cgroup.
_CHOSEN_BEFORE = re.compile(r"((?:Memory cgroup o|O)ut of memory[^:]{0,40}: )Kill process ")
_TASK = re.compile(r"Task in (/.*?) killed as a result of limit of /")
_GROUP = re.compile(r"Tasks in (/.*) are going to be killed due to memory\.oom\.group set\Z")
_PID = re.compile(r"\d{1,10}\Z")
_CONSTRAINTS = {"CONSTRAINT_MEMCG": "cgroup"}

# A process name has 15 characters; a kernel thread has a few more.
_MAX_COMM = 64


def lines(gateways: list[Gateway], since: float) -> tuple[list[Line], list[str]]:
    """The lines about kills in the kernel's log since epoch second ``since``, and notes.

    A user can cause any number of kills of their own processes. If there are too many to read, only
    lines about the user of each gateway are read.
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
    """The kills of processes of ``gateways`` in the kernel's lines ``found``, oldest first.

    ``pids`` are those in the history of each gateway, by its name.
    """
    return kills_of(victims(found), gateways, Known(pids or {}, Exits()))[0]


def kills_of(
    killed: list[Victim], gateways: list[Gateway], known: Known
) -> tuple[list[Kill], list[Victim]]:
    """The kills of processes of ``gateways`` in ``killed``, and the other victims, oldest first.

    Exits in ``known`` that explain a kill are removed. A gateway that is killed before its first
    sample, on a host without the memory controller, can only be identified by its exit.
    """
    owners = [whose(victim, gateways, known) for victim in killed]
    for victim, owner in zip(killed, owners):
        if owner is not None:
            by_exit(victim, [owner], known.exits)
    result = []
    others = []
    for victim, owner in zip(killed, owners):
        gateway = owner or by_exit(victim, gateways, known.exits)
        if gateway is None:
            others.append(victim)
        else:
            result.append(victim.killed(gateway))
    return result, others


def unclear(others: list[Victim], gateways: list[Gateway]) -> list[str]:
    """Notes on ``others`` that may have belonged to ``gateways``."""
    notes = []
    for gateway in gateways:
        fit = [
            victim
            for victim in others
            if victim.uid == gateway.uid
            and victim.pid != gateway.pid
            and may_be_of(victim, gateway)
        ]
        if fit:
            notes.append(
                "the kernel killed %d processes of user %d without naming their unit; they may"
                " have belonged to %s" % (len(fit), gateway.uid, gateway.name)
            )
    return notes


def victims(found: list[Line]) -> list[Victim]:
    """The processes that were killed according to ``found``, one for all lines about it."""
    read = _Reader()
    for line in found:
        read.line(line.time, line.text.rstrip())
    return read.victims


class _Reader:
    """Combines the lines about each process by its pid.

    ``group`` is the cgroup of processes that are killed together, ``task`` that of the process that
    a kernel before 5.0 chose. ``announced`` is that process: it survives if a child is killed.
    """

    def __init__(self) -> None:
        self.victims: list[Victim] = []
        self._latest: dict[int, Victim] = {}
        self._group: Line | None = None
        self._task: Line | None = None
        self._announced: Victim | None = None

    def line(self, time: float, text: str) -> None:
        together, task = _GROUP.match(text), _TASK.match(text)
        chosen, killed = _chosen(text), _KILLED.match(text)
        if together:
            self._group = Line(time, together.group(1))
        elif task:
            self._task, self._group = Line(time, task.group(1)), None
        elif chosen:
            victim = self._of(chosen.pid, time)
            victim.scope, victim.memcg, victim.uid = chosen.scope, chosen.memcg, chosen.uid
            victim.lent, victim.comm = False, chosen.comm
            # The kernel names a group after the chosen process.
            self._group = None
        elif killed:
            self._killed(time, text, killed)

    def _of(self, pid: int, time: float) -> Victim:
        """The victim with ``pid`` right before ``time``, or a new one."""
        victim = self._latest.get(pid)
        if victim is None or time - victim.time > SAME_KILL:
            victim = self._latest[pid] = Victim(time, pid)
            self.victims.append(victim)
        return victim

    def _killed(self, time: float, text: str, killed: re.Match[str]) -> None:
        pid = int(killed.group(2))
        before, self._announced = self._announced, None
        if before and (killed.group(1) or time - before.time > SAME_KILL):
            before = None
        if before and before.pid != pid:
            # A child was killed instead.
            if self.victims[-1] is before:
                self.victims.pop()
                del self._latest[before.pid]
        victim = self._of(pid, time)
        if before:
            victim.scope, victim.memcg = before.scope, before.memcg
            victim.lent = before.pid != pid and before.memcg is not None
        _add_killed(victim, text, killed)
        if _CHOSEN_BEFORE.match(text):
            self._announced = victim
            if victim.memcg is None and victim.scope == "cgroup":
                self._lend(victim, self._task, time)
                victim.lent = False
            self._task = None
        elif victim.memcg is None and self._group:
            self._lend(victim, self._group, time)

    def _lend(self, victim: Victim, cgroup: Line | None, time: float) -> None:
        if cgroup and time - cgroup.time < SAME_KILL:
            victim.memcg, victim.lent = cgroup.text, True


def _chosen(text: str) -> Victim | None:
    """The process that the kernel chose; the time is not set."""
    if not text.startswith(_BEGIN_CHOSEN):
        return None
    # The name of a process may contain ",pid=1,uid=0", that of a cgroup ",task=x".
    rest, _separator, uid = text.rpartition(",uid=")
    rest, _separator, pid = rest.rpartition(",pid=")
    rest, _separator, comm = rest.rpartition(",task=")
    before, separator, memcg = rest.partition(",task_memcg=")
    if not separator or not _PID.match(pid) or not _PID.match(uid):
        return None
    victim = Victim(0.0, int(pid))
    victim.scope = _CONSTRAINTS.get(before[len(_BEGIN_CHOSEN) :].partition(",")[0], "global")
    victim.memcg, victim.uid = memcg, int(uid)
    victim.comm = display.printable(comm, _MAX_COMM) or None
    return victim


def _add_killed(victim: Victim, text: str, killed: re.Match[str]) -> None:
    """Add the fields of ``text``, the line about the ``killed`` process, that are still missing."""
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
