# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a line that one process appends to a file from being lost in another's rewrite of it.

A rewrite reads the file and puts another in its place: what is appended in between would be gone.
Several processes may append at the same time, or one rewrites. The lock is a file of its own that
only root can open: everyone can read the files themselves, and who can open a file can lock it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os

from .._host import waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "files.lock"
# Seconds. A rewrite takes a tenth of one; a process that was stopped must not stop the check.
PATIENCE = 5.0
# Seconds. An append takes less; what waits for long, waits for the next check.
MOMENT = 0.5
_LOOK_SECONDS = 0.01


@contextlib.contextmanager
def appending(folder: str) -> Iterator[None]:
    """No other process rewrites a file in ``folder`` meanwhile.

    After PATIENCE seconds the line is appended without the lock: it is most likely kept.
    """
    fd = _open(folder)
    try:
        waiting.wait_until(lambda: taken(fd, fcntl.LOCK_SH), PATIENCE, _LOOK_SECONDS)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def rewriting(folder: str, patience: float) -> Iterator[bool]:
    """Whether a file in ``folder`` may be rewritten: no other process appends to it meanwhile."""
    fd = _open(folder)
    try:
        yield waiting.wait_until(lambda: taken(fd), patience, _LOOK_SECONDS)
    finally:
        os.close(fd)


def _open(folder: str) -> int:
    return opened(os.path.join(folder, NAME))


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
