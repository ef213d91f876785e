# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding every Hermes gateway of a host: system scope, every user's scope, started manually.

systemd is asked first. A unit is a gateway's if the command that it starts is one, if the processes
in its cgroup are, or if its name is one that Hermes gives. The gateway's own process is looked for
in the unit's cgroup: that one is measured and asked, not a shell or a runner above it.
"""

from __future__ import annotations

import collections
import os
import pwd
import re

from .._host import cgroup, container, proc, systemd
from .._host.errors import RunError, SystemdError
from . import homes, launch, unit_file, wrapper
from .gateway import OWN_UNITS, SAFE_HOME, SAFE_NAME, Gateway, home_problem, own_unit, profile_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import NamedTuple, Protocol

    class Known(Protocol):
        """A gateway whose place is known: the settings of one, or a Gateway."""

        @property
        def name(self) -> str: ...
        @property
        def scope(self) -> str: ...
        @property
        def unit(self) -> str | None: ...
        @property
        def home(self) -> str: ...
        @property
        def account(self) -> pwd.struct_passwd: ...

    class Survey(NamedTuple):
        """What is found on a host, each list sorted by name.

        ``unresolved`` are units that look like a gateway's, and ``problem`` of each says why it
        cannot be told; ``containers`` are the gateways in containers of this host.
        """

        gateways: list[Gateway]
        unresolved: list[Gateway]
        containers: list[Gateway]
else:
    Survey = collections.namedtuple("Survey", "gateways unresolved containers")

__all__ = [
    "NOT_HERE",
    "OWN_UNITS",
    "SAFE_HOME",
    "SAFE_NAME",
    "Gateway",
    "Survey",
    "find_gateways",
    "find_named",
    "home_problem",
    "in_containers",
    "manager_of",
    "of_manager",
    "of_unit_files",
    "own_unit",
    "profile_of",
    "refresh",
    "standing",
    "started_manually",
    "survey",
    "without_unsafe",
]

# What _from_unit and Gateway read of a unit.
PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "MainPID",
    "InvocationID",
    "User",
    "ExecStart",
    "Environment",
    "EnvironmentFiles",
    "ControlGroup",
    "Restart",
)
# Compiled when they are used, which in a check that has nothing to do they are not.
SAFE_UNIT = r"[A-Za-z0-9:_.@\\-]{1,240}\.service\Z"
_USERS_UNIT = r"hermes-gateway(?:-(%s))?\.service\Z" % launch.PROFILE
# Names that Hermes, and the guides of operators, give to the unit of a gateway.
_LIKELY = r"hermes(?:-(?:agent|gateway)[A-Za-z0-9:_.@\\-]*)?\.service\Z"
# Units whose cgroup may hold a gateway that they know nothing of: to restart one of these because
# of it would end much else.
_HOSTS_OF_OTHERS = (
    r"user@|systemd-|(?:atd|containerd|cron|crond|docker|gdm|getty|incus|jupyter|libvirtd|lightdm|"
    r"lxc|lxd|monit|pm2|podman|runit|s6|screen|sddm|serial-getty|ssh|sshd|supervisor|supervisord|"
    r"tmux)[@.-]"
)
# How choice.select ends its sentence on a name that was asked for.
NOT_HERE = "is no gateway on this host"
_GUARD = "hermes-guard"


def survey() -> Survey:
    """All gateways of this host, running or stopped, and what may be one.

    Two calls to each systemd manager. Needs root to see all gateways. Raises SystemdError if the
    system's manager cannot be asked.
    """
    candidates = _candidates()
    found = of_manager(systemd.Manager(), candidates)
    managed = set()
    for manager in systemd.user_managers():
        if manager.user is None:
            continue
        managed.add(manager.user.pw_uid)
        try:
            found += of_manager(manager, candidates)
        except SystemdError:
            # A user's manager that does not answer must not hide the gateways of all others.
            found += of_unit_files(manager.user)
    for user in pwd.getpwall():
        if user.pw_uid not in managed:
            found += of_unit_files(user)
    gateways = [one for one in found if not one.unresolved]
    gateways += started_manually(gateways)
    _note_conflicts(gateways)
    return Survey(
        sorted(gateways, key=_name),
        sorted((one for one in found if one.unresolved), key=_name),
        sorted(in_containers(candidates), key=_name),
    )


def _name(gateway: Gateway) -> str:
    return gateway.name


def find_gateways() -> list[Gateway]:
    """The gateways of a survey: all that are certain, and not in a container."""
    return survey().gateways


def find_named(names: Collection[str] = ()) -> list[Gateway]:
    """As find_gateways, but only those of ``names``, if there are any.

    SettingError for a name that none of them has.
    """
    # Not at the top: a check that runs every minute needs no choice.
    from .._host import choice

    return choice.select("names", names, find_gateways(), NOT_HERE)


def without_unsafe(gateways: Collection[Gateway]) -> tuple[list[Gateway], list[Gateway]]:
    """The gateways without those of users that must not be touched, and these.

    Any user of a host can set up a unit in their own scope or start a process, and must not be able
    to take the protection of the other gateways away by it. A unit in system scope is its
    administrator's mistake: it stays, and is an error. So do all if there is no safe one.
    """
    unsafe = [one for one in gateways if one.scope != "system" and one.problem]
    safe = [one for one in gateways if one not in unsafe]
    return (safe, unsafe) if safe else (unsafe, [])


def refresh(wanted: Iterable[Known]) -> dict[str, Gateway]:
    """The gateways of ``wanted`` as they are now, by name.

    One call to each systemd manager concerned. A gateway whose unit is gone, or whose manager does
    not answer, is not in it: see standing.
    """
    by_manager: dict[int | None, list[Known]] = {}
    for one in wanted:
        try:
            key = one.account.pw_uid if one.scope == "user" else None
        except RunError:
            # A user who was removed must not hide the gateways of all others.
            continue
        if one.unit:
            by_manager.setdefault(key, []).append(one)
    found = {}
    for group in by_manager.values():
        units = {one.unit: one for one in group if one.unit}
        try:
            manager = manager_of(group[0])
            blocks = manager.show(list(units), PROPERTIES)
        except SystemdError:
            continue
        for properties in blocks:
            known = units.get(properties.get("Id", ""))
            if known is None or properties.get("LoadState") == "not-found":
                continue
            gateway = _from_unit(manager, properties, known)
            if gateway is not None:
                found[known.name] = gateway
    return found


def standing(known: Known) -> str:
    """Whether the unit of ``known`` "exists", is "gone", or is "unknown", as nobody answers."""
    if not known.unit:
        return "unknown"
    try:
        manager = manager_of(known)
    except RunError:
        # A user's units go with the user.
        return "gone"
    if manager.user is not None and manager.user.pw_uid not in _running_managers():
        # It runs no unit, and its files say which there are.
        return "exists" if unit_file.exists(manager.user, known.unit) else "gone"
    try:
        blocks = manager.show([known.unit], ("Id", "LoadState"))
    except SystemdError:
        return "unknown"
    states = [one.get("LoadState") for one in blocks]
    if not states:
        return "unknown"
    return "gone" if states == ["not-found"] else "exists"


def _running_managers() -> set[int]:
    return {one.user.pw_uid for one in systemd.user_managers() if one.user is not None}


def manager_of(gateway: Known) -> systemd.Manager:
    """The systemd manager that runs ``gateway``."""
    return systemd.Manager(None if gateway.scope == "system" else gateway.account)


# ------------------------------------------------------------------------------------------- units


def of_manager(
    manager: systemd.Manager, candidates: Mapping[int, launch.Launch] | None = None
) -> list[Gateway]:
    """The gateways among the units of one manager, and what looks like one."""
    # A glob in `show` matches loaded units only, and one that is stopped and disabled is not
    # loaded.
    names = [name for name in manager.unit_files(OWN_UNITS) if "@." not in name]
    blocks = manager.show(["*.service", *names], PROPERTIES)
    seen = {properties.get("Id"): properties for properties in blocks}
    candidates = _candidates() if candidates is None else candidates
    found = [_from_unit(manager, properties, candidates=candidates) for properties in seen.values()]
    return [gateway for gateway in found if gateway is not None]


def _from_unit(
    manager: systemd.Manager,
    properties: Mapping[str, str],
    known: Known | None = None,
    candidates: Mapping[int, launch.Launch] | None = None,
) -> Gateway | None:
    """The gateway of a unit, or None if the unit is not one; a ``known`` one is taken for one.

    ``candidates`` are the processes of this host that may be a gateway; without them, the unit's
    own are looked at.
    """
    unit = properties.get("Id", "")
    if not re.match(SAFE_UNIT, unit):
        return None
    words = systemd.exec_argv(properties.get("ExecStart"))
    command = wrapper.gateway(words)
    main_pid = _main_pid(manager, properties)
    if candidates is None:
        candidates = _candidates(_members(main_pid, properties))
    inside = _of_unit(manager, properties, main_pid, candidates)
    likely = command is not None or known is not None or _is_likely(unit, words)
    pid = _own_process(inside, candidates, main_pid, likely)
    if known is None and command is None:
        if pid is None:
            return _unresolved(manager, properties, words) if _is_likely(unit, words) else None
        if not likely and pid != main_pid and not _belongs(pid, unit, properties):
            return None
    user = _user_of(manager, properties, pid, known)
    if user is None:
        return _unresolved(manager, properties, words)
    name = unit[: -len(".service")] + ("" if manager.user is None else "@" + user.pw_name)
    home = known.home if known is not None else None
    if home is None:
        owners = {user.pw_uid} if manager.user is not None else {user.pw_uid, 0}
        environment = homes.environment_of_unit(properties, owners, pid)
        live = candidates[pid] if pid else None
        home = homes.of(user, environment, live or command, pid)
    if pid is None and main_pid is not None and not wrapper.is_wrapper(proc.argv(main_pid)):
        # Nothing in it is known to be a gateway: it may be about to become one, or a newer one.
        pid = main_pid
    gateway = Gateway(name, manager.scope, user, os.path.normpath(home), unit)
    gateway.set_state(properties, pid, _argv(words, command))
    gateway.main_pid = main_pid
    return gateway


def _argv(words: list[str], command: launch.Launch | None) -> list[str]:
    """The words of the gateway's own command: those behind a wrapper's."""
    if command is None or launch.gateway(words) is not None:
        return words
    return [*([command.python] if command.python else []), "hermes", *command.arguments]


def _main_pid(manager: systemd.Manager, properties: Mapping[str, str]) -> int | None:
    word = properties.get("MainPID", "")
    pid = int(word) or None if re.match(r"[0-9]{1,9}\Z", word) else None
    if manager.user is not None and pid is not None and proc.owner(pid) != manager.user.pw_uid:
        return None
    return pid


def _user_of(
    manager: systemd.Manager, properties: Mapping[str, str], pid: int | None, known: Known | None
) -> pwd.struct_passwd | None:
    """The account that the gateway runs as: root's unit may have given it another."""
    if manager.user is not None:
        return manager.user
    named = _account(properties.get("User") or "root")
    if named is None or named.pw_uid != 0:
        return named
    if pid is not None:
        return _owner(pid) or named
    # Stopped: it was another's when it was found.
    try:
        return known.account if known is not None else named
    except RunError:
        return named


