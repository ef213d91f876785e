# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of a gateway's restart, and what one process of the guard leaves for the next.

The check asks for a restart and goes on; the unit NAME-restart.service does it. An operator's
command may run beside both.
"""

from __future__ import annotations

import contextlib
import json
import os
import time

from .._hermes import drain
from .._host import files, waiting
from .._host.errors import FileError
from . import file_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from .config import Settings
    from .managed import ManagedGateway

LOCK = "lock"
REQUEST = "request.json"
# A request waits for the unit's start only: an older one was for a situation that has passed.
REQUEST_SECONDS = 3600
LOOK_SECONDS = 0.05
# A restart has its marker for less than four minutes. One that is older is that of a restart which
# was stopped (Ctrl-Z, SIGSTOP), and keeps the gateway from its work.
ABANDONED_SECONDS = 600


@contextlib.contextmanager
def locked(settings: Settings, patience: float = 0.0) -> Iterator[bool]:
    """Hold the gateway's lock, if it can be had within ``patience`` seconds: whether it is ours.

    One process at a time holds it. The kernel frees it when that process ends.
    """
    with locked_directory(settings.folder, patience) as ours:
        yield ours


@contextlib.contextmanager
def locked_directory(folder: str, patience: float = 0.0) -> Iterator[bool]:
    """As locked, by the state directory of the gateway; False also if that was removed."""
    fd = file_lock.opened(os.path.join(folder, LOCK))
    try:
        yield waiting.wait_until(lambda: _lock(fd), patience, LOOK_SECONDS) and _is_there(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def all_locked(folders: Iterable[str], patience: float = 0.0) -> Iterator[list[str]]:
    """Hold the locks of all these state directories: the names of those that cannot be had.

    Each may take ``patience`` seconds. Nothing restarts a gateway while its lock is held.
    """
    with contextlib.ExitStack() as held:
        yield [
            os.path.basename(folder)
            for folder in folders
            if not held.enter_context(locked_directory(folder, patience))
        ]


def _lock(fd: int) -> bool:
    if not file_lock.taken(fd):
        return False
    with contextlib.suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, b"%d\n" % _boot_seconds(), 0)
    return True


def _is_there(fd: int) -> bool:
    """Whether the file has a name: the whole guard may have been removed meanwhile."""
    return os.fstat(fd).st_nlink > 0


def _boot_seconds() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def busy(settings: Settings) -> bool:
    """Whether a restart of the gateway is under way in some process."""
    return busy_seconds(settings) is not None


def busy_seconds(settings: Settings) -> float | None:
    """For how long a restart of the gateway has been under way; None if there is none."""
    path = os.path.join(settings.folder, LOCK)
    if not os.path.lexists(path):
        return None
    with locked(settings) as ours:
        if ours:
            return None
    try:
        return max(0.0, _boot_seconds() - int(files.read_text(path) or ""))
    except (FileError, ValueError):
        return 0.0


def clean(gateway: ManagedGateway | None) -> bool:
    """Remove the drain marker that a killed restart left behind; True if there was one.

    One that is too old is removed even if a restart is under way.
    """
    if gateway is None or gateway.problem is not None:
        return False
    seconds = drain.age(gateway)
    if seconds is None:
        return False
    os.makedirs(gateway.settings.folder, mode=0o755, exist_ok=True)
    with locked(gateway.settings) as ours:
        return (ours or abs(seconds) >= ABANDONED_SECONDS) and drain.remove(gateway)


def request(gateway: ManagedGateway, reason: str, emergency: bool = False) -> None:
    """Leave word why the watchdog wants a restart of this run of the gateway.

    The unit NAME-restart.service takes it up; in an emergency, so does a restart that waits for a
    quiet moment, and waits no longer.
    """
    text = json.dumps(
        {
            "time": time.time(),
            "reason": reason,
            "emergency": emergency,
            "invocation_id": gateway.invocation_id,
        }
    )
    files.write_atomic(os.path.join(gateway.settings.folder, REQUEST), text)


def take_request(settings: Settings, gateway: ManagedGateway | None) -> dict[str, Any] | None:
    """The request for this run of the gateway, or None.

    It is removed, also one that is for another run or too old.
    """
    path = os.path.join(settings.folder, REQUEST)
    try:
        content = files.read_json(path)
        if content is not None:
            os.unlink(path)
    except (FileError, OSError):
        return None
    if (
        content is None
        or not isinstance(content.get("reason"), str)
        or not isinstance(content.get("time"), (int, float))
    ):
        return None
    if gateway is None or content.get("invocation_id") != gateway.invocation_id:
        # It was for a process that is no more.
        return None
    return content if abs(time.time() - content["time"]) < REQUEST_SECONDS else None
