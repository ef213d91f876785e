# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the gateway of a unit by the unit's command, the processes in its cgroup, or its name."""

from __future__ import annotations

import os
import pwd
import re

from .._host import cgroup, container, display, proc, systemd
from .._host.errors import RunError
from . import homes, launch, names, unit_file, wrapper
from .gateway import Gateway
from .processes import Candidates, candidates_of, no_account, owner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .gateway import Known

# The properties of a unit that from_unit and Gateway read.
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
# Compiled on first use: a check without work to do does not need them.
SAFE_UNIT = r"[A-Za-z0-9:_.@\\-]{1,240}\.service\Z"
USERS_UNIT = r"hermes-gateway(?:-(%s))?\.service\Z" % names.PROFILE
# Names that Hermes and operators' guides use for the unit of a gateway.
_LIKELY = r"hermes(?:-(?:agent|gateway)[A-Za-z0-9:_.@\\-]*)?\.service\Z"
# Units whose cgroup may contain a gateway started by someone else. Restarting such a unit would end
# unrelated processes.
_HOSTS_OF_OTHERS = (
    r"user@|systemd-|(?:anacron|atd|code-server|containerd|cron|crond|docker|gdm|getty|"
    r"gitlab-runner|incus|jenkins|jupyter|jupyterhub|libvirtd|lightdm|lxc|lxd|monit|pm2|podman|"
    r"runit|s6|screen|sddm|serial-getty|ssh|sshd|supervisor|supervisord|tmux|ttyd|xrdp)[@.-]"
)
_GUARD = "hermes-guard"
# Characters of the text of an unexpected error: one line.
_MAX_REASON = 200


def from_unit(
    manager: systemd.Manager,
    properties: Mapping[str, str],
    known: Known | None = None,
    candidates: Mapping[int, launch.Launch] | None = None,
) -> Gateway | None:
    """The gateway of a unit; None if it has no gateway. A ``known`` unit always has one.

    ``candidates`` are the processes of this host that may be a gateway; the default is the unit's
    own processes.
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
        # No process is recognised: the main process may be starting up, or a newer release.
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
        environment = homes.environment_of_unit(properties, user.pw_name, owners, live or {})
        own = candidates.get(pid) if pid else None
        home = homes.resolved(homes.of(user, environment, own or command, pid))
    gateway = Gateway(name, manager.scope, user, home, unit)
    gateway.set_state(properties, pid, _argv(words, command))
    gateway.main_pid = main_pid
    return gateway


def of_unit(
    manager: systemd.Manager,
    properties: Mapping[str, str],
    candidates: Mapping[int, launch.Launch] | None = None,
) -> Gateway | None:
    """Like from_unit, but a unit whose examination fails is an unresolved gateway.

    A user decides what is in a unit, so no error may affect other gateways.
    """
    try:
        return from_unit(manager, properties, candidates=candidates)
    except Exception as exc:  # pylint: disable=broad-exception-caught
        named = properties.get("User") or "root"
        user = manager.user or _account(named) or no_account(named)
        return _not_examined(manager.scope, user, properties.get("Id", ""), exc)


def _not_examined(scope: str, user: pwd.struct_passwd, unit: str, exc: Exception) -> Gateway:
    gateway = _without_home(scope, user, unit)
    reason = display.printable("%s: %s" % (type(exc).__name__, exc), _MAX_REASON, instead=" ")
    gateway.problem = "%s cannot be examined: %s" % (unit, reason)
    return gateway


def _without_home(scope: str, user: pwd.struct_passwd, unit: str) -> Gateway:
    """An unresolved gateway with the default home."""
    name = unit[: -len(".service")] + ("@" + user.pw_name if scope == "user" else "")
    gateway = Gateway(name, scope, user, os.path.join(user.pw_dir, homes.DIRECTORY), unit)
    gateway.unresolved = True
    return gateway


def _command(unit: str, properties: Mapping[str, str], words: list[str]) -> launch.Launch | None:
    """The gateway that the unit's command starts, if that is certain.

    `gateway restart` runs a gateway only without a service manager. With one it ends immediately;
    operators use it in units that a timer starts.
    """
    command = wrapper.gateway(words)
    if command is None or command.certain:
        return command
    return command if re.match(_LIKELY, unit) and properties.get("Type") != "oneshot" else None


def _argv(words: list[str], command: launch.Launch | None) -> list[str]:
    """The words of the gateway's own command, without a wrapper."""
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
    """The account of the gateway; a root unit may start it as another user."""
    if manager.user is not None:
        return manager.user
    named = _account(properties.get("User") or "root")
    if named is None or named.pw_uid != 0:
        return named
    if pid is not None:
        return owner(pid)
    # The gateway is stopped: use the account with which it was found.
    try:
        return known.account if known is not None else named
    except RunError:
        return named


def _account(name: str) -> pwd.struct_passwd | None:
    """The passwd entry of the name or number in a unit's User=."""
    try:
        return pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except (KeyError, ValueError):
        return None