def _account(name: str) -> pwd.struct_passwd | None:
    """The passwd entry of the name or number in a unit's User=."""
    try:
        return pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        return None


def _is_likely(unit: str, words: Sequence[str]) -> bool:
    """Whether the unit is called like a gateway's, and its command is not known to be another."""
    if os.path.basename(words[0] if words else "") == _GUARD or wrapper.is_other(list(words)):
        return False
    if re.match(_LIKELY, unit):
        return True
    return unit.startswith("hermes") and any("gateway" in word for word in words)


def _unresolved(
    manager: systemd.Manager, properties: Mapping[str, str], words: list[str]
) -> Gateway | None:
    """A unit that looks like a gateway's, with the reason why it cannot be told."""
    state = properties.get("LoadState", "loaded")
    if state in ("masked", "not-found"):
        return None
    unit = properties.get("Id", "")
    named = properties.get("User") or "root"
    user = manager.user or _account(named)
    if user is None:
        reason = "the user %r that it runs as does not exist" % named
        user = _nobody(named)
    elif state != "loaded":
        reason = "systemd cannot load it: %s" % state
    elif os.path.basename(words[0] if words else "") in ("podman", "docker", "nerdctl"):
        reason = "it starts a container: gateways in containers are not managed"
    else:
        reason = "its command %r is not known to start a gateway, and none of its processes is one"
        reason %= " ".join(words)[:100]
    name = unit[: -len(".service")] + ("" if manager.user is None else "@" + user.pw_name)
    gateway = Gateway(name, manager.scope, user, os.path.join(user.pw_dir, homes.DIRECTORY), unit)
    gateway.set_state(properties)
    gateway.unresolved = True
    gateway.problem = "%s looks like the unit of a gateway, but %s" % (unit, reason)
    return gateway


