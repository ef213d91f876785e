# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calendar restarts that are suspended for a while, so that the shape of the memory curve shows.

It ends by itself; nothing has to be put back. How long is measured by the clock of the boot, which
nobody sets; after a reboot by the time of day, and if that is before the start, it has ended.
"""

from __future__ import annotations

import json
import os
import time

from .._host import display, files, systemd, timers
from .._host.errors import FileError, GuardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import config

NAME = "suspended.json"
# In hours: a whole day of messages at least; at most three days that only the watchdog looks after.
SHORTEST, LONGEST, USUAL = 24, 72, 48


def until(folder: str, now: float | None = None) -> float | None:
    """When the suspension of the gateway of state folder ``folder`` ends, in epoch seconds.

    None if there is none.
    """
    now = time.time() if now is None else now
    try:
        record = files.read_own_json(os.path.join(folder, NAME)) or {}
        since, end, started = (
            float(record["since"]),
            float(record["until"]),
            float(record["boot_seconds"]),
        )
    except (FileError, KeyError, TypeError, ValueError):
        # What cannot be read suspends nothing: restarts go on, as without it.
        return None
    if not 0 < end - since <= LONGEST * 3600:
        return None
    gone = _boot_seconds() - started if record.get("boot_id") == _boot_id() else now - since
    return now + (end - since - gone) if 0 <= gone < end - since else None


def suspend(
    every: list[config.Settings], hours: int = USUAL, again: bool = False, dry_run: bool = False
) -> tuple[bool, dict[str, float]]:
    """Suspend the calendar restarts of ``every``: (whether anything changed, {name: until}).

    One that is suspended stays as it is, but with ``again``. GuardError, before anything is
    changed, if the watchdog of one is not armed.
    """
    if not SHORTEST <= hours <= LONGEST:
        raise GuardError("--hours: %d; allowed: %d to %d" % (hours, SHORTEST, LONGEST))
    bare = [
        settings.name
        for settings in every
        if settings.threshold is None or settings.action != "restart"
    ]
    if bare or (every and not _ticking(timers.WATCHDOG)):
        raise GuardError(
            "the watchdog is not armed%s: without it nothing would restart a gateway that runs"
            " out of memory; run the role hermes_watchdog with"
            " hermes_watchdog_action: restart first" % (" for " + ", ".join(bare) if bare else "")
        )
    now = time.time()
    changed = False
    ends = {}
    for settings in every:
        end = until(settings.folder, now)
        if end is None or again:
            changed = True
            end = now + hours * 3600
            if not dry_run:
                _write(settings.folder, int(now), hours)
        ends[settings.name] = end
    return changed, ends


def _write(folder: str, now: int, hours: int) -> None:
    record = {
        "since": now,
        "until": now + hours * 3600,
        "boot_id": _boot_id(),
        "boot_seconds": int(_boot_seconds()),
    }
    os.makedirs(folder, mode=0o755, exist_ok=True)
    files.write_atomic(os.path.join(folder, NAME), json.dumps(record) + "\n")


def _ticking(timer: str) -> bool:
    """Whether ``timer`` runs.

    Its next elapse says nothing while its service runs; if there is none any more, it is "elapsed".
    """
    blocks = systemd.Manager().show([timer], ["Id", "ActiveState", "SubState"])
    return any(
        block.get("ActiveState") == "active" and block.get("SubState") != "elapsed"
        for block in blocks
    )


def resume(every: list[config.Settings]) -> list[str]:
    """End the suspensions of ``every``; the names of those that had one."""
    ended = [settings.name for settings in every if until(settings.folder) is not None]
    for settings in every:
        try:
            os.unlink(os.path.join(settings.folder, NAME))
        except FileNotFoundError:
            pass
    return ended


def sentence(end: float, now: float | None = None) -> str:
    """What is to be said of a suspension until ``end``."""
    left = display.span(max(0, end - (time.time() if now is None else now)))
    return "calendar restarts are suspended for another %s, until %s" % (left, display.utc(end))


def _boot_id() -> str:
    try:
        return (files.read_text("/proc/sys/kernel/random/boot_id") or "").strip()
    except FileError:
        return ""


def _boot_seconds() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
