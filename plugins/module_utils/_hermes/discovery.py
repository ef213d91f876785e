# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding every Hermes gateway of a host: system scope, every user's scope, started manually.

systemd is asked, not the process list: a unit is a gateway's if the command that it starts is one.
"""

from __future__ import annotations

import fnmatch
import os
import pwd
import re
import stat
import time

from .._host import proc, systemd
from .._host.errors import RunError, SystemdError
from . import launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import Protocol

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
    "ControlGroup",
    "Restart",
)
# Hermes calls its units hermes-gateway.service and hermes-gateway-PROFILE.service; old ones are
# called hermes.service.
OWN_UNITS = "hermes*.service"
# Shorter than the 255 characters that systemd takes, for what our own units append to a name.
# With \Z: "$" also takes a line break at the end, and what these let through becomes a line of a
# unit and of guard.conf.
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.@-]{0,200}\Z")
SAFE_HOME = launch.SAFE_PATH
# Compiled when they are used, which in a check that has nothing to do they are not.
SAFE_UNIT = r"[A-Za-z0-9:_.@\\-]{1,240}\.service\Z"
_USERS_UNIT = r"hermes-gateway(?:-(%s))?\.service\Z" % launch.PROFILE
# How choice.select ends its sentence on a name that was asked for.
NOT_HERE = "is no gateway on this host"


class Gateway:
    """One gateway of this host.

    ``name`` is the unit without ".service", with "@USER" behind it in user scope. ``scope`` is
    system, user or manual (started manually; ``unit`` is then None). ``home`` is its HERMES_HOME.
    ``pid``, ``invocation_id``, ``uptime_seconds`` and ``start_time`` (epoch seconds) are None if it
    does not run; ``active_state`` is systemd's ActiveState, "active" for one started manually.
    ``python`` is the Python that runs it, and ``root`` the directory from which that Python imports
    hermes_bootstrap; each is None if it is not known.
    ``problem`` says why it must not be touched, or is None.
    """

    def __init__(
        self, name: str, scope: str, user: pwd.struct_passwd, home: str, unit: str | None = None
    ) -> None:
        """A stopped gateway, until set_state says otherwise."""
        self.name = name
        self.scope = scope
        self.unit = unit
        self.user = user.pw_name
        self.uid = user.pw_uid
        self.account = user
        self.home = home
        self.problem = home_problem(self)
        self.set_state({})

    def set_state(
        self, properties: Mapping[str, str], pid: int | None = None, argv: Sequence[str] = ()
    ) -> None:
        """Take over PROPERTIES of the unit, its process, and the command line that it starts."""
        self.profile = profile_of(argv, self.home)
        commands = [launch.parse(proc.argv(pid)) if pid else None, launch.parse(argv)]
        self.python = next((one.python for one in commands if one and one.python), None)
        self.root = next((one.root for one in commands if one and one.root), None)
        self.pid = pid
        self.invocation_id = properties.get("InvocationID") or None
        self.active_state = properties.get("ActiveState", "active" if pid else "inactive")
        self.sub_state = properties.get("SubState", "")
        self.control_group = properties.get("ControlGroup", "")
        self.restart_policy = properties.get("Restart", "")
        self.uptime_seconds = proc.uptime_seconds(pid) if pid else None
        self.start_time = None
        if self.uptime_seconds is not None:
            self.start_time = time.time() - self.uptime_seconds


def profile_of(argv: Sequence[str], home: str) -> str:
    """The profile's name by the command line, else by the home; "" for the default one."""
    command = launch.parse(argv)
    directory, last = os.path.split(home)
    name = command.profile if command else None
    if name is None and os.path.basename(directory) == "profiles":
        name = last
    return name if name and re.match(launch.PROFILE + r"\Z", name) else ""


def home_problem(gateway: Gateway) -> str | None:
    """Why the gateway's home must not be touched by a process that runs as root, or None."""
    if not SAFE_NAME.match(gateway.name):
        return "the name %r has characters that no unit name should have" % gateway.name
    if not SAFE_HOME.match(gateway.home):
        return "the home %r has characters that cannot stand in a unit" % gateway.home
    try:
        info = os.lstat(gateway.home)
    except OSError as exc:
        return "the home %s cannot be read: %s" % (gateway.home, exc.strerror)
    # A link is followed for its owner's sake: an operator may well keep ~/.hermes on another disk.
    if stat.S_ISLNK(info.st_mode):
        if info.st_uid not in (gateway.uid, 0):
            return "the home %s is a link that belongs to uid %d" % (gateway.home, info.st_uid)
        try:
            info = os.stat(gateway.home)
        except OSError as exc:
            return "the home %s cannot be read: %s" % (gateway.home, exc.strerror)
    if not stat.S_ISDIR(info.st_mode):
        return "the home %s is not a folder" % gateway.home
    if info.st_uid != gateway.uid:
        return "the home %s belongs to uid %d, but the gateway runs as %s (uid %d)" % (
            gateway.home,
            info.st_uid,
            gateway.user,
            gateway.uid,
        )
    return None


def find_gateways() -> list[Gateway]:
    """All gateways of this host, running or stopped, sorted by name.

    Two calls to each systemd manager. Needs root to see all gateways. Raises SystemdError if the
    system's manager cannot be asked.
    """
    found = _of_manager(systemd.Manager())
    managed = set()
    for manager in systemd.user_managers():
        if manager.user is None:
            continue
        managed.add(manager.user.pw_uid)
        try:
            found += _of_manager(manager)
        except SystemdError:
            # A user's manager that does not answer must not hide the gateways of all others.
            found += _unit_files_of(manager.user)
    for user in pwd.getpwall():
        if user.pw_uid not in managed:
            found += _unit_files_of(user)
    found += started_manually(found)
    return sorted(found, key=lambda gateway: gateway.name)