def _is_likely(unit: str, words: Sequence[str]) -> bool:
    """Whether the unit has the name of a gateway's, and its command is not known to be another."""
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
    """A unit that resembles a gateway's, with the reason why it is not recognised.

    ``nobodys`` is its process, if its uid has no account.
    """
    state = properties.get("LoadState", "loaded")
    if state in ("masked", "not-found"):
        return None
    unit = properties.get("Id", "")
    named = properties.get("User") or "root"
    user = manager.user or _account(named)
    if user is None:
        reason = "its user %r does not exist" % named
        user = no_account(named)
    elif nobodys is not None:
        reason = "its process %d runs as uid %s, which has no account" % (
            nobodys,
            proc.uid(nobodys),
        )
        user = no_account(named)
    elif state != "loaded":
        reason = "systemd cannot load it: %s" % display.printable(state, 40)
    elif not words:
        reason = "its command cannot be read"
    elif os.path.basename(words[0] if words else "") in ("podman", "docker", "nerdctl"):
        reason = "it starts a container: gateways in containers are not managed"
    else:
        # Only the program: the arguments may contain a secret, as in `env TOKEN=... start.sh`.
        reason = "its command %r is not known to start a gateway, and none of its processes is one"
        reason %= words[0][:100]
    gateway = _without_home(manager.scope, user, unit)
    gateway.set_state(properties)
    gateway.problem = "%s looks like the unit of a gateway, but %s" % (unit, reason)
    return gateway


def _members(main_pid: int | None, properties: Mapping[str, str]) -> list[int]:
    """The processes of a unit; only the main process if it is a gateway, the common case."""
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
    """The ``candidates`` that run in the unit and directly on this host."""
    group = properties.get("ControlGroup", "")
    return [
        pid
        for pid in candidates
        if candidates.in_unit(pid, group, main_pid) and _is_own(manager, properties, pid)
    ]


def _is_own(manager: systemd.Manager, properties: Mapping[str, str], pid: int) -> bool:
    """Whether a process in the unit belongs to its user and runs directly on this host.

    A root unit may start its process as another user, but a user's unit may not: the guard runs the
    Python from the command line as the user of the unit.
    """
    user = manager.user or _account(properties.get("User") or "root")
    uid = proc.uid(pid)
    if uid is None or user is None:
        return False
    if uid != user.pw_uid and (manager.user is not None or user.pw_uid != 0):
        return False
    return container.of(pid) is None


def _is_unclear(manager: systemd.Manager, properties: Mapping[str, str], main_pid: int) -> bool:
    """Whether the main process may be a gateway despite its unknown command line."""
    return _is_own(manager, properties, main_pid) and not wrapper.is_wrapper(proc.argv(main_pid))


def _own_process(
    inside: list[int], candidates: Mapping[int, launch.Launch], main_pid: int | None, likely: bool
) -> int | None:
    """The gateway's own process among those of a unit."""
    sure = [pid for pid in inside if candidates[pid].certain]
    if not sure and likely:
        sure = inside
    # A launcher that waits for its Python process also has a gateway's command line.
    pythons = [pid for pid in sure if candidates[pid].python]
    # A forked child of a gateway has its parent's command line.
    tops = [pid for pid in pythons or sure if not proc.has_ancestor(pid, set(pythons or sure))]
    if main_pid in tops:
        return main_pid
    return min(tops) if tops else None


def _belongs(manager: systemd.Manager, pid: int, properties: Mapping[str, str]) -> bool:
    """Whether a unit without other signs of a gateway started the process itself."""
    invocation = properties.get("InvocationID")
    if not invocation or re.match(_HOSTS_OF_OTHERS, properties.get("Id", "")):
        return False
    # Someone started it in a terminal that the unit provides, such as an editor in a browser.
    if proc.has_terminal(pid):
        return False
    # A mail server starts users' programs, which could claim to be the unit's own process.
    user = manager.user or _account(properties.get("User") or "root")
    environment = proc.of_user(pid, user.pw_uid, proc.environ) if user else None
    return (environment or {}).get("INVOCATION_ID") == invocation


def of_unit_files(user: pwd.struct_passwd) -> list[Gateway]:
    """The gateways, all stopped, of a user whose systemd manager is not running."""
    found = []
    every = unit_file.names(user)
    own = [name for name in every if re.match(USERS_UNIT, name)]
    for unit in (own + [name for name in every if name not in own])[: unit_file.MAX_UNITS]:
        try:
            gateway = from_file(user, unit)
        except Exception as exc:  # pylint: disable=broad-exception-caught
            gateway = _not_examined("user", user, unit, exc)
        if gateway is not None:
            found.append(gateway)
    return found


def from_file(user: pwd.struct_passwd, unit: str) -> Gateway | None:
    """The gateway of a user's unit file; a file without a command is recognised by its name."""
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
    paths = [one for one in properties["EnvironmentFile"].split("\n") if one.startswith("/")]
    environment.update(homes.read_environment(paths, user.pw_name, {user.pw_uid}))
    home = homes.resolved(homes.of(user, environment, command, None))
    gateway = Gateway(unit[: -len(".service")] + "@" + user.pw_name, "user", user, home, unit)
    gateway.set_state({}, None, argv)
    return gateway
