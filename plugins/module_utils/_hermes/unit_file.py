# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the unit files of a user whose systemd manager is not running."""

from __future__ import annotations

import itertools
import os
import re

from .._host import files, reach
from .._host.errors import FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pwd

DIRECTORY = ".config/systemd/user"
# The directories of a user's own unit files, and those of the host for all users.
DIRECTORIES = (DIRECTORY, ".local/share/systemd/user")
HOST_DIRECTORIES = ("/etc/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user")
# Root reads these files, and a user can create any number of them.
MAX_UNITS = 200
MAX_ENTRIES = 5000
# Of one unit. The bytes are those of its file and its drop-ins together.
_MAX_DROP_INS = 20
_MAX_BYTES = 1 << 16
# Prefixes of ExecStart= that are not part of the command.
_PREFIXES = "@-:+!|"


def names(user: pwd.struct_passwd) -> list[str]:
    """The names of the service units among the user's own unit files."""
    found = _entries(os.path.join(user.pw_dir, DIRECTORY))
    return [name for name in found if name.endswith(".service")]


def properties(user: pwd.struct_passwd, unit: str) -> dict[str, str]:
    """ExecStart, Environment and EnvironmentFile of a unit file and its drop-ins.

    The values are empty if it cannot be read. The words of ExecStart are separated by zero bytes;
    Environment is quoted as systemd prints it; EnvironmentFile has one path per line.
    """
    path = os.path.join(user.pw_dir, DIRECTORY, unit)
    found: dict[str, list[str]] = {}
    left = _MAX_BYTES
    for one in [path, *_drop_ins(path)]:
        text = _text(one, user, left)
        left -= len(text)
        for name, value in _assignments(text):
            if not value:
                found[name] = []
            else:
                found.setdefault(name, []).append(value.replace("%h", user.pw_dir))
    return {
        "ExecStart": "\0".join(_words(" ".join(found.get("ExecStart", [])[-1:]))),
        "Environment": " ".join(found.get("Environment", [])),
        "EnvironmentFile": "\n".join(
            value.lstrip("-") for value in found.get("EnvironmentFile", [])
        ),
    }


def seen(user: pwd.struct_passwd, unit: str) -> bool:
    """Whether a file of the unit exists."""
    places = [*([] if reach.is_silent(user.pw_dir) else _own(user)), *HOST_DIRECTORIES]
    return any(os.path.lexists(os.path.join(one, unit)) for one in places)


def absent(user: pwd.struct_passwd) -> bool:
    """Whether a unit without a visible file has none, because the user's files are accessible."""
    # If a home or its directory of units is not mounted, the mount point is an empty directory; an
    # encrypted home has other names in it.
    if reach.is_silent(user.pw_dir) or not any(os.path.isdir(one) for one in _own(user)):
        return False
    try:
        os.listdir(user.pw_dir)
        for one in _own(user):
            if os.path.lexists(one):
                os.listdir(one)
    except OSError:
        return False
    return True


def _own(user: pwd.struct_passwd) -> list[str]:
    return [os.path.join(user.pw_dir, directory) for directory in DIRECTORIES]


def _drop_ins(path: str) -> list[str]:
    found = [one for one in _entries(path + ".d") if one.endswith(".conf")]
    return [os.path.join(path + ".d", one) for one in found[:_MAX_DROP_INS]]


def _entries(directory: str) -> list[str]:
    """The names in a directory, sorted; at most MAX_ENTRIES of them."""
    if reach.is_silent(directory):
        return []
    try:
        with os.scandir(directory) as found:
            return sorted(one.name for one in itertools.islice(found, MAX_ENTRIES))
    except OSError:
        return []


def _text(path: str, user: pwd.struct_passwd, most: int) -> str:
    """The content of a file of at most ``most`` bytes; empty if it cannot be read."""
    if reach.is_silent(path):
        return ""
    try:
        # Links, such as those of home-manager, are followed; the owner of the file is checked.
        return files.read_text(files.real_path(path), {user.pw_uid, 0}, most) or ""
    except (FileError, OSError):
        return ""


def _assignments(text: str) -> list[tuple[str, str]]:
    """The name and value of each assignment in the section Service."""
    section = ""
    found = []
    # Comments may also be inside of a continued value; see systemd.syntax(7).
    text = re.sub(r"^[ \t]*[#;].*\n?", "", text, flags=re.M)
    for line in re.sub(r"(?<!\\)((?:\\\\)*)\\\n", r"\1 ", text).splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line
        elif section == "[Service]":
            name, separator, value = line.partition("=")
            # No word or path has a zero byte.
            if separator and "\0" not in value:
                found.append((name.strip(), value.strip()))
    return found


def _words(line: str) -> list[str]:
    """The words of a command line, without the prefixes of ExecStart=."""
    # Not at the top: a check, which may run every minute, does not need it.
    import shlex

    try:
        words = shlex.split(line.lstrip(_PREFIXES))
    except ValueError:
        words = line.lstrip(_PREFIXES).split()
    return words
