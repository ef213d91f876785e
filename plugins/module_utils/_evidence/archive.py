# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a .tar.gz of texts to a directory that only root can access."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import time

from .._host import files
from .._host.errors import GuardError


def prepare(folder: str) -> None:
    """Create directory ``folder``, accessible by root only.

    Raises GuardError if it exists and another user could create a file or a symlink in it, or
    replace it with another directory.
    """
    why = _unsafe_way(os.path.dirname(os.path.abspath(folder)))
    if why:
        raise GuardError("dest: %s: %s" % (folder, why))
    try:
        # Missing parents get mode 0700 too: with os.makedirs it would depend on the umask.
        path, missing = os.path.abspath(folder), []
        while not os.path.lexists(path):
            missing.append(path)
            path = os.path.dirname(path)
        for path in reversed(missing):
            os.mkdir(path, 0o700)
        info = os.lstat(folder)
    except OSError as exc:
        raise GuardError("dest: %s cannot be created: %s" % (folder, exc.strerror)) from exc
    if not stat.S_ISDIR(info.st_mode):
        raise GuardError("dest: %s is not a directory" % folder)
    if info.st_uid != os.geteuid() or info.st_mode & 0o022:
        raise GuardError(
            "dest: %s belongs to uid %d with mode %04o: expected a directory that only uid %d"
            " can write to" % (folder, info.st_uid, stat.S_IMODE(info.st_mode), os.geteuid())
        )


def _unsafe_way(folder: str) -> str | None:
    """Why a user other than root and the current one could redirect ``folder``, or None."""
    for path in (folder, files.real_path(folder)):
        while True:
            try:
                info = os.lstat(path)
            except OSError:
                info = None
            if info is not None and info.st_uid not in (0, os.geteuid()):
                return "%s belongs to uid %d" % (path, info.st_uid)
            # In a sticky directory such as /tmp, users cannot rename the files of others.
            if info is not None and stat.S_ISDIR(info.st_mode) and info.st_mode & 0o022:
                if not info.st_mode & stat.S_ISVTX:
                    return "%s can be written by others" % path
            if path == "/":
                break
            path = os.path.dirname(path)
    return None


def write(path: str, texts: dict[str, str]) -> None:
    """Write ``texts``, by name, as a .tar.gz to ``path``, mode 0600. Raises GuardError."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(texts):
            data = texts[name].encode("utf-8")
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            entry.mode = 0o600
            entry.mtime = int(time.time())
            archive.addfile(entry, io.BytesIO(data))
    try:
        files.write_atomic(path, out.getvalue(), mode=0o600)
    except OSError as exc:
        raise GuardError("dest: %s cannot be written: %s" % (path, exc.strerror)) from exc
