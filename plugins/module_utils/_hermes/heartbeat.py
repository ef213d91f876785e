# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a gateway's event loop still runs.

From Hermes 0.19 on it says so every 30 s, in a file of its home; an older one says nothing. From
0.21 on a thread writes that file, which waits if all threads are busy, and the loop itself answers
at a socket: then both must be silent (upstream's PR #92315). A home that nothing can be written to
is no evidence either.
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
# Ten beats: a machine that swaps, or a call that blocks the loop for a while, is no reason for a
# restart.
FROZEN_SECONDS = 300
# Bytes that must be free for a beat to be written, and more: a full disk has no exact end.
ROOM = 1 << 20
# Enough for the beats that were due while the machine was paused.
LOOK_AGAIN_SECONDS = 5
# The witness is asked as upstream asks it, who ends a gateway by the same rule: three times, and
# one second is long for a loop that runs.
TRIES = 3
ANSWER_SECONDS = 1
# Seconds for the program that asks, on a machine that has too much to do as well.
WITNESS_TIMEOUT = 30

# In a file without the entry: see _witnessed.
_ABSENT = object()
# Run as the owner by the system's own Python: root's units may not connect to a user's socket. It
# takes the directory of the beat, the pid of the gateway, and how often to ask the socket, each
# time for how long. A quota, or a disk that has become read-only, shows in a write that fails: in
# the sandbox of the guard's own units every home is read-only.
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
    """For how many seconds the gateway's loop has not run, if that is too long; else None."""
    if not suspected(gateway):
        return None
    time.sleep(LOOK_AGAIN_SECONDS)
    return confirmed(gateway)


def suspected(gateway: Gateway) -> bool:
    """Whether the beat has stopped for too long. That alone is no evidence: see confirmed."""
    return is_too_long(silence(gateway), gateway.home)


def is_too_long(silent: float | None, home: str) -> bool:
    """As suspected, of a gateway in ``home`` whose last beat was ``silent`` seconds ago."""
    # Without room for a beat, a loop that runs cannot say so: that is no reason for a restart.
    return (silent or 0) >= FROZEN_SECONDS and _room(home)


def confirmed(gateway: Gateway, timeout: float = WITNESS_TIMEOUT) -> float | None:
    """As frozen, of a gateway that was suspected LOOK_AGAIN_SECONDS ago; ``timeout`` in seconds.

    A machine or a container that was paused has not beaten either. Its loop runs now, and what was
    due has come.
    """
    silent = silence(gateway)
    if silent is None or silent < FROZEN_SECONDS or not _witnessed(gateway, timeout):
        return None
    return silent


def _witnessed(gateway: Gateway, timeout: float) -> bool:
    """Whether all else that can say so says as well that the loop does not run."""
    # Not at the top: a check that has nothing to do does not need them.
    from .._host import command, confined

    armed = (_beat(gateway) or {}).get("loop_tick_socket", _ABSENT)
    if armed is not _ABSENT and armed is not True:
        # The socket could not be made, and the file alone proves nothing.
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
        # Unknown is no reason for a restart.
        return False
    return done.rc == 0 and done.out.strip() == "silent"


def silence(gateway: Gateway) -> float | None:
    """Seconds since the last beat of this run of the gateway; None if it does not say.

    By the monotonic clock, which no setting of the time moves and which stops while the machine
    sleeps.
    """
    if gateway.pid is None:
        return None
    beat = (_beat(gateway) or {}).get("monotonic")
    # The file is its user's: no clock shows what is beyond this, and a whole number may have any
    # length.
    if not isinstance(beat, (int, float)) or isinstance(beat, bool) or not abs(beat) < 1e12:
        return None
    silent = time.monotonic() - beat
    # A beat from before the process is that of an earlier process with its pid.
    return silent if 0 <= silent <= (proc.uptime_seconds(gateway.pid) or 0) else None


def _beat(gateway: Gateway) -> dict[str, Any] | None:
    """What the file holds, if this process of the gateway wrote it."""
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
