# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the check in a thread that is abandoned if a gateway or its user blocks it.

A command line that cannot be read, or a systemd that does not answer, affects only its own gateway:
another thread continues with the others. A blocked thread normally ends with the program. A thread
that waits for a home may not, and would keep the program from exiting. So a child process checks
all homes first, and homes that do not answer are skipped.
"""

from __future__ import annotations

import json
import os
import time

from .._host import background, files, proc, reach
from .._host.errors import FileError
from . import check_alerts, history, page, progress, watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from .config import Settings

# In the state directory of a gateway: the step in which it blocked a check.
NAME = "given-up.json"
# Seconds for each step. A home answers in milliseconds. systemd, a witness and the notify command
# have their own, shorter limits.
SECONDS = {
    progress.HOME: 3,
    progress.SYSTEMD: 15,
    progress.WITNESS: 20,
    # Analysing a month of samples taken every 5 s takes less.
    progress.METRICS: 45,
    progress.NOTIFY: 100,
}
OTHER_SECONDS = 30
# Seconds for all gateways of one user in one check, and for the whole check: the unit has 300.
USER_SECONDS = 40
CHECK_SECONDS = 240
# Steps that do not count for the user: a witness has its own limit, a notify command is root's.
_FREE = (progress.WITNESS, progress.NOTIFY)
# Seconds between progress checks; most checks end before the first.
LOOK_SECONDS = 0.5


class _GivenUpError(SystemExit):
    """Ends an abandoned thread when it reaches its next step."""


class _Reporting(progress.Progress):
    """Reports each step and line to the waiting thread, until that has abandoned it."""

    def __init__(self, state: _Check) -> None:
        super().__init__(frozenset(state.hung), frozenset(state.silent))
        self.state = state
        self.given_up = False
        self.full = state.full
        self.seen = state.seen
        self.over = state.over

    def step(self, stage: str, settings: Settings | None = None) -> None:
        self._check()
        self.state.begin(stage, settings.name if settings else "")

    def say(self, settings: Settings, line: str, good: bool = True) -> None:
        self._check()
        self.state.lines.append("%s: %s" % (settings.name, line))
        self.state.good = self.state.good and good
        # A failing notify command does not make the check of a gateway fail.
        if not good and self.state.stage != progress.NOTIFY:
            self.state.failed.add(settings.name)

    def _check(self) -> None:
        if self.given_up:
            raise _GivenUpError


class _Check:
    """The state of one check."""

    def __init__(self, every: Collection[Settings], full: bool = False) -> None:
        self.every = every
        self.full = full
        self.seen: dict[str, progress.Seen] = {}
        self.failed: set[str] = set()
        self.over: list[progress.Over] = []
        self.settings = {one.name: one for one in every}
        self.left = list(every)
        self.hung = _hung(every)
        self.silent: set[str] = set()
        self.spent: dict[str, float] = {}
        self.lines: list[str] = []
        self.good = True
        # The current step, its gateway and its start.
        self.stage, self.name, self.since = progress.RUN, "", time.monotonic()
        self.started = self.since
        self.deadline = self.since + CHECK_SECONDS

    def begin(self, stage: str, name: str) -> None:
        """Start the next step; the time of the last one counts for its user."""
        now = time.monotonic()
        if self.name and self.stage not in _FREE:
            user = self.settings[self.name].user
            self.spent[user] = self.spent.get(user, 0.0) + now - self.since
        self.stage, self.name, self.since = stage, name, now
        if stage == progress.METRICS:
            # Only once, even if it takes too long.
            self.full = False
        if stage == progress.DONE:
            self.left = [one for one in self.left if one.name != name]

    def patience(self) -> float:
        """The seconds that the current step may still take."""
        ends = [self.since + SECONDS.get(self.stage, OTHER_SECONDS), self.deadline]
        if self.name and self.stage not in _FREE:
            left = USER_SECONDS - self.spent.get(self.settings[self.name].user, 0.0)
            ends.append(self.since + max(0.0, left))
        return min(ends) - time.monotonic()


def check(
    every: Collection[Settings], faults: Collection[str] = (), full: bool = True
) -> tuple[list[str], bool]:
    """Like watchdog.check, in a time that no gateway or user can extend.

    Gateways that have waited longest for a sample come first. ``faults`` are those of the
    configuration. ``full``: whether ``every`` contains all gateways; the metrics page is then
    written at the end, unless another check writes it.
    """
    if not full:
        return _complete(every, faults, False)
    lock = page.lock()
    if lock is None:
        return _complete(every, faults, True)
    with lock as ours:
        return _complete(every, faults, ours)


def _complete(
    every: Collection[Settings], faults: Collection[str], full: bool
) -> tuple[list[str], bool]:
    state = _Check(sorted(every, key=_last_turn), full)
    if faults:
        state.lines += faults
        state.good = False
    check_alerts.note_faults(every, faults)
    while not _run(state):
        pass
    if full:
        took = time.monotonic() - state.started
        state.lines += page.write(every, state.seen, took, state.failed)
    return state.lines, state.good


def _last_turn(settings: Settings) -> float:
    """When the gateway was last sampled, or last blocked a check."""
    times = [0.0]
    for name in (history.NAME, NAME):
        try:
            times.append(os.stat(os.path.join(settings.folder, name)).st_mtime)
        except OSError:
            pass
    return max(times)


def _run(state: _Check) -> bool:
    """Whether the check is complete; if not, another thread must continue from here."""
    state.begin(progress.RUN, "")
    follow = _Reporting(state)
    ended = background.start(lambda: watchdog.check(state.left, follow, state.every))
    left = state.patience()
    while left > 0:
        # The next step may have less time than this one.
        if ended.acquire(timeout=min(left, LOOK_SECONDS)):
            # An unexpected error also ends the thread.
            return state.stage == progress.END or _give_up(state, "failed unexpectedly")
        left = state.patience()
    follow.given_up = True
    return _give_up(state)


def _give_up(state: _Check, why: str | None = None) -> bool:
    """Record what blocked the check; returns whether nothing is left to check.

    ``why`` is the reason if it was not the time.
    """
    stage, settings = state.stage, state.settings.get(state.name)
    state.begin(progress.RUN, "")
    over = stage == progress.NOTIFY or time.monotonic() >= state.deadline
    if stage == progress.METRICS and not over:
        why = why or "took longer than %d s" % SECONDS[stage]
        state.lines.append("the verdict for the metrics %s" % why)
        return False
    if settings is None or over:
        state.good = False
        names = ", ".join(one.name for one in state.left) or "none"
        state.lines.append("the check was aborted; not checked: %s" % names)
        return True
    _note(settings, stage, os.getpid())
    mine = [one for one in state.left if one.user == settings.user]
    if state.spent.get(settings.user, 0.0) >= USER_SECONDS:
        text = "not checked: the gateways of %s took longer than %d s"
        _leave_out(state, mine, text % (settings.user, USER_SECONDS))
    elif stage == progress.HOME:
        # It answered a moment ago, so its server has just become unreachable.
        state.hung.add(settings.name)
    elif stage == progress.SYSTEMD:
        state.silent.add(progress.manager(settings))
    else:
        _leave_out(state, [settings], "cannot be checked: the step %r did not finish" % stage)
    # Even if no gateway is left: alerts must still be sent.
    return False


def _leave_out(state: _Check, which: list[Settings], text: str) -> None:
    state.good = False
    state.failed.update(one.name for one in which)
    state.lines += ["%s: %s" % (one.name, text) for one in which]
    state.left = [one for one in state.left if one not in which]


def _note(settings: Settings, stage: str, pid: int) -> None:
    """Record that the gateway has blocked process ``pid``."""
    record = {"time": time.time(), "stage": stage, "pid": pid, "start_ticks": proc.start_ticks(pid)}
    try:
        os.makedirs(settings.folder, mode=0o755, exist_ok=True)
        files.write_atomic(os.path.join(settings.folder, NAME), json.dumps(record) + "\n")
    except OSError:
        pass


def given_up(settings: Settings) -> dict[str, Any] | None:
    """``time`` and ``stage`` of the last check that the gateway has blocked."""
    try:
        return files.read_own_json(os.path.join(settings.folder, NAME))
    except FileError:
        return None


def _hung(every: Collection[Settings]) -> set[str]:
    """The names of the gateways whose homes do not answer; records each of them."""
    hung = {one.name for one in every if _still_hangs(one)}
    asked = [one for one in every if one.name not in hung]
    waiting = reach.unanswered({one.home: one.user for one in asked})
    for one in asked:
        if one.home in waiting:
            _note(one, progress.HOME, waiting[one.home])
            hung.add(one.name)
    return hung


def _still_hangs(settings: Settings) -> bool:
    """Whether a process of an earlier check is still blocked; a new one would block too."""
    if not os.path.exists(os.path.join(settings.folder, NAME)):
        return False
    record = given_up(settings) or {}
    pid, ticks = record.get("pid"), record.get("start_ticks")
    return isinstance(pid, int) and ticks is not None and proc.start_ticks(pid) == ticks
