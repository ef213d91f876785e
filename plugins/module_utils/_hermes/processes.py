# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the processes that may be gateways, including those without a unit and in containers."""

from __future__ import annotations

import pwd

from .._host import container, proc, reach
from . import homes, launch
from .gateway import Gateway, profile_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Dict

    _Commands = Dict[int, launch.Launch]
else:
    _Commands = dict


ROOT = 0
# Processes of one user, in order of pid. Any user can start processes with a gateway's command
# line, and each one costs time.
MAX_OF_USER = 200
# Gateways of one user that are listed as started manually.
MAX_MANUAL = 20


class Candidates(_Commands):
    """The commands of processes by pid.

    Facts about a process are cached, because every unit of a host needs them.
    """

    def __init__(self, found: Mapping[int, launch.Launch]) -> None:
        super().__init__(found)
        self._uids = {pid: proc.uid(pid) for pid in found}
        self._places: dict[int, tuple[str, frozenset[int]]] = {}

    def of_user(self, uid: int) -> Candidates:
        """The candidates that belong to the user."""
        return Candidates({pid: self[pid] for pid in self if self._uids[pid] == uid})

    def bounded(self) -> Candidates:
        """At most MAX_OF_USER candidates of each user, in order of pid."""
        counts: dict[int | None, int] = {}
        kept = {}
        for pid in self:
            uid = self._uids[pid]
            counts[uid] = counts.get(uid, 0) + 1
            if counts[uid] <= MAX_OF_USER:
                kept[pid] = self[pid]
        return Candidates(kept)

    def in_unit(self, pid: int, group: str, main_pid: int | None) -> bool:
        """Whether the process is in the cgroup, or is ``main_pid`` or its descendant."""
        if pid == main_pid:
            return True
        if pid not in self._places:
            self._places[pid] = proc.cgroup(pid) or "", frozenset(proc.ancestors(pid))
        own, above = self._places[pid]
        return _is_within(own, group) or main_pid in above


def candidates_of(pids: Iterable[int] | None = None) -> Candidates:
    """The processes of ``pids``, or of all, that are or may be a gateway by their command lines.

    Returns at most MAX_OF_USER processes of each user.
    """
    if pids is None:
        pids = proc.pids()
        # Any user can create a process whose command line blocks when it is read.
        reach.unanswered({reach.PROCESSES + str(pid): _key(pid) for pid in pids})
    found = {}
    for pid in pids:
        command = launch.gateway(proc.argv(pid))
        if command is not None:
            found[pid] = command
    return Candidates(found).bounded()


def _key(pid: int) -> str:
    """The user of a process; the process itself if it may work for another user."""
    uid = proc.uid(pid)
    return "process %d" % pid if uid is None else "uid %d" % uid


def started_manually(
    known: Sequence[Gateway], candidates: Mapping[int, launch.Launch]
) -> list[Gateway]:
    """The ``candidates`` that run without a unit: started in a terminal, by tmux, or by cron."""
    names = {gateway.name for gateway in known}
    taken = {pid for one in known for pid in (one.pid, one.main_pid) if pid}
    groups = [one.control_group for one in known if one.pid and one.control_group]
    found: list[Gateway] = []
    above = taken | set(candidates)
    counts: dict[int, int] = {}
    for pid, command in candidates.items():
        # A forked child of a gateway has its parent's command line.
        if pid in taken or proc.has_ancestor(pid, above):
            continue
        if any(in_cgroup(pid, group) for group in groups) or container.of(pid) is not None:
            continue
        user = owner(pid)
        environment = proc.of_user(pid, user.pw_uid, proc.environ) if user else None
        if user is None or environment is None or not _is_believed(pid, user, command):
            continue
        home = homes.of(user, environment, command, pid)
        if not command.certain and not homes.wrote_state(home, pid, user.pw_uid):
            # A chat has the same process title, but a shell as its parent.
            if len(proc.argv(pid)) > 1 or proc.parent(pid) != 1:
                continue
        profile = profile_of(proc.argv(pid), home)
        name = "hermes-gateway%s@%s" % ("-" + profile if profile else "", user.pw_name)
        if name in names:
            name += ".manual"
        if name in names:
            name += "-%d" % pid
        names.add(name)
        counts[user.pw_uid] = counts.get(user.pw_uid, 0) + 1
        if counts[user.pw_uid] > MAX_MANUAL:
            continue
        gateway = Gateway(name, "manual", user, homes.resolved(home))
        gateway.set_state({}, pid, proc.argv(pid))
        found.append(gateway)
    return found


def _is_believed(pid: int, user: pwd.struct_passwd, command: launch.Launch) -> bool:
    """Whether the owner of the process really started it; processes of root need more proof.

    Programs such as sudo run as root while they ask for a password, with a command line and an
    environment that any user can choose. Their executable is not a Python interpreter.
    """
    if user.pw_uid != ROOT:
        return True
    program = proc.exe(pid)
    if program is None or not launch.is_python(program):
        return False
    # Imported on demand: rarely needed.
    from .._host import trust

    return all(trust.why_not_way(path) is None for path in (program, command.python) if path)


def in_containers(candidates: Mapping[int, launch.Launch]) -> list[Gateway]:
    """The gateways in containers; their paths are not paths of this host."""
    found: list[Gateway] = []
    above = set(candidates)
    for pid, command in candidates.items():
        place = container.of(pid) if command.certain else None
        if place is None or proc.has_ancestor(pid, above):
            continue
        given = container.given_name(place)
        short = given[:12] if given == place.name else given
        name = "%s:%s" % (place.engine or "container", short or pid)
        if command.profile:
            name += ":" + command.profile
        if name in {one.name for one in found}:
            name += "-%d" % pid
        home = proc.environ(pid).get("HERMES_HOME") or ""
        # The uid belongs to the image; it is unrelated to the user of this host with the same uid.
        uid = proc.uid(pid)
        gateway = Gateway(name, "container", no_account(str(uid), -1 if uid is None else uid), home)
        gateway.set_state({"ControlGroup": proc.cgroup(pid) or ""}, pid)
        # The host never starts a program from a container.
        gateway.python = gateway.root = None
        gateway.container = given or None
        found.append(gateway)
    return found


def owner(pid: int) -> pwd.struct_passwd | None:
    """The passwd entry of a process's user, or None."""
    uid = proc.uid(pid)
    try:
        return None if uid is None else pwd.getpwuid(uid)
    except KeyError:
        return None


def no_account(name: str, uid: int = -1) -> pwd.struct_passwd:
    """A placeholder for an account that does not exist on this host."""
    return pwd.struct_passwd((name, "x", uid, uid, "", "/nonexistent", ""))


def in_cgroup(pid: int, group: str) -> bool:
    return _is_within(proc.cgroup(pid) or "", group)


def _is_within(own: str, group: str) -> bool:
    """Whether the cgroup ``own`` is ``group`` or below it; always False for the root cgroup."""
    return bool(group.strip("/")) and (own == group or own.startswith(group + "/"))
