# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time changes what is installed on a host, however many controllers there are."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from .._guard import file_lock
from .._host import files, waiting
from .._host.errors import GuardError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Only root can make a file there, and it is empty after a reboot.
PATH = "/run/hermes-guard-install.lock"
# Seconds. Another run of one component takes a few.
PATIENCE = 120
_LOOK_SECONDS = 0.1


@contextlib.contextmanager
def alone(check_mode: bool) -> Iterator[None]:
    """Hold the lock of this host; GuardError if another run does not end. A dry run needs none."""
    if check_mode:
        yield
        return
    held: list[int] = []
    try:
        if not waiting.wait_until(lambda: _take(held), PATIENCE, _LOOK_SECONDS):
            raise GuardError(
                "another run of this collection changes this host and has not ended for %d s: wait"
                " for it, or end its process, which holds %s" % (PATIENCE, PATH)
            )
        yield
    finally:
        if held:
            # Whoever waits for this file finds out that it is no longer the one at PATH.
            files.remove(PATH)
            os.close(held[0])


def _take(held: list[int]) -> bool:
    fd = file_lock.opened(PATH)
    try:
        if file_lock.taken(fd) and os.fstat(fd).st_ino == os.lstat(PATH).st_ino:
            held.append(fd)
    except OSError:
        pass
    finally:
        if not held:
            os.close(fd)
    return bool(held)
