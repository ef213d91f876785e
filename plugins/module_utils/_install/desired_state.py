# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired state of one component on this host: its files and the units to enable and start."""

from __future__ import annotations

import fnmatch
import stat
from typing import Any, NamedTuple, Sequence

from .._hermes import discovery
from .._host import files, unit_files
from .._host.errors import GuardError

# A unit of all gateways of a user, or of the host.
SLICE = ".slice"

# In place of permissions: the file is a symbolic link, and its content is the target.
LINK = stat.S_IFLNK | 0o777


class File(NamedTuple):
    """The content and permissions that a file must have."""

    content: bytes
    mode: int


class DesiredState(NamedTuple):
    """Files by path, units to enable and start, and how lines begin whose rest is secret."""

    files: dict[str, File]
    units: list[str]
    hidden: tuple[str, ...] = ()


def of_files(
    listed: list[dict[str, str]], units: Sequence[str] = (), secrets: dict[str, Any] | None = None
) -> DesiredState:
    """What a role hands over: files (path, content, mode), units, and secrets by their keys.

    GuardError for a file that cannot be.
    """
    secrets = secrets or {}
    found: dict[str, File] = {}
    for one in listed:
        path = one["path"]
        _check_drop_in(path)
        content = _with_secrets(one["content"], secrets)
        file = File(content.encode("utf-8"), _permissions(path, one["mode"]))
        if content != one["content"] and file.mode & files.OTHERS:
            raise GuardError(
                "files: %s has a secret in it and the mode %04o; allowed: 0600" % (path, file.mode)
            )
        if found.setdefault(path, file) != file:
            raise GuardError(
                "two gateways of this host would share the file %s: name those to guard in"
                " hermes_guard_gateways" % path
            )
    return DesiredState(found, list(units), tuple("%s = " % key for key in secrets))


def drop_in_directory(gateway: discovery.Gateway) -> str | None:
    """Where drop-ins of the gateway's unit are kept; None for a name that the user chose.

    /etc/systemd/user/UNIT.d is read by the systemd of every user who has a unit of that name.
    """
    if not discovery.own_unit(gateway):
        return None
    return "%s%s/%s.d" % (unit_files.FOLDER, gateway.scope, gateway.unit)


def _with_secrets(text: str, secrets: dict[str, Any]) -> str:
    """``text`` with each secret behind its key, for which it has a line such as ``key =``.

    A text that is "@key@" and nothing else becomes the secret, which may then have several lines.
    """
    for key, value in secrets.items():
        if text == "@%s@" % key:
            return "%s\n" % str(value).rstrip("\n")
    for key, value in secrets.items():
        if "%s =" % key not in text:
            continue
        line = "%s = %s" % (key, "" if value is None else value)
        if any(letter in line for letter in "\r\n\0"):
            raise GuardError("%s has a line break in it; allowed: one line" % key)
        text = "\n".join(line if one.rstrip() == key + " =" else one for one in text.split("\n"))
    return text


def _permissions(path: str, mode: str) -> int:
    try:
        return int(mode, 8)
    except ValueError as exc:
        raise GuardError(
            "files: %s has the mode %r; allowed: an octal number such as 0644" % (path, mode)
        ) from exc


def _check_drop_in(path: str) -> None:
    """GuardError for a drop-in that would change a unit of other users."""
    unit = unit_files.unit(path)
    if unit_files.scope(path) == "user" and not (
        unit.endswith(SLICE) or fnmatch.fnmatchcase(unit, discovery.OWN_UNITS)
    ):
        raise GuardError(
            "files: %s is for the unit %s of every user; allowed: %s"
            % (path, unit, discovery.OWN_UNITS)
        )
