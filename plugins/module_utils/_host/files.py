# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading files that may be hostile and writing files so that a fault leaves the old one or the new one.

A process that runs as root reads files in users' homes. Such a file may be a link to /etc/shadow, a FIFO that never
answers, or 5 GB long: it is opened without following a link in its last part, without blocking, and read up to a limit.
A link in an earlier part of the path cannot be used to read another user's secrets either, because the owner of what
was opened is checked.
"""

from __future__ import annotations

import errno
import json
import os
import stat

from .errors import FileError

MAX_BYTES = 1 << 20


def read_bytes(path, owners=None, max_bytes=MAX_BYTES):
    """The content (bytes) of regular file ``path``, or None where there is none.

    ``owners`` is a collection of uids that the file may belong to (None: anyone), ``max_bytes`` the largest size taken.
    Raises FileError where it is a link, no regular file, another user's, or too large; and on any other I/O error.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        reason = (
            "is a symbolic link, which is not followed"
            if exc.errno == errno.ELOOP
            else "cannot be opened: %s" % exc.strerror
        )
        raise FileError("%s %s" % (path, reason)) from exc
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise FileError("%s is not a regular file" % path)
        if owners is not None and info.st_uid not in owners:
            raise FileError(
                "%s belongs to uid %d, which is not the gateway's user" % (path, info.st_uid)
            )
        if info.st_size > max_bytes:
            raise FileError(
                "%s has %d bytes, more than the %d that are read" % (path, info.st_size, max_bytes)
            )
        chunks = []
        left = max_bytes + 1
        while left > 0:
            chunk = os.read(fd, min(left, 1 << 16))
            if not chunk:
                break
            chunks.append(chunk)
            left -= len(chunk)
        if left <= 0:
            raise FileError("%s grew beyond the %d bytes that are read" % (path, max_bytes))
        return b"".join(chunks)
    except OSError as exc:
        raise FileError("%s cannot be read: %s" % (path, exc.strerror)) from exc
    finally:
        os.close(fd)


def read_text(path, owners=None, max_bytes=MAX_BYTES):
    """As read_bytes, decoded as UTF-8 with undecodable bytes replaced."""
    data = read_bytes(path, owners, max_bytes)
    return None if data is None else data.decode("utf-8", "replace")


def read_json(path, owners=None, max_bytes=MAX_BYTES):
    """The JSON object (dict) in ``path``, or None where there is no file. FileError where it is anything else."""
    text = read_text(path, owners, max_bytes)
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as exc:
        # A thousand opening brackets are no ValueError.
        raise FileError("%s is not JSON: %s" % (path, exc)) from exc
    if not isinstance(value, dict):
        raise FileError("%s holds a JSON %s, not an object" % (path, type(value).__name__))
    return value


def write_atomic(path, data, mode=0o644, owner=None):
    """Replace ``path`` by ``data`` (bytes or str): temporary file beside it, fsync, rename, fsync of the directory.

    ``owner`` is (uid, gid), or None for our own. Raises OSError; ``path`` is then as it was.
    """
    if isinstance(data, str):
        data = data.encode("utf-8")
    folder = os.path.dirname(path) or "."
    temporary = os.path.join(folder, ".%s.%d.tmp" % (os.path.basename(path), os.getpid()))
    fd = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fchmod(fd, mode)
            if owner is not None:
                os.fchown(fd, owner[0], owner[1])
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_folder(folder)


def sync_folder(folder):
    """Make renames and removals in ``folder`` survive a power loss."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def append_line(path, line, mode=0o644):
    """Append ``line`` (str without newline) to ``path`` in one write, on a line of its own.

    An earlier write that a power loss cut short leaves a line without its end; that one is closed first.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        size = os.fstat(fd).st_size
        torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
        data = (b"\n" if torn else b"") + line.encode("utf-8") + b"\n"
        if os.write(fd, data) != len(data):
            # A disk that is full in the middle of the line says so at the next write only.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        os.fsync(fd)
    finally:
        os.close(fd)


def unwritable(folder: str) -> str | None:
    """The first that exists of ``folder`` and those above it, if nothing can be made in it."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK | os.X_OK):
        return folder
    return folder if os.statvfs(folder).f_flag & os.ST_RDONLY else None


def remove(path: str) -> None:
    """Remove file ``path``, if it is there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def remove_if_empty(folder: str) -> None:
    """Remove ``folder``, unless someone keeps files in it."""
    try:
        os.rmdir(folder)
    except OSError:
        pass