def _nobody(name: str, uid: int = -1) -> pwd.struct_passwd:
    """An account that this host does not have."""
    return pwd.struct_passwd((name, "x", uid, uid, "", "/nonexistent", ""))


def of_unit_files(user: pwd.struct_passwd) -> list[Gateway]:
    """The gateways in user scope of a user whose own systemd does not run: they are stopped."""
    found = []
    names = unit_file.names(user)
    own = [name for name in names if re.match(_USERS_UNIT, name)]
    for unit in (own + [name for name in names if name not in own])[: unit_file.MAX_UNITS]:
        gateway = _from_file(user, unit)
        if gateway is not None:
            found.append(gateway)
    return found


def _from_file(user: pwd.struct_passwd, unit: str) -> Gateway | None:
    """The gateway that a unit file of a user starts; one that says nothing counts by its name."""
    if not re.match(SAFE_UNIT, unit):
        return None
    properties = unit_file.properties(user, unit)
    words = [word for word in properties["ExecStart"].split("\0") if word]
    command = wrapper.gateway(words)
    own = re.match(_USERS_UNIT, unit)
    if command is None and (words or not own):
        return None
    argv = _argv(words, command)
    if command is None and own and own.group(1):
        argv = ["hermes", "--profile", own.group(1), "gateway", "run"]
        command = launch.gateway(argv)
    environment = systemd.environment(properties["Environment"])
    for path in properties["EnvironmentFile"].split("\n"):
        if path.startswith("/"):
            environment.update(homes.read_environment(path, {user.pw_uid}))
    home = os.path.normpath(homes.of(user, environment, command, None))
    gateway = Gateway(unit[: -len(".service")] + "@" + user.pw_name, "user", user, home, unit)
    gateway.set_state({}, None, argv)
    return gateway


