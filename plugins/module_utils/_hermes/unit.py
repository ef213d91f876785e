# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway of a unit: by the unit's command, by the processes in its cgroup, by its name."""

from __future__ import annotations

import os
import pwd
import re

from .._host import cgroup, container, proc, systemd
from .._host.errors import RunError
from . import homes, launch, names, unit_file, wrapper
from .gateway import Gateway
from .processes import Candidates, candidates_of, no_account, owner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .gateway import Known

# What from_unit and Gateway read of a unit.
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
    "Type",
)
# Compiled when they are used, which in a check that has nothing to do they are not.
SAFE_UNIT = r"[A-Za-z0-9:_.@\\-]{1,240}\.service\Z"
USERS_UNIT = r"hermes-gateway(?:-(%s))?\.service\Z" % names.PROFILE
# Names that Hermes, and the guides of operators, give to the unit of a gateway.
_LIKELY = r"hermes(?:-(?:agent|gateway)[A-Za-z0-9:_.@\\-]*)?\.service\Z"
# Units whose cgroup may hold a gateway that they know nothing of: to restart one of these because
# of it would end much else.
_HOSTS_OF_OTHERS = (
    r"user@|systemd-|(?:anacron|atd|code-server|containerd|cron|crond|docker|gdm|getty|"
    r"gitlab-runner|incus|jenkins|jupyter|jupyterhub|libvirtd|lightdm|lxc|lxd|monit|pm2|podman|"
    r"runit|s6|screen|sddm|serial-getty|ssh|sshd|supervisor|supervisord|tmux|ttyd|xrdp)[@.-]"
)
_GUARD = "hermes-guard"


def from_unit(
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
    command = _command(unit, properties, words)
    main_pid = _main_pid(manager, properties)
    if candidates is None:
        candidates = candidates_of(_members(main_pid, properties))
    if not isinstance(candidates, Candidates):
        candidates = Candidates(candidates)
    inside = _of_unit(manager, properties, main_pid, candidates)
    likely = command is not None or known is not None or _is_likely(unit, words)
    pid = _own_process(inside, candidates, main_pid, likely)
    if known is None and command is None:
        if pid is None:
            unclear = _is_likely(unit, words) and properties.get("Type") != "oneshot"
            return _unresolved(manager, properties, words) if unclear else None
        if not likely and pid != main_pid and not _belongs(manager, pid, properties):
            return None
    if pid is None and main_pid is not None and _is_unclear(manager, properties, main_pid):
        # Nothing in it is known to be a gateway: it may be about to become one, or a newer one.
        pid = main_pid
    user = _user_of(manager, properties, pid, known)
    if user is None:
        return _unresolved(manager, properties, words, pid)
    name = unit[: -len(".service")] + ("" if manager.user is None else "@" + user.pw_name)
    if known is not None:
        home = os.path.normpath(known.home)
    else:
        owners = {user.pw_uid} if manager.user is not None else {user.pw_uid, 0}
        live = proc.of_user(pid, user.pw_uid, proc.environ) if pid else None
        environment = homes.environment_of_unit(properties, owners, live or {})
        own = candidates.get(pid) if pid else None
        home = homes.resolved(homes.of(user, environment, own or command, pid))
    gateway = Gateway(name, manager.scope, user, home, unit)
    gateway.set_state(properties, pid, _argv(words, command))
    gateway.main_pid = main_pid
    return gateway


def _command(unit: str, properties: Mapping[str, str], words: list[str]) -> launch.Launch | None:
    """The gateway that the unit's command starts, if it is beyond doubt.

    `gateway restart` becomes one without a service manager. With one it ends at once, and units of
    operators that have a timer do just that.
    """
    command = wrapper.gateway(words)
    if command is None or command.certain:
        return command
    return command if re.match(_LIKELY, unit) and properties.get("Type") != "oneshot" else None


def _argv(words: list[str], command: launch.Launch | None) -> list[str]:
    """The words of the gateway's own command: those behind a wrapper's."""
    if command is None or launch.gateway(words) is not None:
        return words
    return [*([command.python] if command.python else []), "hermes", *command.arguments]


def _main_pid(manager: systemd.Manager, properties: Mapping[str, str]) -> int | None:
    word = properties.get("MainPID", "")
    pid = int(word) or None if re.match(r"[0-9]{1,9}\Z", word) else None
    if manager.user is not None and pid is not None and proc.uid(pid) != manager.user.pw_uid:
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
        return owner(pid)
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
    manager: systemd.Manager,
    properties: Mapping[str, str],
    words: list[str],
    nobodys: int | None = None,
) -> Gateway | None:
    """A unit that looks like a gateway's, with the reason why it cannot be told.

    ``nobodys`` is its process, if that belongs to no account.
    """
    state = properties.get("LoadState", "loaded")
    if state in ("masked", "not-found"):
        return None
    unit = properties.get("Id", "")
    named = properties.get("User") or "root"
    user = manager.user or _account(named)
    if user is None:
        reason = "the user %r that it runs as does not exist" % named
        user = no_account(named)
    elif nobodys is not None:
        reason = "its process %d runs as a user that does not exist (uid %s)" % (
            nobodys,
            proc.uid(nobodys),
        )
        user = no_account(named)
    elif state != "loaded":
        reason = "systemd cannot load it: %s" % state
    elif not words:
        reason = "its command cannot be read"
    elif os.path.basename(words[0] if words else "") in ("podman", "docker", "nerdctl"):
        reason = "it starts a container: gateways in containers are not managed"
    else:
        # Its program alone: the words behind it may be a secret, as in `env TOKEN=... start.sh`.
        reason = "its command %r is not known to start a gateway, and none of its processes is one"
        reason %= words[0][:100]
    name = unit[: -len(".service")] + ("" if manager.user is None else "@" + user.pw_name)
    gateway = Gateway(name, manager.scope, user, os.path.join(user.pw_dir, homes.DIRECTORY), unit)
    gateway.set_state(properties)
    gateway.unresolved = True
    gateway.problem = "%s looks like the unit of a gateway, but %s" % (unit, reason)
    return gateway


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
    candidates: Candidates,
) -> list[int]:
    """Those of ``candidates`` that run in the unit, and on this host itself."""
    group = properties.get("ControlGroup", "")
    return [
        pid
        for pid in candidates
        if candidates.in_unit(pid, group, main_pid) and _is_own(manager, properties, pid)
    ]


