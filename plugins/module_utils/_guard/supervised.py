# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check in a process of its own, which is given up where a gateway or its user holds it up.

A home on a server that does not answer, a command line that cannot be read, a systemd that does not
answer: each costs its own gateway, and the others are checked all the same. The kernel lets nobody
leave such a wait but a process that is killed, so the check is one, and another goes on from there.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time

from .._host import files, proc
from .._host.errors import FileError
from . import history, progress, watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from .config import Settings

# In the state directory of a gateway: where the last check was given up because of it.
NAME = "given-up.json"
# Seconds for each step. A home answers in milliseconds; systemd and a witness have limits of their
# own, which come first; so has the notify command, with all that waits for it.
SECONDS = {progress.HOME: 3, progress.SYSTEMD: 15, progress.WITNESS: 20, progress.NOTIFY: 100}
OTHER_SECONDS = 30
# Seconds for all gateways of one user in one check, and for the whole check: the unit has 300.
USER_SECONDS = 40
CHECK_SECONDS = 240
# Steps whose time is not the user's own: a witness has its limit, and a notify command is root's.
_FREE = (progress.WITNESS, progress.NOTIFY)
# Homes of one user that did not answer: the others are then not looked at in this check.
HUNG_HOMES = 2
_CHUNK = 1 << 16


class _Reporting(progress.Progress):
    """Sends each step and each line to the process that waits for it."""

    def __init__(self, pipe: int, hung: Collection[str], silent: Collection[str]) -> None:
        super().__init__(hung, silent)
        self.pipe = pipe

    def step(self, stage: str, settings: Settings | None = None) -> None:
        self._send([stage, settings.name if settings else None])

    def say(self, settings: Settings, line: str, good: bool = True) -> None:
        self._send(["line", settings.name, line, good])

    def _send(self, message: list[Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self.pipe, data) :]


class _Check:
    """What is known of one check so far."""

    def __init__(self, every: Collection[Settings]) -> None:
        self.every = every
        self.settings = {one.name: one for one in every}
        self.left = list(every)
        self.hung = {one.name for one in every if _still_hangs(one)}
        self.silent: set[str] = set()
        self.spent: dict[str, float] = {}
        self.lines: list[str] = []
        self.good = True
        # The step that the check is in, for which gateway, and since when.
        self.stage, self.name, self.since = progress.RUN, "", time.monotonic()
        self.deadline = self.since + CHECK_SECONDS

    def begin(self, stage: str, name: str | None) -> None:
        """The next step begins: what the last one took is its user's."""
        now = time.monotonic()
        if self.name and self.stage not in _FREE:
            user = self.settings[self.name].user
            self.spent[user] = self.spent.get(user, 0.0) + now - self.since
        self.stage, self.name, self.since = stage, name or "", now
        if stage == progress.DONE:
            self.left = [one for one in self.left if one.name != name]

    def patience(self) -> float:
        """For how many more seconds the present step may go on."""
        ends = [self.since + SECONDS.get(self.stage, OTHER_SECONDS), self.deadline]
        if self.name and self.stage not in _FREE:
            left = USER_SECONDS - self.spent.get(self.settings[self.name].user, 0.0)
            ends.append(self.since + max(0.0, left))
        return min(ends) - time.monotonic()


