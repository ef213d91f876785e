# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The restart lock of a gateway, and the restart request that a check leaves for another process.

The check requests a restart and continues; the unit NAME-restart.service restarts the gateway. An
operator's command may run at the same time.
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
# A request waits only until the unit starts: an older one is out of date.
REQUEST_SECONDS = 3600
LOOK_SECONDS = 0.05
# A restart keeps its marker for less than four minutes. An older one belongs to a restart that was
# stopped (Ctrl-Z, SIGSTOP), and blocks the gateway.
ABANDONED_SECONDS = 600
# What is said of a marker that clean has removed.
REMOVED = "removed the drain marker of an interrupted restart"


@contextlib.contextmanager
def locked(settings: Settings, patience: float = 0.0) -> Iterator[bool]:
    """Take the gateway's lock within ``patience`` seconds; yields whether that succeeded.

    One process at a time holds it. The kernel releases it when that process exits.
    """
    with locked_directory(settings.folder, patience) as ours:
        yield ours


@contextlib.contextmanager
def locked_directory(folder: str, patience: float = 0.0) -> Iterator[bool]:
    """As locked(), for the state directory of a gateway; also False if it was removed."""
    fd = file_lock.opened(os.path.join(folder, LOCK))
    try:
        yield waiting.wait_until(lambda: _lock(fd), patience, LOOK_SECONDS) and _is_there(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def all_locked(folders: Iterable[str], patience: float = 0.0) -> Iterator[list[str]]:
    """Take the locks of all these state directories; yields the names of those that are busy.

    Each lock may take ``patience`` seconds. Nothing restarts a gateway while its lock is held.
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
    """Whether the file still has a name: the guard may have been removed meanwhile."""
    return os.fstat(fd).st_nlink > 0


def _boot_seconds() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def busy(settings: Settings) -> bool:
    """Whether a restart of the gateway is in progress in any process."""
    return busy_seconds(settings) is not None


def busy_seconds(settings: Settings) -> float | None:
    """For how many seconds a restart of the gateway has been in progress; None if none is."""
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
    """Remove the drain marker of a restart that was killed; True if there was one.

    A marker that is too old is removed even during a restart. If the killed restart has asked
    systemd to restart the gateway, the marker stays until the old process is signalled.
    """
    if gateway is None or gateway.problem is not None:
        return False
    seconds = drain.age(gateway)
    if seconds is None:
        return False
    # Not at the top: a check without work to do needs neither.
    from .._hermes import discovery
    from . import signalled

    os.makedirs(gateway.settings.folder, mode=0o755, exist_ok=True)
    with locked(gateway.settings) as ours:
        if not ours and abs(seconds) < ABANDONED_SECONDS:
            return False
        manager = discovery.manager_of(gateway)
        if signalled.is_pending(manager, gateway.settings.unit):
            signalled.wait(manager, gateway.settings.unit, gateway.has_ended)
        return drain.remove(gateway)


def request(gateway: ManagedGateway, reason: str, emergency: bool = False) -> None:
    """Store the watchdog's request for a restart of this run of the gateway, with its reason.

    The unit NAME-restart.service takes it. In an emergency, a restart that is waiting until the
    gateway is idle takes it too, and stops waiting.
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

    The request is removed even if it is for another run or too old.
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
        # The request was for an earlier process.
        return None
    return content if abs(time.time() - content["time"]) < REQUEST_SECONDS else None