def _is_own(manager: systemd.Manager, properties: Mapping[str, str], pid: int) -> bool:
    """Whether a process in the unit is its user's, and runs on this host itself.

    root's unit may have given its process another user; one of a user's may not: what a process
    calls its Python is run as the user of the unit.
    """
    user = manager.user or _account(properties.get("User") or "root")
    uid = proc.uid(pid)
    if uid is None or user is None:
        return False
    if uid != user.pw_uid and (manager.user is not None or user.pw_uid != 0):
        return False
    return container.of(pid) is None


def _is_unclear(manager: systemd.Manager, properties: Mapping[str, str], main_pid: int) -> bool:
    """Whether the main process may be a gateway although its words are not those of one."""
    return _is_own(manager, properties, main_pid) and not wrapper.is_wrapper(proc.argv(main_pid))


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
    tops = [pid for pid in pythons or sure if not proc.has_ancestor(pid, set(pythons or sure))]
    if main_pid in tops:
        return main_pid
    return min(tops) if tops else None


def _belongs(manager: systemd.Manager, pid: int, properties: Mapping[str, str]) -> bool:
    """Whether a unit that nothing else says to be a gateway's started the process itself."""
    invocation = properties.get("InvocationID")
    if not invocation or re.match(_HOSTS_OF_OTHERS, properties.get("Id", "")):
        return False
    # Someone has started it in a terminal that the unit offers, as an editor in a browser does.
    if proc.has_terminal(pid):
        return False
    # A mail server starts programs of users: one of those may claim that the unit is its own.
    user = manager.user or _account(properties.get("User") or "root")
    environment = proc.of_user(pid, user.pw_uid, proc.environ) if user else None
    return (environment or {}).get("INVOCATION_ID") == invocation


def of_unit_files(user: pwd.struct_passwd) -> list[Gateway]:
    """The gateways in user scope of a user whose own systemd does not run: they are stopped."""
    found = []
    every = unit_file.names(user)
    own = [name for name in every if re.match(USERS_UNIT, name)]
    for unit in (own + [name for name in every if name not in own])[: unit_file.MAX_UNITS]:
        gateway = from_file(user, unit)
        if gateway is not None:
            found.append(gateway)
    return found


def from_file(user: pwd.struct_passwd, unit: str) -> Gateway | None:
    """The gateway that a unit file of a user starts; one that says nothing counts by its name."""
    if not re.match(SAFE_UNIT, unit):
        return None
    properties = unit_file.properties(user, unit)
    words = [word for word in properties["ExecStart"].split("\0") if word]
    command = _command(unit, properties, words)
    own = re.match(USERS_UNIT, unit)
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
    home = homes.resolved(homes.of(user, environment, command, None))
    gateway = Gateway(unit[: -len(".service")] + "@" + user.pw_name, "user", user, home, unit)
    gateway.set_state({}, None, argv)
    return gateway