def check(every: Collection[Settings], faults: Collection[str] = ()) -> tuple[list[str], bool]:
    """As watchdog.check, in a time that no gateway and no user can make longer.

    Those that have waited longest for a sample come first. ``faults`` are those of the
    configuration.
    """
    state = _Check(sorted(every, key=_last_turn))
    if faults:
        state.lines += faults
        state.good = False
    watchdog.note_faults(every, faults)
    while not _run(state):
        pass
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
    """Whether the check has come to its end; if not, another process must go on from here."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _work(state, writer)
    os.close(writer)
    ended = False
    try:
        ended = _follow(state, reader)
    finally:
        os.close(reader)
        if not ended:
            os.kill(pid, signal.SIGKILL)
    gone = _reap(pid, ended)
    return ended or _give_up(state, None if gone else pid)


def _work(state: _Check, writer: int) -> None:
    """Be the process that checks; this does not return."""
    status = 1
    try:
        watchdog.check(state.left, _Reporting(writer, state.hung, state.silent), state.every)
        status = 0
    except Exception:  # pylint: disable=broad-exception-caught
        import traceback

        traceback.print_exc()
    finally:
        # Not as a Python ends: the files that are open are the other process's too.
        os._exit(status)


def _follow(state: _Check, reader: int) -> bool:
    """Read what the process says, to its end; False if it ends before, or takes too long."""
    state.begin(progress.RUN, None)
    rest = b""
    while state.stage != progress.END:
        left = state.patience()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            return False
        chunk = os.read(reader, _CHUNK)
        if not chunk:
            return False
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            _take(state, json.loads(line))
    return True


def _take(state: _Check, message: list[Any]) -> None:
    if message[0] != "line":
        state.begin(*message)
        return
    _word, name, text, good = message
    state.lines.append("%s: %s" % (name, text))
    state.good = state.good and good


def _reap(pid: int, ended: bool) -> bool:
    """Whether the process is gone: what waits for a broken disk cannot be killed at once."""
    deadline = time.monotonic() + 1
    while True:
        if os.waitpid(pid, 0 if ended else os.WNOHANG)[0]:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)


def _give_up(state: _Check, stuck: int | None) -> bool:
    """Take note of what held the check up; whether there is nothing left to check.

    ``stuck`` is the pid of the process, if it cannot even be killed.
    """
    stage, settings = state.stage, state.settings.get(state.name)
    state.begin(progress.RUN, None)
    over = stage == progress.NOTIFY or time.monotonic() >= state.deadline
    if settings is None or over:
        state.good = False
        names = ", ".join(one.name for one in state.left) or "none"
        state.lines.append("the check was ended before its end; not checked: %s" % names)
        return True
    _note(settings, stage, stuck)
    mine = [one for one in state.left if one.user == settings.user]
    if state.spent.get(settings.user, 0.0) >= USER_SECONDS:
        text = "not checked: the gateways of %s took longer than %d s" % (
            settings.user,
            USER_SECONDS,
        )
        _leave_out(state, mine, text)
    elif stage == progress.HOME:
        state.hung.add(settings.name)
        all_of_user = {one.name for one in state.every if one.user == settings.user}
        if len(state.hung & all_of_user) >= HUNG_HOMES:
            state.hung.update(one.name for one in mine)
    elif stage == progress.SYSTEMD:
        state.silent.add(progress.manager(settings))
    else:
        _leave_out(state, [settings], "cannot be checked: the step %r did not end" % stage)
    # Also if no gateway is left: alarms are to be told.
    return False


def _leave_out(state: _Check, which: list[Settings], text: str) -> None:
    state.good = False
    state.lines += ["%s: %s" % (one.name, text) for one in which]
    state.left = [one for one in state.left if one not in which]


def _note(settings: Settings, stage: str, stuck: int | None) -> None:
    record = {
        "time": time.time(),
        "stage": stage,
        "pid": stuck,
        "start_ticks": proc.start_ticks(stuck) if stuck else None,
    }
    try:
        os.makedirs(settings.folder, mode=0o755, exist_ok=True)
        files.write_atomic(os.path.join(settings.folder, NAME), json.dumps(record) + "\n")
    except OSError:
        pass


def given_up(settings: Settings) -> dict[str, Any] | None:
    """``time`` and ``stage`` of the last check that the gateway has held up for too long."""
    try:
        return files.read_json(os.path.join(settings.folder, NAME), owners={0, os.geteuid()})
    except FileError:
        return None


def hung_homes(every: Collection[Settings]) -> list[Settings]:
    """The gateways whose homes do not answer at this moment."""
    return [one for one in every if not _answers(one.home)]


def _answers(home: str) -> bool:
    pid = os.fork()
    if pid == 0:
        try:
            os.listdir(home)
        finally:
            # A home that does not exist has answered too.
            os._exit(0)
    deadline = time.monotonic() + SECONDS[progress.HOME]
    while not os.waitpid(pid, os.WNOHANG)[0]:
        if time.monotonic() >= deadline:
            os.kill(pid, signal.SIGKILL)
            _reap(pid, False)
            return False
        time.sleep(0.005)
    return True


def _still_hangs(settings: Settings) -> bool:
    """Whether an earlier check waits for the home even now: another one would only join it."""
    if not os.path.exists(os.path.join(settings.folder, NAME)):
        return False
    record = given_up(settings) or {}
    pid, ticks = record.get("pid"), record.get("start_ticks")
    return isinstance(pid, int) and ticks is not None and proc.start_ticks(pid) == ticks
