# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the guard's files that no manifest lists, after a killed run or a lost manifest."""

from __future__ import annotations

import glob
import os
import re
from typing import TYPE_CHECKING

from .._guard import config, page_link
from .._host import files, guard_program, unit_files
from .._host.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterable

# The name of a temporary file that files.write_atomic has not renamed yet.
_TEMPORARY = r"\.(.+)\.[0-9]+\.tmp\Z"
# The first line of each file that a role installs.
_MARK = "# Managed by hermes_ops.gateway, role hermes_%s:"
_LINE_BYTES = 200
# The first two levels of a directory of units: units and drop-ins.
_PATTERNS = ("*", "*.d/*", "system/*", "system/*.d/*", "user/*", "user/*.d/*")


def temporary(paths: Iterable[str]) -> list[str]:
    """The temporary files that a killed run left while it wrote one of ``paths``."""
    names: dict[str, set[str]] = {}
    for path in paths:
        folder, name = os.path.split(path)
        names.setdefault(folder, set()).add(name)
    found = []
    for folder, known in names.items():
        try:
            present = os.listdir(folder)
        except OSError:
            continue
        for name in present:
            match = re.match(_TEMPORARY, name)
            if not match or match.group(1) not in known:
                continue
            path = os.path.join(folder, name)
            # A user may own the directory of the metrics link, and can create any name in it.
            if match.group(1) != guard_program.PAGE or page_link.is_ours(path):
                found.append(path)
    return sorted(found)


def marked(component: str) -> list[str]:
    """The files whose first line says that ``component`` installed them."""
    mark = (_MARK % component).encode()
    candidates = [path for pattern in _PATTERNS for path in glob.glob(unit_files.FOLDER + pattern)]
    candidates += glob.glob(config.FOLDER + "/*.conf") + glob.glob(config.FOLDER + "/*/*.conf")
    return sorted(path for path in set(candidates) if first_bytes(path).startswith(mark))


def first_bytes(path: str) -> bytes:
    """The beginning of a file; empty if it is not a regular file."""
    if not os.path.isfile(path) or os.path.islink(path):
        return b""
    try:
        with open(path, "rb") as handle:
            return handle.read(_LINE_BYTES)
    except OSError:
        return b""


def why_not_ours(path: str, content: bytes) -> str | None:
    """Why a file at one of the guard's paths must not be removed; None if it may be."""
    if os.path.basename(path) == guard_program.PAGE:
        return "%s now belongs to another program and is kept" % path
    if not path.endswith(".service") or b"hermes_ops.gateway" in content:
        return None
    # A damaged file is removed, but not a unit that someone else installed at this path.
    if re.search(rb"^ExecStart=", content, re.M) and config.PROGRAM.encode() not in content:
        return "%s is now the unit of another program and is kept" % path
    return None


def read(path: str, max_bytes: int) -> tuple[bytes | None, str | None]:
    """The content of a file to remove, and the reason if it must not be removed.

    The content of the link to the metrics page is its target.
    """
    if page_link.is_ours(path):
        return page_link.page().encode(), None
    try:
        content = files.read_bytes(path, owners={0, os.geteuid()}, max_bytes=max_bytes)
    except FileError as exc:
        return None, "%s; it is kept" % exc
    return content, None if content is None else why_not_ours(path, content)
