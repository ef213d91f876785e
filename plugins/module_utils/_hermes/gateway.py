# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Describes one Hermes gateway: its home, its process, and whether it is safe to manage."""

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
        """A gateway whose unit and home are known: a Gateway, or the settings of one."""

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


# Hermes names its units hermes-gateway.service and hermes-gateway-PROFILE.service; old releases
# use hermes.service.
OWN_UNITS = "hermes*.service"


class Gateway:
    """One gateway of this host.

    ``name`` is the unit without ".service", followed by "@USER" in user scope. ``scope`` is system,
    user, manual (started manually; ``unit`` is then None) or container (``home`` is then a path in
    the container named ``container``). ``home`` is its HERMES_HOME.
    ``pid`` is the gateway's own process, ``main_pid`` the one that systemd sends its signals to,
    which may be a shell or a runner above it. Both, ``invocation_id``, ``uptime_seconds``,
    ``start_ticks`` (see proc.start_ticks) and ``start_time`` (epoch seconds) are None if it is not
    running; ``active_state`` is systemd's ActiveState, and "active" if it was started manually.
    ``python`` is the Python that runs it, ``root`` the directory from which that Python imports
    hermes_bootstrap, and ``unit_python`` the Python that the unit will start next time; each is
    None if unknown. ``problem`` says why it is unsafe to manage, or is None; ``conflict`` names
    other gateways with the same home, or is None. ``unresolved`` means that its unit only resembles
    a gateway's.
    """

    def __init__(
        self, name: str, scope: str, user: pwd.struct_passwd, home: str, unit: str | None = None
    ) -> None:
        """Create a stopped gateway; set_state sets its actual state."""
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
        """Why the gateway is unsafe to manage, or None.

        Determined at the first access, because the home may be on a server that hangs.
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
        """Set the state from the unit's PROPERTIES, its process, and the command that it starts."""
        self.profile = profile_of(argv, self.home)
        # The command line is trusted only if the process belongs to the gateway's user.
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
        self.start_ticks = proc.start_ticks(pid) if pid else None
        self.uptime_seconds = self.start_time = None
        if self.start_ticks is not None:
            self.uptime_seconds = proc.seconds_since(self.start_ticks)
            self.start_time = time.time() - self.uptime_seconds

    def has_ended(self) -> bool:
        """Whether it had no process, or that process has exited since."""
        if self.pid is None or self.start_ticks is None:
            return True
        return proc.start_ticks(self.pid) != self.start_ticks


def _command(words: Sequence[str] | None) -> launch.Launch | None:
    """The Hermes command in a command line, or None."""
    if not words:
        return None
    # Not at the top: a check without work to do reads no command line.
    from . import launch

    return launch.parse(words)


def own_unit(gateway: Gateway) -> bool:
    """Whether the unit is in system scope, or has a name that Hermes gives to user units."""
    # Not at the top: a check without work to do does not need it.
    import fnmatch

    return gateway.scope == "system" or fnmatch.fnmatchcase(gateway.unit or "", OWN_UNITS)


def profile_of(argv: Sequence[str], home: str) -> str:
    """The profile's name from the command line, else from the home; "" for the default profile."""
    command = _command(argv)
    directory, last = os.path.split(home)
    name = command.profile if command else None
    if name is None and os.path.basename(directory) == "profiles":
        name = last
    return name if name and re.match(names.PROFILE + r"\Z", name) else ""


def home_problem(gateway: Gateway) -> str | None:
    """Why a process that runs as root must not use the gateway's home, or None."""
    if gateway.scope == "container":
        return (
            "it runs in a container, which the guard does not manage: set a memory limit and a "
            "restart policy in the container engine"
        )
    if not names.is_safe_name(gateway.name):
        return "the name %r contains characters that are not allowed in a unit name" % gateway.name
    if gateway.unit and gateway.unit.endswith("-.service"):
        return (
            "the name of its unit %s ends in '-': a drop-in for it would apply to all units whose "
            "names begin with it" % gateway.unit
        )
    if gateway.home.startswith("~"):
        return "the home %r is not an absolute path: systemd does not expand ~" % gateway.home
    if not names.is_safe_path(gateway.home):
        return "the home %r contains characters that are not allowed in a unit file" % gateway.home
    if reach.is_silent(gateway.home):
        return "its home %s does not answer" % gateway.home
    try:
        info = os.lstat(gateway.home)
    except OSError as exc:
        return "the home %s cannot be read: %s" % (gateway.home, exc.strerror)
    # A link of the owner or of root is followed: ~/.hermes may be on another disk.
    if stat.S_ISLNK(info.st_mode):
        if info.st_uid not in (gateway.uid, 0):
            return "the home %s is a symbolic link that belongs to uid %d" % (
                gateway.home,
                info.st_uid,
            )
        try:
            info = os.stat(gateway.home)
        except OSError as exc:
            return "the home %s cannot be read: %s" % (gateway.home, exc.strerror)
    if not stat.S_ISDIR(info.st_mode):
        return "the home %s is not a directory" % gateway.home
    if info.st_uid != gateway.uid:
        return "the home %s belongs to uid %d, but the gateway runs as %s (uid %d)" % (
            gateway.home,
            info.st_uid,
            gateway.user,
            gateway.uid,
        )
    return None
