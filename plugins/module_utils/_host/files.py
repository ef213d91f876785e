# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads files that may be hostile, and writes files atomically.

A process that runs as root reads files in users' homes. Such a file may be a symbolic link to
/etc/shadow, a FIFO that never returns data, or 5 GB long. So it is opened without blocking and
without following a user's symbolic link anywhere in its path, and read up to a limit. The owner of
the opened file is checked, so a hard link cannot expose another user's secrets.
"""

from __future__ import annotations

import errno
import os
import stat

from . import json_text, reach, way
from .errors import FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import Any, TypeVar

    Content = TypeVar("Content")

# The files of Hermes and the guard that are read completely have a few kB.
MAX_BYTES = 1 << 20
# The permissions of group and others.
OTHERS = 0o077
# Bytes that one system call reads.
_CHUNK = 1 << 16


def read_bytes(
    path: str, owners: Collection[int] | None = None, max_bytes: int = MAX_BYTES
) -> bytes | None:
    """The content of regular file ``path``, or None if it does not exist.

    ``owners`` are the uids that may own the file (None: any). Raises FileError if the file is a
    symbolic link, not a regular file, owned by another user or larger than ``max_bytes``, and on
    any other I/O error.
    """
    return _whole(path, lambda: _open(path, owners), max_bytes, b"".join)


def digest(path: str, max_bytes: int = MAX_BYTES) -> str | None:
    """The SHA-256 of a file in hexadecimal; None and FileError as for read_bytes."""
    return _whole(path, lambda: _open(path, None), max_bytes, _sha256)


def _sha256(chunks: Iterable[bytes]) -> str:
    import hashlib

    found = hashlib.sha256()
    for chunk in chunks:
        found.update(chunk)
    return found.hexdigest()


def _whole(
    path: str,
    opened: Callable[[], tuple[int, int]],
    max_bytes: int,
    used: Callable[[Iterable[bytes]], Content],
) -> Content | None:
    """What ``used`` makes of the file that ``opened`` opens; None and errors as for read_bytes."""
    try:
        fd, size = opened()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        if size > max_bytes:
            raise FileError("%s is too large: %d bytes; the limit is %d" % (path, size, max_bytes))
        return used(_chunks(path, fd, max_bytes))
    except OSError as exc:
        raise FileError("%s cannot be read: %s" % (path, exc.strerror)) from exc
    finally:
        os.close(fd)


def tail_bytes(path: str, owners: Collection[int] | None, max_bytes: int) -> tuple[bytes, bool]:
    """The last ``max_bytes`` of regular file ``path``, and whether the file is longer.

    ``owners`` and FileError as for read_bytes, but the file may have any size and must exist.
    """
    try:
        fd, size = _open(path, owners)
    except OSError as exc:
        raise FileError("%s cannot be opened: %s" % (path, exc.strerror)) from exc
    try:
        start = max(0, size - max_bytes)
        return os.pread(fd, max_bytes, start), start > 0
    except OSError as exc:
        raise FileError("%s cannot be read: %s" % (path, exc.strerror)) from exc
    finally:
        os.close(fd)


def _open(
    path: str, owners: Collection[int] | None, open_file: Callable[[str, int], int] = way.open_file
) -> tuple[int, int]:
    """A descriptor of regular file ``path``, owned by one of ``owners``, and its size.

    Raises FileNotFoundError or NotADirectoryError if it does not exist, else FileError.
    """
    if reach.is_silent(path):
        raise FileError("%s was not opened: its directory does not answer" % path)
    try:
        fd = open_file(path, os.O_RDONLY | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as exc:
        reason = "cannot be opened: %s" % exc.strerror
        if exc.errno == errno.ELOOP:
            reason = "is a symbolic link, which is not followed"
        raise FileError("%s %s" % (path, reason)) from exc
    except ValueError as exc:
        # A user may write such a path to a file: it contains a zero byte.
        raise FileError("%r cannot be opened: %s" % (path, exc)) from exc
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise FileError("%s is not a regular file" % path)
        if owners is not None and info.st_uid not in owners:
            raise FileError(
                "%s belongs to uid %d, which is not the gateway's user" % (path, info.st_uid)
            )
    except BaseException:
        os.close(fd)
        raise
    return fd, info.st_size


def _chunks(path: str, fd: int, max_bytes: int) -> Iterator[bytes]:
    """The content of an open file, which may have grown; FileError beyond ``max_bytes``."""
    left = max_bytes + 1
    while left > 0:
        chunk = os.read(fd, min(left, _CHUNK))
        if not chunk:
            return
        left -= len(chunk)
        yield chunk
    raise FileError("%s grew beyond the limit of %d bytes" % (path, max_bytes))


def read_text(
    path: str, owners: Collection[int] | None = None, max_bytes: int = MAX_BYTES
) -> str | None:
    """Like read_bytes, decoded as UTF-8 with undecodable bytes replaced."""
    data = read_bytes(path, owners, max_bytes)
    return None if data is None else data.decode("utf-8", "replace")


def read_json(
    path: str, owners: Collection[int] | None = None, max_bytes: int = MAX_BYTES
) -> dict[str, Any] | None:
    """The JSON object in ``path``, or None if it does not exist; FileError for other content."""
    return _object(path, read_bytes(path, owners, max_bytes))


def read_own_json(path: str) -> dict[str, Any] | None:
    """Like read_json, for a file that we or root wrote in a directory owned by root.

    No other user can place a symbolic link in its path, so one system call opens it. read_json
    needs one for each directory.
    """
    owners = {0, os.geteuid()}
    data = _whole(path, lambda: _open(path, owners, way.open_plainly), MAX_BYTES, b"".join)
    return _object(path, data)


def _object(path: str, data: bytes | None) -> dict[str, Any] | None:
    if data is None:
        return None
    try:
        value = json_text.loads(data.decode("utf-8", "replace"))
    except ValueError as exc:
        raise FileError("%s is not JSON: %s" % (path, exc)) from exc
    if not isinstance(value, dict):
        raise FileError("%s contains a JSON %s, not an object" % (path, type(value).__name__))
    return value


def real_path(path: str) -> str:
    """Like os.path.realpath, but FileError if a user made the path impossible to resolve.

    Before Python 3.13, a chain of a thousand symbolic links exceeds the depth of Python's stack.
    """
    try:
        return os.path.realpath(path)
    except RecursionError as exc:
        raise FileError("%s contains too many symbolic links" % path) from exc
    except ValueError as exc:
        raise FileError("%r is not a path: %s" % (path, exc)) from exc


def write_atomic(path: str, data: bytes | str, mode: int = 0o644, sync: bool = True) -> None:
    """Write ``data`` to ``path``: temporary file, fsync, rename, fsync of the directory.

    Without ``sync`` nothing is flushed to disk: a power loss may leave the old file or an empty
    one. Raises OSError; ``path`` is then unchanged.
    """
    if isinstance(data, str):
        data = data.encode("utf-8")
    directory = os.path.dirname(path) or "."
    temporary = os.path.join(directory, ".%s.%d.tmp" % (os.path.basename(path), os.getpid()))
    fd = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fchmod(fd, mode)
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    if sync:
        sync_directory(directory)


def link_atomic(path: str, target: str) -> None:
    """Make ``path`` a symbolic link to ``target``, replacing an existing file.

    Follows no user's symbolic link in the path. Raises OSError and FileError.
    """
    directory, name = os.path.split(path)
    temporary = ".%s.%d.tmp" % (name, os.getpid())
    fd = way.open_directory(directory)
    try:
        os.symlink(target, temporary, dir_fd=fd)
        try:
            os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
        except BaseException:
            os.unlink(temporary, dir_fd=fd)
            raise
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_directory(directory: str) -> None:
    """Make renames and removals in ``directory`` survive a power loss."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def append_line(path: str, line: str, sync: bool = True) -> None:
    """Append ``line``, which must not contain a line break, to ``path`` in one write.

    A power loss may have left a truncated last line; it is terminated first. With ``sync`` the line
    is on disk when this returns. Raises OSError.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        size = os.fstat(fd).st_size
        torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
        data = (b"\n" if torn else b"") + line.encode("utf-8") + b"\n"
        if os.write(fd, data) != len(data):
            # If the disk fills up within the line, only the next write would fail.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        if sync:
            os.fsync(fd)
    finally:
        os.close(fd)


def secret_fault(path: str) -> str | None:
    """Why others than root (or the current user) can read or change ``path``; None if they cannot.

    Its directory must be owned by root. None if the file does not exist.
    """
    try:
        info = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        return "%s cannot be checked: %s" % (path, exc.strerror)
    mode = stat.S_IMODE(info.st_mode)
    if not stat.S_ISREG(info.st_mode):
        return "%s is not a regular file" % path
    if info.st_uid not in (0, os.geteuid()):
        return "%s belongs to uid %d: expected root" % (path, info.st_uid)
    if mode & OTHERS:
        return "%s contains a secret but has mode %04o: expected 0600" % (path, mode)
    return None


def unwritable(directory: str) -> str | None:
    """The closest existing parent of ``directory``, or itself, if it is not writable; else None."""
    while not os.path.lexists(directory):
        directory = os.path.dirname(directory)
    if not os.path.isdir(directory) or not os.access(directory, os.W_OK | os.X_OK):
        return directory
    return directory if os.statvfs(directory).f_flag & os.ST_RDONLY else None


def remove(path: str) -> None:
    """Remove file ``path`` if it exists."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def remove_link(path: str) -> None:
    """Remove symbolic link ``path`` if it exists, in a directory that a user may own.

    Follows no user's symbolic link in the path. Raises OSError and FileError.
    """
    try:
        fd = way.open_directory(os.path.dirname(path))
    except FileNotFoundError:
        return
    try:
        os.readlink(os.path.basename(path), dir_fd=fd)
        os.unlink(os.path.basename(path), dir_fd=fd)
    except FileNotFoundError:
        pass
    finally:
        os.close(fd)


def remove_if_empty(directory: str) -> None:
    """Remove ``directory`` unless it contains files."""
    try:
        os.rmdir(directory)
    except OSError:
        pass
