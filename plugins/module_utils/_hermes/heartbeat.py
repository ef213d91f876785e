# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a gateway's event loop still runs.

From Hermes 0.19 on it says so every 30 s, in a file of its home; an older one says nothing.
"""

from __future__ import annotations

import os
import time

from .._host import files, proc
from .._host.errors import FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .discovery import Gateway

NAME = "state/gateway.heartbeat"
# Ten beats: a machine that swaps, or a call that blocks the loop for a while, is no reason for a
# restart.
FROZEN_SECONDS = 300
# Bytes that must be free for a beat to be written, and more: a full disk has no exact end.
ROOM = 1 << 20
# Enough for the beats that were due while the machine was paused.
LOOK_AGAIN_SECONDS = 5


def frozen(gateway: Gateway) -> float | None:
    """For how many seconds the gateway's loop has not run, if that is too long; else None."""
    # Without room for a beat, a loop that runs cannot say so: that is no reason for a restart.
    if (silence(gateway) or 0) < FROZEN_SECONDS or not _room(gateway.home):
        return None
    # A machine or a container that was paused has not beaten either. Its loop runs now, and what
    # was due comes at once.
    time.sleep(LOOK_AGAIN_SECONDS)
    silent = silence(gateway)
    return silent if silent is not None and silent >= FROZEN_SECONDS else None


def silence(gateway: Gateway) -> float | None:
    """Seconds since the last beat of this run of the gateway; None if it does not say.

    By the monotonic clock, which no setting of the time moves and which stops while the machine
    sleeps.
    """
    if gateway.pid is None:
        return None
    try:
        content = files.read_json(os.path.join(gateway.home, NAME), owners={gateway.uid})
    except FileError:
        return None
    beat = content.get("monotonic") if content and content.get("pid") == gateway.pid else None
    # The file is its user's: no clock shows what is beyond this, and a whole number may have any
    # length.
    if not isinstance(beat, (int, float)) or isinstance(beat, bool) or not abs(beat) < 1e12:
        return None
    silent = time.monotonic() - beat
    # A beat from before the process is that of an earlier process with its pid.
    return silent if 0 <= silent <= (proc.uptime_seconds(gateway.pid) or 0) else None


def _room(folder: str) -> bool:
    try:
        info = os.statvfs(folder)
    except OSError:
        return False
    return info.f_bavail * info.f_frsize >= ROOM and (info.f_files == 0 or info.f_favail > 0)
