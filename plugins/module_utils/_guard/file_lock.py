# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks files so that a rewrite by one process does not lose a line that another one appends.

A rewrite reads the file and replaces it: lines appended in between would be lost. Several processes
may append at the same time, or one may rewrite. The lock is a separate file that only root can
open. Everyone can read the files themselves, and whoever can open a file can lock it.
"""

from __future__ import annotations

import errno
import fcntl
import os

NAME = "files.lock"
# Seconds. A rewrite takes 0.1 s; a stopped process that holds the lock must not block the check.
PATIENCE = 5.0
# Seconds. An append takes less; otherwise the next check tries again.
MOMENT = 0.5
_LOOK_SECONDS = 0.01


class Lock:
    """A context manager that returns whether ``path`` was locked within ``patience`` seconds."""

    def __init__(self, path: str, kind: int = fcntl.LOCK_EX, patience: float = 0) -> None:
        self._fd = opened(path)
        self._kind = kind
        self._patience = patience

    def __enter__(self) -> bool:
        if taken(self._fd, self._kind):
            return True
        # Imported here because another process rarely holds the lock.
        from .._host import waiting

        return waiting.wait_until(
            lambda: taken(self._fd, self._kind), self._patience, _LOOK_SECONDS
        )

    def __exit__(self, *_fault: object) -> None:
        os.close(self._fd)


def appending(folder: str) -> Lock:
    """A lock under which no other process rewrites a file in ``folder``.

    After PATIENCE seconds the line is appended without the lock: it is most likely not lost.
    """
    return Lock(os.path.join(folder, NAME), fcntl.LOCK_SH, PATIENCE)


def rewriting(folder: str, patience: float) -> Lock:
    """A lock to rewrite a file in ``folder``, during which no other process appends to it."""
    return Lock(os.path.join(folder, NAME), fcntl.LOCK_EX, patience)


def opened(path: str) -> int:
    """A descriptor of the lock file, created if missing; only root may open it."""
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600)
    except OSError as exc:
        if exc.errno != errno.EROFS:
            raise
    # On a disk that has become read-only, an existing file can still be locked.
    return os.open(path, os.O_RDONLY | flags)


def taken(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Whether the lock was free. The kernel releases it when its holder exits."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
