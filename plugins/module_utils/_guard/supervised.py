# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check, in a thread that is given up if a gateway or its user holds it up.

A command line that cannot be read, a systemd that does not answer: each costs its own gateway, and
the others are checked all the same, by another thread that goes on from there. A thread that still
waits ends with the program. One that waits for a home may not, and would keep the program from
ending: so a child process looks at all homes first, and those that do not answer are left alone.
"""

from __future__ import annotations

import _thread
import json
import os
import time

from .._host import files, proc, reach
from .._host.errors import FileError
from . import history, page, progress, watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

    from .config import Settings

# In the state directory of a gateway: where the last check was given up because of it.
NAME = "given-up.json"
# Seconds for each step. A home answers in milliseconds; systemd and a witness have limits of their
# own, which come first; so has the notify command, with all that waits for it.
SECONDS = {
    progress.HOME: 3,
    progress.SYSTEMD: 15,
    progress.WITNESS: 20,
    # A month of samples every 5 s is judged in less.
    progress.METRICS: 45,
    progress.NOTIFY: 100,
}
OTHER_SECONDS = 30
# Seconds for all gateways of one user in one check, and for the whole check: the unit has 300.
USER_SECONDS = 40
CHECK_SECONDS = 240
# Steps whose time is not the user's own: a witness has its limit, and a notify command is root's.
_FREE = (progress.WITNESS, progress.NOTIFY)
# Between two looks at how far the check has come; most end before the first.
LOOK_SECONDS = 0.5


class _GivenUpError(SystemExit):
    """Ends a thread that has come to its next step after all."""


class _Reporting(progress.Progress):
    """Tells the thread that waits of each step and each line, until that has given it up."""

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
        # What the notify command does is no fault of the check of a gateway.
        if not good and self.state.stage != progress.NOTIFY:
            self.state.failed.add(settings.name)

    def _check(self) -> None:
        if self.given_up:
            raise _GivenUpError


class _Check:
    """What is known of one check so far."""

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
        # The step that the check is in, for which gateway, and since when.
        self.stage, self.name, self.since = progress.RUN, "", time.monotonic()
        self.started = self.since
        self.deadline = self.since + CHECK_SECONDS

    def begin(self, stage: str, name: str) -> None:
        """The next step begins: what the last one took is its user's."""
        now = time.monotonic()
        if self.name and self.stage not in _FREE:
            user = self.settings[self.name].user
            self.spent[user] = self.spent.get(user, 0.0) + now - self.since
        self.stage, self.name, self.since = stage, name, now
        if stage == progress.METRICS:
            # Once, also if it takes too long.
            self.full = False
        if stage == progress.DONE:
            self.left = [one for one in self.left if one.name != name]

    def patience(self) -> float:
        """For how many more seconds the present step may go on."""
        ends = [self.since + SECONDS.get(self.stage, OTHER_SECONDS), self.deadline]
        if self.name and self.stage not in _FREE:
            left = USER_SECONDS - self.spent.get(self.settings[self.name].user, 0.0)
            ends.append(self.since + max(0.0, left))
        return min(ends) - time.monotonic()


def check(
    every: Collection[Settings], faults: Collection[str] = (), full: bool = True
) -> tuple[list[str], bool]:
    """As watchdog.check, in a time that no gateway and no user can make longer.

    Those that have waited longest for a sample come first. ``faults`` are those of the
    configuration. ``full``: whether ``every`` has all gateways; the page of metrics is then written
    in the end, unless another check writes it.
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
    watchdog.note_faults(every, faults)
    while not _run(state):
        pass
    if full:
        took = time.monotonic() - state.started
        state.lines += page.write(every, state.seen, took, state.failed)
    return state.lines, state.good


def _last_turn(settings: Settings) -> float:
    """When the gateway was last sampled, or when a check was given up because of it."""
    times = [0.0]
    for name in (history.NAME, NAME):
        try:
            times.append(os.stat(os.path.join(settings.folder, name)).st_mtime)
        except OSError:
            pass
    return max(times)


def _run(state: _Check) -> bool:
    """Whether the check has come to its end; if not, another thread must go on from here."""
    state.begin(progress.RUN, "")
    follow = _Reporting(state)
    ended = start(lambda: watchdog.check(state.left, follow, state.every))
    left = state.patience()
    while left > 0:
        # The next step may have less time than this one.
        if ended.acquire(timeout=min(left, LOOK_SECONDS)):
            # An error that nobody thought of has ended it as well.
            return state.stage == progress.END or _give_up(state, "was ended by a fault")
        left = state.patience()
    follow.given_up = True
    return _give_up(state)


def start(work: Callable[[], object]) -> Any:
    """Do ``work`` in a thread; a lock that is free when it has ended."""
    ended = _thread.allocate_lock()
    ended.acquire()

    def run() -> None:
        try:
            work()
        finally:
            ended.release()

    _thread.start_new_thread(run, ())
    return ended


def _give_up(state: _Check, why: str | None = None) -> bool:
    """Take note of what held the check up; whether there is nothing left to check.

    ``why`` if it was not the time.
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
        state.lines.append("the check was ended before its end; not checked: %s" % names)
        return True
    _note(settings, stage, os.getpid())
    mine = [one for one in state.left if one.user == settings.user]
    if state.spent.get(settings.user, 0.0) >= USER_SECONDS:
        text = "not checked: the gateways of %s took longer than %d s"
        _leave_out(state, mine, text % (settings.user, USER_SECONDS))
    elif stage == progress.HOME:
        # It answered a moment ago: its server has just gone.
        state.hung.add(settings.name)
    elif stage == progress.SYSTEMD:
        state.silent.add(progress.manager(settings))
    else:
        _leave_out(state, [settings], "cannot be checked: the step %r did not end" % stage)
    # Also if no gateway is left: alarms are to be told.
    return False


def _leave_out(state: _Check, which: list[Settings], text: str) -> None:
    state.good = False
    state.failed.update(one.name for one in which)
    state.lines += ["%s: %s" % (one.name, text) for one in which]
    state.left = [one for one in state.left if one not in which]


def _note(settings: Settings, stage: str, pid: int) -> None:
    """Take note that the process ``pid`` was held up by the gateway."""
    record = {"time": time.time(), "stage": stage, "pid": pid, "start_ticks": proc.start_ticks(pid)}
    try:
        os.makedirs(settings.folder, mode=0o755, exist_ok=True)
        files.write_atomic(os.path.join(settings.folder, NAME), json.dumps(record) + "\n")
    except OSError:
        pass


def given_up(settings: Settings) -> dict[str, Any] | None:
    """``time`` and ``stage`` of the last check that the gateway has held up for too long."""
    try:
        return files.read_own_json(os.path.join(settings.folder, NAME))
    except FileError:
        return None


def _hung(every: Collection[Settings]) -> set[str]:
    """The names of the gateways whose homes do not answer, each of which is taken note of."""
    hung = {one.name for one in every if _still_hangs(one)}
    asked = [one for one in every if one.name not in hung]
    waiting = reach.unanswered({one.home: one.user for one in asked})
    for one in asked:
        if one.home in waiting:
            _note(one, progress.HOME, waiting[one.home])
            hung.add(one.name)
    return hung


def _still_hangs(settings: Settings) -> bool:
    """Whether a process of an earlier check waits even now: another one would only join it."""
    if not os.path.exists(os.path.join(settings.folder, NAME)):
        return False
    record = given_up(settings) or {}
    pid, ticks = record.get("pid"), record.get("start_ticks")
    return isinstance(pid, int) and ticks is not None and proc.start_ticks(pid) == ticks
