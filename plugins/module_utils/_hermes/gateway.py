# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Hermes gateway of a host: where it is, what runs it, and whether it may be touched."""

from __future__ import annotations

import os
import re
import stat
import time

from .._host import proc, reach
from . import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pwd
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from . import launch

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


# Hermes calls its units hermes-gateway.service and hermes-gateway-PROFILE.service; old ones are
# called hermes.service.
OWN_UNITS = "hermes*.service"


class Gateway:
    """One gateway of this host.

    ``name`` is the unit without ".service", with "@USER" behind it in user scope. ``scope`` is
    system, user, manual (started manually; ``unit`` is then None) or container: ``home`` is then a
    path in the container named ``container``. ``home`` is its HERMES_HOME.
    ``pid`` is the gateway's own process, ``main_pid`` the one that systemd sends its signals to,
    which may be a shell or a runner above it. They, ``invocation_id``, ``uptime_seconds`` and
    ``start_time`` (epoch seconds) are None if it does not run; ``active_state`` is systemd's
    ActiveState, "active" for one started manually. ``python`` is the Python that runs it, and
    ``root`` the directory from which that Python imports hermes_bootstrap, and ``unit_python`` the
    Python that the unit starts the next time; each is None if it is not known. ``problem`` says why
    it must not be touched, or is None; ``conflict`` which others have the same home, or is None.
    ``unresolved`` says that it only looks like a gateway.
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
        self.container: str | None = None
        self.conflict: str | None = None
        self.unresolved = False
        self._problem: str | None = None
        self._looked_at = False
        self.main_pid: int | None = None
        self.set_state({})

    @property
    def problem(self) -> str | None:
        """Why the gateway must not be touched, or None.

        Looked up when it is asked for the first time: a home may be on a server that hangs.
        """
        if not self._looked_at:
            self.problem = home_problem(self)
        return self._problem

    @problem.setter
    def problem(self, reason: str | None) -> None:
        self._problem = reason
        self._looked_at = True

    def set_state(
        self, properties: Mapping[str, str], pid: int | None = None, argv: Sequence[str] = ()
    ) -> None:
        """Take over PROPERTIES of the unit, its process, and the command line that it starts."""
        self.profile = profile_of(argv, self.home)
        # The words of a process are those of whoever started it: of another's they say nothing.
        words = proc.of_user(pid, self.uid, proc.argv) if pid else None
        commands = [_command(words), _command(argv)]
        self.python = next((one.python for one in commands if one and one.python), None)
        self.root = next((one.root for one in commands if one and one.root), None)
        self.unit_python = commands[1].python if commands[1] else None
        self.pid = pid
        self.main_pid = pid
        self.invocation_id = properties.get("InvocationID") or None
        self.active_state = properties.get("ActiveState", "active" if pid else "inactive")
        self.sub_state = properties.get("SubState", "")
        self.control_group = properties.get("ControlGroup", "")
        self.restart_policy = properties.get("Restart", "")
        self.uptime_seconds = proc.uptime_seconds(pid) if pid else None
        self.start_time = None
        if self.uptime_seconds is not None:
            self.start_time = time.time() - self.uptime_seconds


def _command(words: Sequence[str] | None) -> launch.Launch | None:
    """The command of Hermes in a command line."""
    if not words:
        return None
    # Not at the top: a check that has nothing to do reads no command line.
    from . import launch

    return launch.parse(words)


def own_unit(gateway: Gateway) -> bool:
    """Whether the unit is in system scope, or has a name as Hermes gives them to those of users."""
    # Not at the top: a check that has nothing to do does not need it.
    import fnmatch

    return gateway.scope == "system" or fnmatch.fnmatchcase(gateway.unit or "", OWN_UNITS)


def profile_of(argv: Sequence[str], home: str) -> str:
    """The profile's name by the command line, else by the home; "" for the default one."""
    command = _command(argv)
    directory, last = os.path.split(home)
    name = command.profile if command else None
    if name is None and os.path.basename(directory) == "profiles":
        name = last
    return name if name and re.match(names.PROFILE + r"\Z", name) else ""


def home_problem(gateway: Gateway) -> str | None:
    """Why the gateway's home must not be touched by a process that runs as root, or None."""
    if gateway.scope == "container":
        return (
            "it runs in a container, and those are not managed: set a memory limit and a restart "
            "policy with the container's own engine"
        )
    if not names.is_safe_name(gateway.name):
        return "the name %r has characters that no unit name should have" % gateway.name
    if gateway.unit and gateway.unit.endswith("-.service"):
        return (
            "the name of its unit %s ends in '-': what is written for it would count for all units "
            "whose names begin with it" % gateway.unit
        )
    if gateway.home.startswith("~"):
        return (
            "the home %r is not an absolute path: systemd does not expand characters such as ~"
            % gateway.home
        )
    if not names.is_safe_path(gateway.home):
        return "the home %r has characters that cannot stand in a unit" % gateway.home
    if reach.is_silent(gateway.home):
        return "its home %s does not answer" % gateway.home
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