def find_named(names: Collection[str] = ()) -> list[Gateway]:
    """As find_gateways, but only those of ``names``, if there are any.

    SettingError for a name that none of them has.
    """
    # Not at the top: a check that runs every minute needs no choice.
    from .._host import choice

    return choice.select("names", names, find_gateways(), NOT_HERE)


def own_unit(gateway: Gateway) -> bool:
    """Whether the unit is in system scope, or has a name as Hermes gives them to those of users."""
    return gateway.scope == "system" or fnmatch.fnmatchcase(gateway.unit or "", OWN_UNITS)


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
    not answer, is not in it.
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
            gateway = _from_unit(manager, properties, home=known.home)
            if gateway is not None:
                found[known.name] = gateway
    return found


def manager_of(gateway: Known) -> systemd.Manager:
    """The systemd manager that runs ``gateway``."""
    return systemd.Manager(None if gateway.scope == "system" else gateway.account)


def _of_manager(manager: systemd.Manager) -> list[Gateway]:
    """The gateways among the units of one manager."""
    # A glob in `show` matches loaded units only, and one that is stopped and disabled is not
    # loaded.
    names = [name for name in manager.unit_files(OWN_UNITS) if "@." not in name]
    blocks = manager.show(["*.service", *names], PROPERTIES)
    seen = {properties.get("Id"): properties for properties in blocks}
    found = [_from_unit(manager, properties) for properties in seen.values()]
    return [gateway for gateway in found if gateway is not None]


def _from_unit(
    manager: systemd.Manager, properties: Mapping[str, str], home: str | None = None
) -> Gateway | None:
    """The gateway of a unit, or None if the unit is not one; with ``home`` it is known to be."""
    argv = systemd.exec_argv(properties.get("ExecStart"))
    unit = properties.get("Id", "")
    if not re.match(SAFE_UNIT, unit):
        return None
    word = properties.get("MainPID", "")
    pid = int(word) or None if re.match(r"[0-9]{1,9}\Z", word) else None
    if manager.user is not None and pid is not None and proc.owner(pid) != manager.user.pw_uid:
        pid = None
    if (
        home is None
        and not launch.is_gateway(argv)
        and not (pid and launch.is_gateway(proc.argv(pid)))
    ):
        return None
    user = manager.user or _account(properties.get("User") or "root")
    if user is None:
        return None
    name = unit[: -len(".service")] + ("" if manager.user is None else "@" + user.pw_name)
    if home is None:
        home = (
            (proc.environ(pid).get("HERMES_HOME") if pid else None)
            or systemd.environment(properties.get("Environment")).get("HERMES_HOME")
            or _default_home(user, argv)
        )
    gateway = Gateway(name, manager.scope, user, os.path.normpath(home), unit)
    gateway.set_state(properties, pid, argv)
    return gateway


def _account(name: str) -> pwd.struct_passwd | None:
    """The passwd entry of the name or number in a unit's User=."""
    try:
        return pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        return None


def _default_home(user: pwd.struct_passwd, argv: Sequence[str]) -> str:
    """The HERMES_HOME that Hermes takes if no environment variable names one."""
    home = os.path.join(user.pw_dir, ".hermes")
    profile = profile_of(argv, "")
    return os.path.join(home, "profiles", profile) if profile else home


def _unit_files_of(user: pwd.struct_passwd) -> list[Gateway]:
    """The gateways in user scope of a user whose own systemd does not run: they are stopped."""
    try:
        names = os.listdir(os.path.join(user.pw_dir, ".config", "systemd", "user"))
    except OSError:
        return []
    found = []
    for unit in sorted(names):
        match = re.match(_USERS_UNIT, unit)
        if match:
            profile = match.group(1)
            argv = ["hermes"] + (["--profile", profile] if profile else []) + ["gateway", "run"]
            name = unit[: -len(".service")] + "@" + user.pw_name
            found.append(Gateway(name, "user", user, _default_home(user, argv), unit))
    return found


def started_manually(known: Sequence[Gateway]) -> list[Gateway]:
    """The gateways that run without a unit: started in a terminal, by tmux, by cron."""
    names = {gateway.name for gateway in known}
    taken = {gateway.pid for gateway in known if gateway.pid}
    lines = {pid: proc.argv(pid) for pid in proc.pids()}
    candidates = {pid: argv for pid, argv in lines.items() if launch.is_gateway(argv)}
    found = []
    for pid, argv in candidates.items():
        # A child that a gateway forked has its parent's command line.
        if pid in taken or _has_ancestor(pid, taken | set(candidates)):
            continue
        user = _owner(pid)
        if user is None:
            continue
        home = proc.environ(pid).get("HERMES_HOME") or _default_home(user, argv)
        profile = profile_of(argv, home)
        name = "hermes-gateway%s@%s" % ("-" + profile if profile else "", user.pw_name)
        if name in names:
            name += ".manual"
        if name in names:
            name += "-%d" % pid
        names.add(name)
        gateway = Gateway(name, "manual", user, os.path.normpath(home))
        gateway.set_state({}, pid, argv)
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
