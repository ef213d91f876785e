# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alarms of one gateway: which are open, and which the notify command still has to take.

An alarm is raised once, once more at 90 % of the limit, repeated once a day, and called off when it
is over. What the notify command does not take, by ending with 0, it gets again at the next check.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time

from .._host import display, files
from .._host.errors import FileError
from . import file_lock, ledger, limits, notify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Any

    from .config import Settings
    from .managed import ManagedGateway

NAME = "alarms.json"
LOCK = "alarms.lock"
# The code of the second alarm, which is the same for each first one.
NEAR = "near-limit"
# What a judgement of the memory history says: it outlasts a run, and is an event of its own.
EARLY = ("leak", "limit-soon")
# Alarms that are about something else than the memory of this moment.
OTHERS = ("frozen", "gone", "silent", "down", "config", *EARLY)
# The events that raise an alarm.
RAISES = ("alert", *EARLY)
# Seconds between reminders of an alarm that is open.
DAILY = display.DAY
# Of one gateway. A notify command that never works must not fill the disk.
MOST_WAITING = 20
# What a message needs of a sample.
_SIZES = ("rss_bytes", "tree_rss_bytes", "swap_bytes")
# Seconds for all that one check has to tell.
PATIENCE = 60


def alert(gateway: ManagedGateway, row: dict[str, Any] | None, code: str, reason: str) -> str:
    """Raise an alarm about this run of the gateway, unless it is open: a line for the journal.

    ``row`` is the newest sample, None if the alarm is about no memory.
    """
    settings = gateway.settings
    _raise(settings, gateway.invocation_id, (code, reason), row, NEAR if code == "limit" else code)
    if row is not None and code not in (*OTHERS, "limit") and limits.is_near(gateway, row):
        text = "%s; %s is above %d %% of the limit of %s" % (
            reason,
            display.megabytes(limits.resident(row)),
            round(100 * limits.NEAR),
            display.megabytes(limits.kernel_limit(gateway)),
        )
        _raise(settings, gateway.invocation_id, (NEAR, text), row, NEAR)
    return "ALERT: " + reason


def alert_of(settings: Settings, code: str, reason: str, run: str | None = None) -> str:
    """As alert, about a gateway of which no more is known than its last ``run``."""
    _raise(settings, run, (code, reason), None, code)
    return "ALERT: " + reason


def _raise(
    settings: Settings,
    run: str | None,
    what: tuple[str, str],
    row: dict[str, Any] | None,
    opened: str,
) -> None:
    code, reason = what
    entry = _entry("alert", code, reason, row)
    try:
        ledger.write(
            settings.folder,
            "alert",
            code,
            reason,
            trigger="watchdog",
            invocation_id=run,
            **({} if row is None else {"before": row}),
        )
        with _state(settings) as state:
            known = state["open"].get(opened)
            if known is None or known.get("run") != run:
                state["open"][opened] = _opened(run, reason)
                state["waiting"].append(entry)
    except OSError:
        # Nothing can be kept on a full disk: better told twice than not at all.
        notify.send(settings, entry)
        raise


def begin(
    settings: Settings, what: tuple[str, str], row: dict[str, Any] | None, facts: dict[str, Any]
) -> None:
    """Raise an alarm of EARLY, unless it is open: ``what`` is its event and the sentence.

    ``facts`` are kept with it.
    """
    event, reason = what
    entry = _entry(event, event, reason, row)
    try:
        with _state(settings) as state:
            if event in state["open"]:
                return
            state["open"][event] = dict(_opened(None, reason), **facts)
            state["waiting"].append(entry)
    except OSError:
        # As in _raise.
        notify.send(settings, entry)
        return
    ledger.note(settings.folder, event, event, reason, trigger="watchdog")


def amend(settings: Settings, code: str, facts: dict[str, Any]) -> None:
    """Keep ``facts`` with an alarm that is open."""
    with contextlib.suppress(OSError), _state(settings) as state:
        if code in state["open"]:
            state["open"][code].update(facts)


def listed(settings: Settings) -> list[dict[str, Any]] | None:
    """The open alarms, each as ``code``, ``since`` and ``reason``; None if they are not known."""
    try:
        files.read_own_json(os.path.join(settings.folder, NAME))
    except FileError:
        return None
    found = open_alarms(settings)
    return [
        {"code": code, "since": found[code].get("since"), "reason": str(found[code].get("reason"))}
        for code in sorted(found)
    ]


def open_alarms(settings: Settings) -> dict[str, dict[str, Any]]:
    """What is kept of each alarm that is open, by its code."""
    return _read(settings)["open"]


def _opened(run: str | None, reason: str) -> dict[str, Any]:
    """An open alarm: ``since`` when, and when it was last ``told``, in epoch seconds."""
    now = round(time.time(), 3)
    return {"run": run, "reason": reason, "since": now, "told": now}


def put(
    settings: Settings, event: str, code: str, reason: str, row: dict[str, Any] | None = None
) -> None:
    """Have the notify command told of something that is no alarm."""
    entry = _entry(event, code, reason, row)
    try:
        with _state(settings) as state:
            state["waiting"].append(entry)
    except OSError:
        notify.send(settings, entry)


