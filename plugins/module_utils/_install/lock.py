# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets one run at a time change a host, even with several controllers."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from .._guard import file_lock
from .._host import files, waiting
from .._host.errors import GuardError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Only root can create a file in /run, and a reboot empties it.
PATH = "/run/hermes-guard-install.lock"
# Seconds. A run of one component takes a few seconds.
PATIENCE = 120
_LOOK_SECONDS = 0.1


@contextlib.contextmanager
def alone(check_mode: bool) -> Iterator[None]:
    """Hold this host's lock, except in check mode. Raises GuardError if another run keeps it."""
    if check_mode:
        yield
        return
    held: list[int] = []
    try:
        if not waiting.wait_until(lambda: _take(held), PATIENCE, _LOOK_SECONDS):
            raise GuardError(
                "another run of this collection has been changing this host for over %d s: wait"
                " until it ends, or end the process that holds %s" % (PATIENCE, PATH)
            )
        yield
    finally:
        if held:
            # A waiting run compares inodes and notices that its file is not at PATH any more.
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
