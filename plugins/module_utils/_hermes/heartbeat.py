# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a gateway's event loop still turns. From Hermes 0.19 on it says so every 30 s, in a file of its home; an older one says nothing."""

from __future__ import annotations

import os
import time

from .._host import files, proc
from .._host.errors import FileError

NAME = "state/gateway.heartbeat"
# Ten beats: a machine that swaps, or a call that blocks the loop for a while, is no reason for a restart.
FROZEN_SECONDS = 300
ROOM = 1 << 20
LOOK_AGAIN_SECONDS = 5


def frozen(gateway):
    """For how many seconds the loop of the Gateway has stood still, where that is too long; else None."""
    # Where there is no room for a beat, a loop that turns cannot say so: that is no reason for a restart.
    if (silence(gateway) or 0) < FROZEN_SECONDS or not _room(gateway.home):
        return None
    # A machine or a container that was paused has not beaten either. Its loop turns now, and what was due comes at once.
    time.sleep(LOOK_AGAIN_SECONDS)
    silent = silence(gateway)
    return silent if silent is not None and silent >= FROZEN_SECONDS else None


def silence(gateway):
    """Seconds since the last beat of this life of the Gateway, or None where it does not say.

    By the clock that no setting of the time moves, which stands still while the machine sleeps.
    """
    try:
        content = files.read_json(os.path.join(gateway.home, NAME), owners={gateway.uid})
    except FileError:
        return None
    beat = content.get("monotonic") if content and content.get("pid") == gateway.pid else None
    # The file is its user's: no clock shows what is beyond this, and a whole number may have any length.
    if not isinstance(beat, (int, float)) or isinstance(beat, bool) or not abs(beat) < 1e12:
        return None
    silent = time.monotonic() - beat
    # A beat from before the process is that of another one that had its pid.
    return silent if 0 <= silent <= (proc.uptime_seconds(gateway.pid) or 0) else None


def _room(folder):
    try:
        info = os.statvfs(folder)
    except OSError:
        return False
    return info.f_bavail * info.f_frsize >= ROOM and (info.f_files == 0 or info.f_favail > 0)
