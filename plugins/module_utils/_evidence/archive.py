# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A .tar.gz of texts, written where nobody but root can reach it."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import time

from .._host import files
from .._host.errors import GuardError


def prepare(folder: str) -> None:
    """Make directory ``folder`` for root alone.

    Raises GuardError if it is there and someone else could put a file or a link into it.
    """
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        info = os.lstat(folder)
    except OSError as exc:
        raise GuardError("dest: %s cannot be made: %s" % (folder, exc.strerror)) from exc
    if not stat.S_ISDIR(info.st_mode):
        raise GuardError("dest: %s is not a folder" % folder)
    if info.st_uid != os.geteuid() or info.st_mode & 0o022:
        raise GuardError(
            "dest: %s belongs to uid %d with mode %04o; allowed: a folder that nobody but uid %d"
            " can write to" % (folder, info.st_uid, stat.S_IMODE(info.st_mode), os.geteuid())
        )


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
