# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired state of one component on this host: its files and the units to enable and start.

Every role but hermes_guard hands over finished files. hermes_guard runs first and does not know
the gateways yet, so @NAME@ and the like in its files stand for what discovery finds.
"""

from __future__ import annotations

import fnmatch
import re
from typing import Any, NamedTuple

from .._guard import config
from .._hermes import discovery
from .._host import unit_files
from .._host.errors import GuardError
from . import manifest, program

# A unit of all gateways of a user, or of the host.
SLICE = ".slice"


class File(NamedTuple):
    """The content and permissions that a file must have."""

    content: bytes
    mode: int


class DesiredState(NamedTuple):
    """Files by path, units to enable and start, and how lines begin whose rest is secret."""

    files: dict[str, File]
    units: list[str]
    hidden: tuple[str, ...] = ()


def of_component(
    parameters: dict[str, Any], gateways: list[discovery.Gateway], present: bytes | None
) -> DesiredState:
    """What ``parameters``, the guard module's, ask for; nothing if there are no ``gateways``.

    ``present`` is the program that is installed now, if any. GuardError for a file that cannot be.
    """
    secrets = parameters.get("secrets") or {}
    hidden = tuple("%s = " % key for key in secrets)
    if not gateways:
        return DesiredState({}, [], hidden)
    found: dict[str, File] = {}
    if parameters["part"] == manifest.BASE:
        found[config.PROGRAM] = File(program.installed(present), 0o755)
        listed = _of_each_gateway(parameters["files"], gateways)
    else:
        listed = [(file["path"], file["content"], file["mode"]) for file in parameters["files"]]
    for path, content, mode in listed:
        _check_drop_in(path)
        file = File(_with_secrets(content, secrets).encode("utf-8"), _permissions(path, mode))
        if found.setdefault(path, file) != file:
            raise GuardError(
                "two gateways of this host would share the file %s: name those to guard in"
                " hermes_guard_gateways" % path
            )
    return DesiredState(found, list(parameters["units"]), hidden)


def drop_in_directory(gateway: discovery.Gateway) -> str | None:
    """Where drop-ins of the gateway's unit are kept; None for a name that the user chose.

    /etc/systemd/user/UNIT.d is read by the systemd of every user who has a unit of that name.
    """
    if not discovery.own_unit(gateway):
        return None
    return "%s%s/%s.d" % (unit_files.FOLDER, gateway.scope, gateway.unit)


def _of_each_gateway(
    listed: list[dict[str, str]], gateways: list[discovery.Gateway]
) -> list[tuple[str, str, str]]:
    """(path, content, mode) of each file; guard.conf with a section for each gateway."""
    found = []
    for file in listed:
        path, content = file["path"], file["content"]
        if "@NAME@" in path:
            for gateway in gateways:
                found.append((fill(path, gateway), fill(content, gateway), file["mode"]))
            continue
        if path == config.FOLDER + "/guard.conf":
            content += "".join(config.section(gateway) for gateway in gateways)
        found.append((path, content, file["mode"]))
    return found


def fill(text: str, gateway: discovery.Gateway) -> str:
    """``text`` with what belongs to the gateway in place of @NAME@ and the like."""
    values = {
        "@NAME@": gateway.name,
        "@UNIT@": gateway.unit or "",
        "@SCOPE@": gateway.scope,
        "@USER@": gateway.user,
        "@HOME@": gateway.home,
        "@PYTHON@": gateway.python or "",
    }
    # All at once: a home with @PYTHON@ in its name is a home.
    return re.sub("|".join(values), lambda found: values[found.group()], text)


def _with_secrets(text: str, secrets: dict[str, Any]) -> str:
    """``text`` with each secret behind its key, for which it has a line such as ``key =``."""
    for key, value in secrets.items():
        line = "%s = %s" % (key, value)
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