# --------------------------------------------------------------------------------------- processes


def _candidates(pids: Iterable[int] | None = None) -> dict[int, launch.Launch]:
    """The processes, of ``pids`` or all, whose command lines are a gateway's or may be one."""
    found = {}
    for pid in proc.pids() if pids is None else pids:
        command = launch.gateway(proc.argv(pid))
        if command is not None:
            found[pid] = command
    return found


def _members(main_pid: int | None, properties: Mapping[str, str]) -> list[int]:
    """The processes of a unit; the main one alone if it is a gateway, as in nearly all checks."""
    if main_pid is None:
        return cgroup.members(properties.get("ControlGroup"))
    command = launch.gateway(proc.argv(main_pid))
    if command is not None and command.certain and command.python:
        return [main_pid]
    return cgroup.processes(main_pid, properties.get("ControlGroup"))


def _of_unit(
    manager: systemd.Manager,
    properties: Mapping[str, str],
    main_pid: int | None,
    candidates: Iterable[int],
) -> list[int]:
    """Those of ``candidates`` that run in the unit, and on this host itself."""
    group = properties.get("ControlGroup", "")
    found = []
    for pid in candidates:
        inside = pid == main_pid or _in_cgroup(pid, group)
        if not inside and not (main_pid and _has_ancestor(pid, {main_pid})):
            continue
        uid = proc.owner(pid)
        if uid is None or (manager.user is not None and uid != manager.user.pw_uid):
            continue
        if container.of(pid) is None:
            found.append(pid)
    return found


def _in_cgroup(pid: int, group: str) -> bool:
    if not group.strip("/"):
        return False
    own = proc.cgroup(pid) or ""
    return own == group or own.startswith(group + "/")


