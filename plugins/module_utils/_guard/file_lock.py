# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a line that one process appends to a file from being lost in another's rewrite of it.

A rewrite reads the file and puts another in its place: what is appended in between would be gone.
Several processes may append at the same time, or one rewrites. The lock is a file of its own that
only root can open: everyone can read the files themselves, and who can open a file can lock it.
"""

from __future__ import annotations

import fcntl
import os

NAME = "files.lock"
# Seconds. A rewrite takes a tenth of one; a process that was stopped must not stop the check.
PATIENCE = 5.0
# Seconds. An append takes less; what waits for long, waits for the next check.
MOMENT = 0.5
_LOOK_SECONDS = 0.01


class Lock:
    """A file to lock, for ``with``: whether it could be locked in ``patience`` seconds."""

    def __init__(self, path: str, kind: int = fcntl.LOCK_EX, patience: float = 0) -> None:
        self._fd = opened(path)
        self._kind = kind
        self._patience = patience

    def __enter__(self) -> bool:
        if taken(self._fd, self._kind):
            return True
        # Not at the top: hardly ever does another process hold it.
        from .._host import waiting

        return waiting.wait_until(
            lambda: taken(self._fd, self._kind), self._patience, _LOOK_SECONDS
        )

    def __exit__(self, *_fault: object) -> None:
        os.close(self._fd)


def appending(folder: str) -> Lock:
    """No other process rewrites a file in ``folder`` meanwhile.

    After PATIENCE seconds the line is appended without the lock: it is most likely kept.
    """
    return Lock(os.path.join(folder, NAME), fcntl.LOCK_SH, PATIENCE)


def rewriting(folder: str, patience: float) -> Lock:
    """Whether a file in ``folder`` may be rewritten: no other process appends to it meanwhile."""
    return Lock(os.path.join(folder, NAME), fcntl.LOCK_EX, patience)


def opened(path: str) -> int:
    """A descriptor of a file to lock, made if missing; only root may open it."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def taken(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Whether the lock could be had at once. The kernel frees it when the holder ends."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
