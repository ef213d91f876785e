# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detects a frozen event loop of a gateway by its heartbeat.

From Hermes 0.19 on, the gateway writes a heartbeat file to its home every 30 s; older releases do
not. From 0.21 on, a worker thread writes the file and is delayed if all threads are busy; the loop
itself answers on a socket. Then both must be silent (upstream's PR #92315). A home that is not
writable proves nothing either.
"""

from __future__ import annotations

import os
import time

from .._host import files, proc
from .._host.errors import FileError, RunError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .discovery import Gateway

NAME = "state/gateway.heartbeat"
# Ten heartbeats: swapping, or a call that blocks the loop for a while, must not cause a restart.
FROZEN_SECONDS = 300
# Free bytes, far more than a heartbeat needs: writes can fail shortly before a disk is full.
ROOM = 1 << 20
# Enough time for the heartbeats that were due while the machine was paused.
LOOK_AGAIN_SECONDS = 5
# The socket is queried as upstream does before it ends a gateway: three times, with one second
# each, which is ample for a running loop.
TRIES = 3
ANSWER_SECONDS = 1
# Seconds for the process that queries the socket, even on an overloaded machine.
WITNESS_TIMEOUT = 30

# Marks a file without the entry: see _witnessed.
_ABSENT = object()
# Run as the owner by the system's Python: root's units may not connect to a user's socket. It takes
# the directory of the heartbeat, the pid of the gateway, the number of tries and the seconds of
# each. A test write detects a quota or a read-only disk; in the sandbox of the guard's own units
# every home is read-only, so the test cannot run there.
_WITNESS = r"""
import os, socket, stat, sys, time
directory, pid, tries, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
place = os.path.join(directory, "gateway.loop-tick.%s.sock" % pid)
def can_be_written():
    path = os.path.join(directory, ".hermes-guard.%d.tmp" % os.getpid())
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            os.write(fd, bytes(4096))
            os.fsync(fd)
        finally:
            os.close(fd)
            os.unlink(path)
    except OSError:
        return False
    return True
def answers():
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(seconds)
        try:
            line.connect(place)
            return line.recv(1) == b"1"
        except PermissionError:
            raise
        except OSError:
            return False
def word():
    if not can_be_written():
        return "no-room"
    try:
        if tries and not stat.S_ISSOCK(os.lstat(place).st_mode):
            return "no-socket"
        for number in range(tries):
            if number:
                time.sleep(0.2)
            if answers():
                return "alive"
    except OSError:
        return "no-socket"
    return "silent"
print(word())
"""


def frozen(gateway: Gateway) -> float | None:
    """Seconds since the gateway's loop last ran, if it is frozen; else None."""
    if not suspected(gateway):
        return None
    time.sleep(LOOK_AGAIN_SECONDS)
    return confirmed(gateway)


def suspected(gateway: Gateway) -> bool:
    """Whether the heartbeat is too old. That alone proves nothing: see confirmed."""
    return is_too_long(silence(gateway), gateway.home)


def is_too_long(silent: float | None, home: str) -> bool:
    """Like suspected, for a gateway in ``home`` whose last heartbeat was ``silent`` seconds ago."""
    # On a full disk even a running loop cannot write a heartbeat.
    return (silent or 0) >= FROZEN_SECONDS and _room(home)


def confirmed(gateway: Gateway, timeout: float = WITNESS_TIMEOUT) -> float | None:
    """Like frozen, for a gateway suspected LOOK_AGAIN_SECONDS ago; ``timeout`` in seconds.

    After a pause of the machine or container, the loop has written the missing heartbeat by now.
    """
    silent = silence(gateway)
    if silent is None or silent < FROZEN_SECONDS or not _witnessed(gateway, timeout):
        return None
    return silent


def _witnessed(gateway: Gateway, timeout: float) -> bool:
    """Whether the other evidence confirms that the loop is not running."""
    # Not at the top: a check without work to do does not need them.
    from .._host import command, confined

    armed = (_beat(gateway) or {}).get("loop_tick_socket", _ABSENT)
    if armed is not _ABSENT and armed is not True:
        # Hermes could not create the socket, and the file alone proves nothing.
        return False
    asked = [
        os.path.dirname(os.path.join(gateway.home, NAME)),
        str(gateway.pid),
        str(0 if armed is _ABSENT else TRIES),
        str(ANSWER_SECONDS),
    ]
    try:
        done = confined.run(
            [command.system_python(), "-IS", "-B", "-c", _WITNESS, *asked],
            gateway.account,
            timeout=timeout,
        )
    except RunError:
        # Unknown does not justify a restart.
        return False
    return done.rc == 0 and done.out.strip() == "silent"


def silence(gateway: Gateway) -> float | None:
    """Seconds since the last heartbeat of this run of the gateway; None if unknown.

    Uses the monotonic clock, which clock changes do not affect and which stops while the machine
    sleeps.
    """
    if gateway.pid is None:
        return None
    beat = (_beat(gateway) or {}).get("monotonic")
    # The user controls the file: no clock exceeds this bound, and an integer may have any length.
    if not isinstance(beat, (int, float)) or isinstance(beat, bool) or not abs(beat) < 1e12:
        return None
    silent = time.monotonic() - beat
    # A heartbeat older than the process belongs to an earlier process with the same pid.
    ticks = gateway.start_ticks
    return silent if ticks is not None and 0 <= silent <= proc.seconds_since(ticks) else None


def _beat(gateway: Gateway) -> dict[str, Any] | None:
    """The content of the heartbeat file, if this process of the gateway wrote it."""
    try:
        content = files.read_json(os.path.join(gateway.home, NAME), owners={gateway.uid})
    except FileError:
        return None
    return content if content is not None and content.get("pid") == gateway.pid else None


def _room(folder: str) -> bool:
    try:
        info = os.statvfs(folder)
    except OSError:
        return False
    return info.f_bavail * info.f_frsize >= ROOM and (info.f_files == 0 or info.f_favail > 0)