def _own_process(
    inside: list[int], candidates: Mapping[int, launch.Launch], main_pid: int | None, likely: bool
) -> int | None:
    """The gateway's own process among those of a unit."""
    sure = [pid for pid in inside if candidates[pid].certain]
    if not sure and likely:
        sure = inside
    # A launcher that waits for the Python that it started has the words of a gateway too.
    pythons = [pid for pid in sure if candidates[pid].python]
    # A child that a gateway forked has its parent's command line.
    tops = [pid for pid in pythons or sure if not _has_ancestor(pid, set(pythons or sure))]
    if main_pid in tops:
        return main_pid
    return min(tops) if tops else None


def _belongs(pid: int, unit: str, properties: Mapping[str, str]) -> bool:
    """Whether a unit that nothing else says to be a gateway's started the process itself."""
    invocation = properties.get("InvocationID")
    if not invocation or re.match(_HOSTS_OF_OTHERS, unit):
        return False
    return proc.environ(pid).get("INVOCATION_ID") == invocation


def started_manually(known: Sequence[Gateway]) -> list[Gateway]:
    """The gateways that run without a unit: started in a terminal, by tmux, by cron."""
    names = {gateway.name for gateway in known}
    taken = {pid for one in known for pid in (one.pid, one.main_pid) if pid}
    groups = [one.control_group for one in known if one.pid and one.control_group]
    candidates = _candidates()
    found = []
    for pid, command in candidates.items():
        # A child that a gateway forked has its parent's command line.
        if pid in taken or _has_ancestor(pid, taken | set(candidates)):
            continue
        if any(_in_cgroup(pid, group) for group in groups) or container.of(pid) is not None:
            continue
        user = _owner(pid)
        if user is None:
            continue
        home = homes.of(user, proc.environ(pid), command, pid)
        if not command.certain and not homes.wrote_state(home, pid, user.pw_uid):
            continue
        profile = profile_of(proc.argv(pid), home)
        name = "hermes-gateway%s@%s" % ("-" + profile if profile else "", user.pw_name)
        if name in names:
            name += ".manual"
        if name in names:
            name += "-%d" % pid
        names.add(name)
        gateway = Gateway(name, "manual", user, os.path.normpath(home))
        gateway.set_state({}, pid, proc.argv(pid))
        found.append(gateway)
    return found


def in_containers(candidates: Mapping[int, launch.Launch]) -> list[Gateway]:
    """The gateways in containers: none of their paths is one of this host."""
    found = []
    for pid, command in candidates.items():
        place = container.of(pid) if command.certain else None
        if place is None or _has_ancestor(pid, set(candidates)):
            continue
        name = "%s:%s" % (place.engine or "container", place.name[:12] or pid)
        if command.profile:
            name += ":" + command.profile
        home = proc.environ(pid).get("HERMES_HOME") or ""
        # Its uid is the image's: a user of this host with the same one has nothing to do with it.
        uid = proc.owner(pid)
        gateway = Gateway(name, "container", _nobody(str(uid), -1 if uid is None else uid), home)
        gateway.set_state({"ControlGroup": proc.cgroup(pid) or ""}, pid)
        # Nothing of it is ever started on this host.
        gateway.python = gateway.root = None
        gateway.container = place.name or None
        found.append(gateway)
    return found


def _owner(pid: int) -> pwd.struct_passwd | None:
    """The passwd entry of the user that a process runs as."""
    uid = proc.owner(pid)
    try:
        return None if uid is None else pwd.getpwuid(uid)
    except KeyError:
        return None


def _has_ancestor(pid: int, others: Collection[int]) -> bool:
    """Whether one of ``others`` started the process, or started what started it, and so on."""
    ancestor = proc.parent(pid)
    while ancestor and ancestor > 1:
        if ancestor in others:
            return True
        ancestor = proc.parent(ancestor)
    return False


def _note_conflicts(gateways: Iterable[Gateway]) -> None:
    """Say of gateways that have one home which the others are."""
    by_home: dict[str, list[Gateway]] = {}
    for one in gateways:
        # Any user may name the home of another, and gets nowhere with it.
        if one.problem is None:
            by_home.setdefault(os.path.realpath(one.home), []).append(one)
    for group in by_home.values():
        for one in group:
            others = ", ".join(other.name for other in group if other is not one)
            if others:
                one.conflict = (
                    "%s has the same home %s: only one of them can work, and each restart of one "
                    "looks like a fault of the other; disable all but one" % (others, one.home)
                )
