# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A .tar.gz of texts, written where nobody but root can reach it, and the bounded reading of what goes into it."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import time

from .._host import files
from .._host.errors import GuardError

TAIL_BYTES = 256 << 10


def tail(path, uid, lines):
    """(the last ``lines`` of the regular file ``path`` of user ``uid``, or None; why not, or None).

    The file is in a user's home: a link, a FIFO, another's file is not read, and of 5 GB only the end.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        try:
            linked = stat.S_ISLNK(os.lstat(path).st_mode)
        except OSError:
            linked = False
        return None, "%s %s" % (
            path,
            "is a symbolic link, which is not followed"
            if linked
            else "cannot be opened: %s" % exc.strerror,
        )
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            return None, "%s is not a regular file" % path
        if info.st_uid != uid:
            return None, "%s belongs to uid %d, which is not the gateway's user" % (
                path,
                info.st_uid,
            )
        start = max(0, info.st_size - TAIL_BYTES)
        data = os.pread(fd, TAIL_BYTES, start)
    except OSError as exc:
        return None, "%s cannot be read: %s" % (path, exc.strerror)
    finally:
        os.close(fd)
    found = data.decode("utf-8", "replace").split("\n")
    if start:
        # The first line is a part of one.
        found = found[1:]
    if found and not found[-1]:
        found.pop()
    return "\n".join(found[-lines:]) + "\n" if found else "", None


def prepare(folder):
    """Make ``folder`` for root alone; GuardError where it is there and anybody else could put a file or a link into it."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        info = os.lstat(folder)
    except OSError as exc:
        raise GuardError("dest: %s cannot be made: %s" % (folder, exc.strerror)) from exc
    if not stat.S_ISDIR(info.st_mode):
        raise GuardError("dest: %s is not a folder" % folder)
    if info.st_uid != os.geteuid() or info.st_mode & 0o022:
        raise GuardError(
            "dest: %s belongs to uid %d with mode %04o; allowed: a folder that nobody but uid %d can write to"
            % (folder, info.st_uid, stat.S_IMODE(info.st_mode), os.geteuid())
        )


def write(path, texts):
    """Write ``texts`` (dict of str by name) as a .tar.gz to ``path``, mode 0600; GuardError where that fails."""
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
