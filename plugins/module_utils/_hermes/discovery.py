# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding every Hermes gateway of a host: system scope, every user's scope, and those run by hand.

systemd is asked, not the process list: a unit is a gateway's where the command it starts is one. A command line counts as
one by the place of its words (``PYTHON -m hermes_cli.main [--profile P] gateway run`` or ``hermes gateway run``), never by a
search in its text, which misses the real gateway and finds the shell that searches.
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "MainPID",
    "InvocationID",
    "User",
    "ExecStart",
    "Environment",
    "ControlGroup",
    "FragmentPath",
    "UnitFileState",
    "NRestarts",
    "Restart",
)
OWN_UNITS = "hermes*.service"
# With \Z: "$" also takes a line break at the end, and what these let through becomes a line of a unit and of guard.conf.
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.@-]{0,200}\Z")
SAFE_HOME = re.compile(r"/[^\x00-\x1f\x7f\"'\\%$;]{1,400}\Z")
SAFE_UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]{1,240}\.service\Z")
PROFILE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
_PYTHON = re.compile(r"python[0-9.]*\Z")
# How choice.select ends its sentence on a name that was asked for.
NOT_HERE = "is no gateway on this host"


class Gateway:
    """One gateway of this host.

    ``name`` is the unit without ".service", with "@USER" behind it in user scope. ``scope`` is system, user or manual (run by
    hand, ``unit`` is then None). ``home`` is its HERMES_HOME. ``pid``, ``invocation_id`` and ``start_time`` (epoch seconds)
    are None where it does not run; ``active_state`` is systemd's ActiveState, "active" for one run by hand.
    ``problem`` says why it must not be touched, or is None.
    """

    def __init__(self, name, scope, user, home, unit=None, properties=None, pid=None, argv=()):
        properties = properties or {}
        self.name = name
        self.scope = scope
        self.unit = unit
        self.user = user.pw_name
        self.uid = user.pw_uid
        self.account = user
        self.home = home
        self.profile = profile_of(argv, home)
        self.python = python_of(argv, pid)
        self.pid = pid
        self.invocation_id = properties.get("InvocationID") or None
        self.active_state = properties.get("ActiveState", "active" if pid else "inactive")
        self.sub_state = properties.get("SubState", "")
        self.control_group = properties.get("ControlGroup", "")
        self.restart_policy = properties.get("Restart", "")
        self.uptime_seconds = proc.uptime_seconds(pid) if pid else None
        self.start_time = (
            time.time() - self.uptime_seconds if self.uptime_seconds is not None else None
        )
        self.problem = home_problem(self)


def is_gateway(argv):
    """Whether ``argv`` (list of str) is the command line of a gateway itself, by the place of its words."""
    rest = _hermes_arguments(list(argv))
    if rest is None:
        return False
    words = _without_profile(rest)[0]
    return words[:1] == ["gateway"] and words[1:2] in ([], ["run"])


def _hermes_arguments(argv):
    """What follows the program in a Hermes command line, or None where it is none."""
    if argv and _PYTHON.match(os.path.basename(argv[0])):
        index = 1
        while index < len(argv) and argv[index].startswith("-") and argv[index] != "-m":
            if argv[index] == "-c":
                return None
            index += 2 if argv[index] in ("-W", "-X") else 1
        if argv[index : index + 2] == ["-m", "hermes_cli.main"]:
            return argv[index + 2 :]
        argv = argv[index:]
    if argv and os.path.basename(argv[0]) == "hermes-gateway":
        return ["gateway", "run"]
    return argv[1:] if argv and os.path.basename(argv[0]) == "hermes" else None


def _without_profile(words):
    """(the words that are no options, the profile that is named or None)."""
    left = []
    profile = None
    index = 0
    while index < len(words):
        option, separator, value = words[index].partition("=")
        if option in ("-p", "--profile"):
            if not separator:
                index += 1
                value = words[index] if index < len(words) else ""
            profile = value
        elif not option.startswith("-"):
            left.append(words[index])
        index += 1
    return left, profile


def profile_of(argv, home):
    """The profile's name, or "" for the default one: what the command line says, else the place of the home."""
    named = _without_profile(_hermes_arguments(list(argv)) or [])[1]
    folder, last = os.path.split(home)
    name = named or (last if os.path.basename(folder) == "profiles" else "")
    return name if PROFILE.match(name) else ""


def python_of(argv, pid):
    """The path of the Python that runs the gateway, by which its packages are found; None where it is not known."""
    for words in (proc.argv(pid) if pid else [], list(argv)):
        # A process writes its own command line as it likes, and this word goes into guard.conf.
        if words and SAFE_HOME.match(words[0]) and _PYTHON.match(os.path.basename(words[0])):
            return words[0]
    return None


def home_problem(gateway):
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


def find_gateways():
    """All gateways of this host, running or stopped, sorted by name: a list of Gateway.

    Needs root to see all of them. Raises SystemdError where the system's manager cannot be asked.
    """
    found = _of_manager(systemd.Manager())
    managed = set()
    for manager in systemd.user_managers():
        managed.add(manager.user.pw_uid)
        try:
            found += _of_manager(manager)
        except SystemdError:
            # A user's manager that does not answer must not hide the gateways of all others.
            found += _unit_files_of(manager.user)
    for user in pwd.getpwall():
        if user.pw_uid not in managed:
            found += _unit_files_of(user)
    found += _by_hand(found)
    return sorted(found, key=lambda gateway: gateway.name)


