# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Determines a gateway's home by the same rules as Hermes.

It is HERMES_HOME, else .hermes in HOME. A profile is a directory below its ``profiles``; the
command line names it, else the file active_profile.
"""

from __future__ import annotations

import os
import re

from .._host import files, proc, reach, systemd
from .._host.errors import FileError
from . import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pwd
    from collections.abc import Mapping, Sequence

    from . import launch

DIRECTORY = ".hermes"
# Enough for the name of a profile and a line break.
_MAX_PROFILE = 100
# The bytes of all EnvironmentFile= of a unit, far more than they need, and their number. A user can
# name any number of them in any number of units, and root reads them all.
_MAX_ENVIRONMENT = 1 << 16
_MAX_FILES = 20
# Any of these variables means that a service manager runs the gateway: 0.21.5 and later then ignore
# active_profile.
_SUPERVISED = (
    "HERMES_SUPERVISED_CHILD",
    "HERMES_S6_SUPERVISED_CHILD",
    "HERMES_GATEWAY_EXTERNAL_SUPERVISOR",
)


def of(
    user: pwd.struct_passwd,
    environment: Mapping[str, str],
    command: launch.Launch | None,
    pid: int | None,
) -> str:
    """The home of the gateway that ``command`` starts with ``environment``; ``pid`` if it runs."""
    native = os.path.join(environment.get("HOME") or user.pw_dir, DIRECTORY)
    given = environment.get("HERMES_HOME", "").strip()
    home = os.path.normpath(given or native)
    # The home is accessed from here on, and may be on a server that does not answer.
    reach.answers(home, user.pw_name)
    named = command.profile if command else None
    if named:
        root = _root(home, os.path.normpath(native))
        return root if named == "default" else os.path.join(root, "profiles", named)
    if os.path.basename(os.path.dirname(home)) == "profiles":
        return home
    sticky = _sticky(_root(home, os.path.normpath(native)), user.pw_uid)
    if sticky is None or any(environment.get(name) for name in _SUPERVISED):
        return home
    if pid is not None and wrote_state(home, pid, user.pw_uid):
        return home
    if pid is not None and wrote_state(sticky, pid, user.pw_uid):
        return sticky
    # The command line is from 0.22 or later, which ignores the file under a service manager.
    return home if command and command.root and environment.get("INVOCATION_ID") else sticky


def resolved(home: str) -> str:
    """The real path of a home, because ~/.hermes may be a symbolic link to another disk.

    No user's link is followed after that: see way. A relative path is only normalised, and so is
    one that cannot be resolved; the problem of such a gateway says why.
    """
    if not home.startswith("/") or reach.is_silent(home):
        return os.path.normpath(home)
    try:
        return files.real_path(home)
    except FileError:
        return os.path.normpath(home)


def environment_of_unit(
    properties: Mapping[str, str], user: str, owners: set[int], live: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a unit's processes; ``live``, that of one of them, takes precedence.

    An EnvironmentFile= is read only if it belongs to one of ``owners``: a user chooses the path in
    a user's unit, and root reads the file.
    """
    found = systemd.environment(properties.get("Environment"))
    paths = systemd.environment_files(properties.get("EnvironmentFiles"))
    found.update(read_environment(paths, user, owners))
    found.update(live)
    return found


def read_environment(paths: Sequence[str], user: str, owners: set[int]) -> dict[str, str]:
    """The variables in the EnvironmentFile= of a unit of ``user``, in order of ``paths``.

    Skips files that cannot be read, those after the first _MAX_FILES, and those that together have
    more than _MAX_ENVIRONMENT bytes.
    """
    paths = paths[:_MAX_FILES]
    reach.ask([os.path.dirname(path) for path in paths], user)
    found: dict[str, str] = {}
    left = _MAX_ENVIRONMENT
    for path in paths:
        try:
            text = files.read_text(path, owners, left) or ""
        except (FileError, OSError):
            continue
        left -= len(text)
        found.update(_variables(text))
    return found


def _variables(text: str) -> dict[str, str]:
    found = {}
    for line in text.splitlines():
        name, separator, value = line.strip().partition("=")
        if separator and "\0" not in value and re.match(r"[A-Za-z_][A-Za-z0-9_]*\Z", name):
            value = value.strip()
            if value[:1] in ("'", '"') and value.endswith(value[0]):
                value = value[1:-1]
            found[name] = value
    return found


def _root(home: str, native: str) -> str:
    """The directory that contains ``profiles``."""
    if home == native or home.startswith(native + "/"):
        return native
    above = os.path.dirname(home)
    return os.path.dirname(above) if os.path.basename(above) == "profiles" else home


def _sticky(home: str, uid: int) -> str | None:
    """The home of the profile that ``hermes profile use`` activated."""
    try:
        text = files.read_text(os.path.join(home, "active_profile"), {uid, 0}, _MAX_PROFILE)
    except (FileError, OSError):
        return None
    name = (text or "").strip().lower()
    if name == "default" or not re.match(names.PROFILE + r"\Z", name):
        return None
    return os.path.join(home, "profiles", name)


def wrote_state(home: str, pid: int, uid: int) -> bool:
    """Whether the gateway that wrote its state in ``home`` is the process ``pid``."""
    for name in ("gateway_state.json", "gateway.pid"):
        try:
            content = files.read_json(os.path.join(home, name), {uid, 0})
        except (FileError, OSError):
            continue
        if content is not None and content.get("pid") == pid:
            if content.get("start_time") in (None, proc.start_ticks(pid)):
                return True
    return False
