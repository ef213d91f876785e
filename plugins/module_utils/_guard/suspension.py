# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Suspends restarts for a limited time, for maintenance or to observe memory growth.

Applies to calendar restarts, and optionally to those of the watchdog, which then only alerts. A
suspension ends automatically. Its duration is measured by the boot clock, which cannot be set, and
after a reboot by the wall clock. If the wall clock is before the request, it has ended.
"""

from __future__ import annotations

import collections
import json
import os
import time

from .._host import display, files, guard_program, systemd, timers
from .._host.errors import FileError, GuardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from . import config

    class _Suspension(NamedTuple):
        """Start and end (epoch seconds), and whether the watchdog's restarts are included."""

        since: float
        until: float
        watchdog: bool

    class Wanted(NamedTuple):
        """Hours, start (epoch seconds, None: now), and whether the watchdog is included."""

        hours: int
        begin: float | None = None
        watchdog: bool = False
else:
    _Suspension = collections.namedtuple("_Suspension", "since until watchdog")
    Wanted = collections.namedtuple("Wanted", "hours begin watchdog", defaults=(None, False))

NAME = guard_program.SUSPENDED
# In hours. A week without calendar restarts covers every day of the week.
SHORTEST, LONGEST, USUAL = 1, 168, 48
# In seconds: operators forget a suspension that is planned further ahead.
FURTHEST = 30 * display.DAY


class Suspension(_Suspension):
    """A current or future suspension."""

    __slots__ = ()

    def is_active(self, now: float | None = None) -> bool:
        """Whether it has begun; read() does not return one that has ended."""
        return self.since <= (time.time() if now is None else now)

    def sentence(self, now: float | None = None) -> str:
        """A sentence about it for the operator."""
        now = time.time() if now is None else now
        what = "all automatic restarts" if self.watchdog else "calendar restarts"
        if not self.is_active(now):
            when = (display.utc(self.since), display.utc(self.until))
            return "%s will be suspended from %s until %s" % (what, *when)
        left = display.span(max(0, self.until - now))
        return "%s are suspended for another %s, until %s" % (what, left, display.utc(self.until))


def read(folder: str, now: float | None = None) -> Suspension | None:
    """The suspension of the gateway with state directory ``folder``, or None."""
    now = time.time() if now is None else now
    try:
        record = files.read_own_json(os.path.join(folder, NAME)) or {}
        since, end, started = (
            float(record["since"]),
            float(record["until"]),
            float(record["boot_seconds"]),
        )
        asked = float(record.get("asked", since))
    except (FileError, KeyError, TypeError, ValueError):
        # A record that cannot be read suspends nothing.
        return None
    if not (0 < end - since <= LONGEST * display.HOUR and 0 <= since - asked <= FURTHEST):
        return None
    # Seconds since it began; negative if it has not begun.
    gone = _boot_seconds() - started if record.get("boot_id") == _boot_id() else now - since
    # The record contains whole seconds.
    if not asked - since - 2 <= gone < end - since:
        return None
    if abs(now - gone - since) < 2:
        # The wall clock was not set meanwhile.
        gone = now - since
    return Suspension(now - gone, now + (end - since - gone), record.get("watchdog") is True)


def active(folder: str, now: float | None = None) -> Suspension | None:
    """Like read, but None before it begins."""
    now = time.time() if now is None else now
    found = read(folder, now)
    return found if found is not None and found.is_active(now) else None


def until(folder: str, now: float | None = None) -> float | None:
    """When the active suspension ends, in epoch seconds; None without one."""
    found = active(folder, now)
    return None if found is None else found.until


def of_watchdog(folder: str, now: float | None = None) -> Suspension | None:
    """The active suspension of the watchdog's restarts, or None."""
    found = active(folder, now)
    return found if found is not None and found.watchdog else None


def suspend(
    every: list[config.Settings], wanted: Wanted, again: bool = False, dry_run: bool = False
) -> tuple[bool, dict[str, Suspension]]:
    """Suspend the restarts of ``every``: (whether anything changed, the suspensions by name).

    An existing suspension is kept unless ``again`` is set. Raises GuardError before any change if
    no watchdog would alert.
    """
    now = time.time()
    begin = now if wanted.begin is None else wanted.begin
    if not SHORTEST <= wanted.hours <= LONGEST:
        raise GuardError(
            "--hours: invalid number %d: expected %d to %d" % (wanted.hours, SHORTEST, LONGEST)
        )
    if not 0 <= begin - now <= FURTHEST:
        raise GuardError(
            "--from: %s is %s: expected a time from now until %s"
            % (
                display.utc(begin) if 0 <= begin < 1e11 else "it",
                "in the past" if begin < now else "too far ahead",
                display.utc(now + FURTHEST),
            )
        )
    bare = [settings.name for settings in every if settings.threshold is None]
    if bare or (every and not _ticking(timers.WATCHDOG)):
        raise GuardError(
            "the watchdog is not active%s, so nothing would alert if a gateway runs out of memory:"
            " run the role hermes_watchdog first" % (" for " + ", ".join(bare) if bare else "")
        )
    changed = False
    found = {}
    for settings in every:
        one = read(settings.folder, now)
        if one is None or again:
            changed = True
            one = Suspension(begin, begin + wanted.hours * display.HOUR, wanted.watchdog)
            if not dry_run:
                _write(settings.folder, one, now)
        found[settings.name] = one
    return changed, found


def _write(folder: str, one: Suspension, now: float) -> None:
    record = {
        # Not later than its start, even if the suspension is changed later.
        "asked": int(min(now, one.since)),
        "since": int(one.since),
        "until": int(one.until),
        "watchdog": one.watchdog,
        "boot_id": _boot_id(),
        "boot_seconds": int(_boot_seconds() + one.since - now),
    }
    os.makedirs(folder, mode=0o755, exist_ok=True)
    files.write_atomic(os.path.join(folder, NAME), json.dumps(record) + "\n")


def _ticking(timer: str) -> bool:
    """Whether ``timer`` is running.

    While its service runs, a timer has no next elapse. A timer that never elapses again is in
    SubState "elapsed".
    """
    blocks = systemd.Manager().show([timer], ["Id", "ActiveState", "SubState"])
    return any(
        block.get("ActiveState") == "active" and block.get("SubState") != "elapsed"
        for block in blocks
    )


def resume(
    every: list[config.Settings], watchdog: bool = False, dry_run: bool = False
) -> list[str]:
    """End the suspensions of ``every`` and return the names of the gateways that had one.

    With ``watchdog``, end only that of the watchdog; calendar restarts stay suspended.
    """
    ended = []
    for settings in every:
        now = time.time()
        one = read(settings.folder, now)
        if one is not None and (one.watchdog or not watchdog):
            ended.append(settings.name)
        if dry_run:
            continue
        if watchdog:
            if one is not None and one.watchdog:
                _write(settings.folder, Suspension(one.since, one.until, False), now)
            continue
        try:
            os.unlink(os.path.join(settings.folder, NAME))
        except FileNotFoundError:
            pass
    return ended


def _boot_id() -> str:
    try:
        return (files.read_text("/proc/sys/kernel/random/boot_id") or "").strip()
    except FileError:
        return ""


def _boot_seconds() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
