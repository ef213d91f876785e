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

# A slice groups all gateways of a user, or of the host.
SLICE = ".slice"

# Used instead of permissions for a symbolic link; the content is then the link's target.
LINK = stat.S_IFLNK | 0o777


class File(NamedTuple):
    """The content and permissions that a file must have."""

    content: bytes
    mode: int


class DesiredState(NamedTuple):
    """Files by path, units to enable and start, and the prefixes of lines that hold a secret."""

    files: dict[str, File]
    units: list[str]
    hidden: tuple[str, ...] = ()


def of_files(
    listed: list[dict[str, str]], units: Sequence[str] = (), secrets: dict[str, Any] | None = None
) -> DesiredState:
    """The desired state from a role's files (path, content, mode), units, and secrets by key.

    Raises GuardError for an invalid file.
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
                "files: %s contains a secret: invalid mode %04o: expected 0600" % (path, file.mode)
            )
        if found.setdefault(path, file) != file:
            raise GuardError(
                "two gateways on this host would share the file %s: list the gateways to manage in"
                " hermes_guard_gateways" % path
            )
    return DesiredState(found, list(units), tuple("%s = " % key for key in secrets))


def drop_in_directory(gateway: discovery.Gateway) -> str | None:
    """The directory for drop-ins of the gateway's unit; None for a unit name that the user chose.

    The systemd of every user with a unit of that name reads /etc/systemd/user/UNIT.d.
    """
    if gateway.unit is None or not discovery.own_unit(gateway):
        return None
    return unit_files.drop_ins(gateway.scope, gateway.unit)


def _with_secrets(text: str, secrets: dict[str, Any]) -> str:
    """``text`` with each secret inserted after its key, in a line such as ``key =``.

    If the whole text is "@key@", the secret replaces it and may have several lines.
    """
    for key, value in secrets.items():
        if text == "@%s@" % key:
            return "%s\n" % str(value).rstrip("\n")
    for key, value in secrets.items():
        if "%s =" % key not in text:
            continue
        line = "%s = %s" % (key, "" if value is None else value)
        if any(letter in line for letter in "\r\n\0"):
            raise GuardError("%s contains a line break: expected one line" % key)
        text = "\n".join(line if one.rstrip() == key + " =" else one for one in text.split("\n"))
    return text


def _permissions(path: str, mode: str) -> int:
    try:
        return int(mode, 8)
    except ValueError as exc:
        raise GuardError(
            "files: %s: invalid mode %r: expected an octal number such as 0644" % (path, mode)
        ) from exc


def _check_drop_in(path: str) -> None:
    """Raise GuardError for a drop-in that would change a unit of other users."""
    unit = unit_files.unit(path)
    if unit_files.scope(path) == "user" and not (
        unit.endswith(SLICE) or fnmatch.fnmatchcase(unit, discovery.OWN_UNITS)
    ):
        raise GuardError(
            "files: %s would change the unit %s of every user: expected a unit called %s"
            % (path, unit, discovery.OWN_UNITS)
        )