def settle(settings: Settings, over: Collection[str], reason: str, row: Any = None) -> bool:
    """Call off those of the open alarms that are ``over``, by their codes; whether there were any.

    One that was never told is forgotten.
    """
    if not _is_open(settings, over):
        return False
    with _state(settings) as state:
        codes = [code for code in state["open"] if code in over]
        for code in codes:
            alarm = state["open"].pop(code)
            told = [one for one in state["waiting"] if _is(one, RAISES, code)]
            state["waiting"] = [
                one
                for one in state["waiting"]
                if one not in told and not _is(one, ("reminder",), code)
            ]
            if told or code == NEAR and len(codes) > 1:
                continue
            text = "%s; it was: %s" % (reason, alarm.get("reason"))
            state["waiting"].append(_entry("recovered", code, text, row))
            ledger.note(settings.folder, "recovered", code, text, trigger="watchdog")
    return True


def open_codes(settings: Settings) -> set[str]:
    """The codes of the alarms that are open."""
    return set(_read(settings)["open"])


def _is_open(settings: Settings, codes: Collection[str]) -> bool:
    return bool(open_codes(settings).intersection(codes))


def _is(entry: Any, events: Collection[str], code: str) -> bool:
    same = {code, "limit"} if code == NEAR else {code}
    return entry.get("event") in events and entry.get("code") in same


def remind(settings: Settings, codes: Collection[str]) -> None:
    """Have the notify command told again, once a day, of those of ``codes`` that are open."""
    now = time.time()
    if not any(_is_due(one, now) for one in _read(settings)["open"].values()):
        return
    # On a full disk there is no reminder: it could not be kept that it was sent.
    with contextlib.suppress(OSError), _state(settings) as state:
        for code, alarm in state["open"].items():
            # What was never told is told as it is.
            if code not in codes or any(_is(one, RAISES, code) for one in state["waiting"]):
                continue
            if _is_due(alarm, now):
                since = alarm.get("since", alarm["told"])
                text = "since %s: %s" % (display.utc(since), alarm.get("reason"))
                state["waiting"].append(_entry("reminder", code, text, None))
                alarm["told"] = round(now, 3)


def _is_due(alarm: dict[str, Any], now: float) -> bool:
    """Whether a day has gone by since the notify command was told; also if the clock was set."""
    told = alarm.get("told")
    return isinstance(told, (int, float)) and not 0 <= now - told < DAILY


def waiting(settings: Settings) -> list[float]:
    """When each message was made that the notify command has not taken yet, in epoch seconds."""
    times = [one.get("time") for one in _read(settings)["waiting"]]
    return [one for one in times if isinstance(one, (int, float))]


def deliver(settings: Settings, deadline: float) -> str | None:
    """Give the notify command all that waits for it; a line for the journal if it does not work.

    What is left at ``deadline`` (monotonic clock) waits on.
    """
    for entry in _read(settings)["waiting"]:
        if time.monotonic() >= deadline:
            return None
        problem = notify.send(settings, entry)
        if problem is not None:
            return "the notify command %s; it is tried again at the next check" % problem
        with contextlib.suppress(OSError), _state(settings) as state:
            state["waiting"] = [one for one in state["waiting"] if one != entry]
    return None


def _entry(event: str, code: str, reason: str, row: dict[str, Any] | None) -> dict[str, Any]:
    made = {"time": round(time.time(), 3), "event": event, "code": code, "reason": reason}
    return dict(made, sample=row)


def _read(settings: Settings) -> dict[str, Any]:
    path = os.path.join(settings.folder, NAME)
    try:
        content = files.read_own_json(path) or {}
    except FileError:
        content = {}
    opened, waiting = content.get("open"), content.get("waiting")
    if not isinstance(opened, dict):
        opened = {}
    if not isinstance(waiting, list):
        waiting = []
    return {
        "open": {code: _sound_alarm(one) for code, one in opened.items() if isinstance(one, dict)},
        "waiting": [_sound_entry(one) for one in waiting if _is_entry(one)],
    }


def _is_entry(one: Any) -> bool:
    """Whether a message that waits is one: a file that has been damaged stops no check."""
    return (
        isinstance(one, dict)
        and all(isinstance(one.get(name), str) for name in ("event", "code", "reason"))
        and ledger.is_time(one.get("time"))
    )


def _sound_entry(one: dict[str, Any]) -> dict[str, Any]:
    row = one.get("sample")
    whole = isinstance(row, dict) and all(
        isinstance(row.get(name, ""), (int, type(None))) for name in _SIZES
    )
    return one if whole or row is None else dict(one, sample=None)


def _sound_alarm(one: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in one.items()
        if name not in ("since", "told") or ledger.is_time(value)
    }


@contextlib.contextmanager
def _state(settings: Settings) -> Iterator[dict[str, Any]]:
    """What is kept, to be changed: a check and a restart may do so at the same time."""
    os.makedirs(settings.folder, mode=0o755, exist_ok=True)
    fd = file_lock.opened(os.path.join(settings.folder, LOCK))
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        state = _read(settings)
        yield state
        state["waiting"] = state["waiting"][-MOST_WAITING:]
        text = json.dumps(state, sort_keys=True) + "\n"
        # For everyone, as the ledger, which has the same words.
        files.write_atomic(os.path.join(settings.folder, NAME), text)
    finally:
        os.close(fd)