def find_named(names: Collection[str] = ()) -> list[Gateway]:
    """As find_gateways, but only those of ``names``, if there are any.

    SettingError for a name that none of them has.
    """
    # Not at the top: a check that runs every minute needs no choice.
    from .._host import choice

    return choice.select("names", names, find_gateways(), NOT_HERE)


def own_unit(gateway):
    """Whether the unit of the Gateway is in system scope, or is called as Hermes calls those of users."""
    return gateway.scope == "system" or fnmatch.fnmatchcase(gateway.unit or "", OWN_UNITS)


def without_unsafe(gateways):
    """(``gateways`` but those of users that must not be touched, these).

    Any user of a host can set up a unit in their own scope or start a process, and must not be able to keep the other gateways from being
    looked after by it. A unit in system scope is its administrator's mistake: it stays, and is an error. So do all where there is no other.
    """
    unsafe = [one for one in gateways if one.scope != "system" and one.problem]
    safe = [one for one in gateways if one not in unsafe]
    return (safe, unsafe) if safe else (unsafe, [])


def refresh(wanted):
    """The gateways of ``wanted`` (objects with name, scope, unit, account and home) as they are now, by name.

    One call to each systemd manager concerned. A gateway whose unit is gone, or whose manager does not answer, is not in it.
    """
    by_manager = {}
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
        units = {one.unit: one for one in group}
        try:
            manager = manager_of(group[0])
            blocks = manager.show(list(units), PROPERTIES)
        except SystemdError:
            continue
        for properties in blocks:
            one = units.get(properties.get("Id"))
            if one is not None and properties.get("LoadState") != "not-found":
                found[one.name] = _from_unit(manager, properties, home=one.home)
    return {name: gateway for name, gateway in found.items() if gateway is not None}


def manager_of(gateway):
    """The systemd manager that runs ``gateway``."""
    return systemd.Manager(None if gateway.scope == "system" else gateway.account)


def _of_manager(manager):
    names = manager.unit_files(OWN_UNITS)
    seen = {}
    for properties in manager.show(
        ["*.service"] + [name for name in names if "@." not in name], PROPERTIES
    ):
        seen[properties.get("Id")] = properties
    return [
        gateway
        for gateway in (_from_unit(manager, properties) for properties in seen.values())
        if gateway
    ]


def _from_unit(manager, properties, home=None):
    argv = systemd.exec_argv(properties.get("ExecStart"))
    unit = properties.get("Id", "")
    if not SAFE_UNIT.match(unit):
        return None
    word = properties.get("MainPID", "")
    pid = int(word) or None if re.match(r"[0-9]{1,9}\Z", word) else None
    if manager.user is not None and pid is not None and proc.owner(pid) != manager.user.pw_uid:
        pid = None
    if home is None and not is_gateway(argv) and not (pid and is_gateway(proc.argv(pid))):
        return None
    user = manager.user
    if user is None:
        user = _account(properties.get("User") or "root")
        if user is None:
            return None
    variables = systemd.environment(properties.get("Environment"))
    name = unit[: -len(".service")] + ("" if manager.user is None else "@" + user.pw_name)
    if home is None:
        home = (
            (proc.environ(pid).get("HERMES_HOME") if pid else None)
            or variables.get("HERMES_HOME")
            or _default_home(user, argv)
        )
    return Gateway(name, manager.scope, user, os.path.normpath(home), unit, properties, pid, argv)


def _account(name):
    try:
        return pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        return None


def _default_home(user, argv):
    home = os.path.join(user.pw_dir, ".hermes")
    profile = profile_of(argv, "")
    return os.path.join(home, "profiles", profile) if profile else home


def _unit_files_of(user):
    """The gateways in user scope of a user whose own systemd does not run: they are stopped."""
    folder = os.path.join(user.pw_dir, ".config", "systemd", "user")
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = []
    for unit in sorted(names):
        match = re.match(r"hermes-gateway(?:-([a-z0-9][a-z0-9_-]{0,63}))?\.service\Z", unit)
        if match:
            profile = match.group(1)
            argv = ["hermes"] + (["--profile", profile] if profile else []) + ["gateway", "run"]
            found.append(
                Gateway(
                    unit[: -len(".service")] + "@" + user.pw_name,
                    "user",
                    user,
                    _default_home(user, argv),
                    unit,
                    {},
                    None,
                    argv,
                )
            )
    return found


def _by_hand(known):
    """The gateways that run without a unit of theirs: started in a terminal, by tmux, by cron."""
    names = {gateway.name for gateway in known}
    taken = {gateway.pid for gateway in known if gateway.pid}
    candidates = {
        pid: argv
        for pid, argv in ((pid, proc.argv(pid)) for pid in proc.pids())
        if is_gateway(argv)
    }
    found = []
    for pid, argv in candidates.items():
        # A child that a gateway forked has its parent's command line.
        if pid in taken or _has_ancestor(pid, taken | set(candidates)):
            continue
        try:
            user = pwd.getpwuid(proc.owner(pid))
        except (KeyError, TypeError):
            continue
        home = proc.environ(pid).get("HERMES_HOME") or _default_home(user, argv)
        profile = profile_of(argv, home)
        name = "hermes-gateway%s@%s" % ("-" + profile if profile else "", user.pw_name)
        if name in names:
            name += ".manual"
        if name in names:
            name += "-%d" % pid
        names.add(name)
        found.append(Gateway(name, "manual", user, os.path.normpath(home), pid=pid, argv=argv))
    return found


def _has_ancestor(pid, others):
    ancestor = proc.parent(pid)
    while ancestor and ancestor > 1:
        if ancestor in others:
            return True
        ancestor = proc.parent(ancestor)
    return False
