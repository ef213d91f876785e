# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts of one gateway: which are open, and which messages wait for the notify command.

An alert is raised once, a second time at 90 % of the limit, repeated daily, and closed once its
cause is gone. A message is sent again at the next check until the notify command exits with 0.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time

from .._host import display, files, guard_program
from .._host.errors import FileError
from . import file_lock, ledger, limits, notify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Any

    from .config import Settings
    from .managed import ManagedGateway

NAME = guard_program.ALARMS
LOCK = "alarms.lock"
# The code of the second alert, whichever code the first one had.
NEAR = "near-limit"
# Alerts from the analysis of the memory history. They can outlast a run; each is a separate event.
EARLY = ("leak", "limit-soon")
# Alerts that are not about current memory usage.
OTHERS = ("frozen", "gone", "silent", "down", "config", *EARLY)
# The events that raise an alert.
RAISES = ("alert", *EARLY)
# Seconds between reminders of an open alert.
DAILY = display.DAY
# Messages kept for one gateway: a notify command that never works must not fill the disk.
MOST_WAITING = 20
# The values of a sample that a message quotes.
_SIZES = ("rss_bytes", "tree_rss_bytes", "swap_bytes")
# Seconds for all notifications of one check.
PATIENCE = 60


def alert(gateway: ManagedGateway, row: dict[str, Any] | None, code: str, reason: str) -> str:
    """Raise an alert about this run of the gateway, unless it is open: a line for the journal.

    ``row`` is the newest sample, or None if the alert is not about memory.
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
    """As alert(), for a gateway of which only the last ``run`` is known."""
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
        # A full disk cannot store the alert: two notifications are better than none.
        notify.send(settings, entry)
        raise


def begin(
    settings: Settings, what: tuple[str, str], row: dict[str, Any] | None, facts: dict[str, Any]
) -> None:
    """Raise an alert of EARLY, unless it is open: ``what`` is its event and the sentence.

    ``facts`` are stored with it.
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
    """Store ``facts`` with an open alert."""
    with contextlib.suppress(OSError), _state(settings) as state:
        if code in state["open"]:
            state["open"][code].update(facts)


def listed(settings: Settings) -> list[dict[str, Any]] | None:
    """The open alerts, each as ``code``, ``since`` and ``reason``; None if they are unknown."""
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
    """What is stored about each open alert, by its code."""
    return _read(settings)["open"]


def _opened(run: str | None, reason: str) -> dict[str, Any]:
    """An open alert: ``since`` and ``notified`` (the last notification) are in epoch seconds."""
    now = round(time.time(), 3)
    return {"run": run, "reason": reason, "since": now, "notified": now}


def put(
    settings: Settings, event: str, code: str, reason: str, row: dict[str, Any] | None = None
) -> None:
    """Queue a notification that is not an alert."""
    entry = _entry(event, code, reason, row)
    try:
        with _state(settings) as state:
            state["waiting"].append(entry)
    except OSError:
        notify.send(settings, entry)


def settle(settings: Settings, over: Collection[str], reason: str, row: Any = None) -> bool:
    """Close the open alerts whose codes are in ``over``; whether any was open.

    An alert that was never sent is dropped silently.
    """
    if not _is_open(settings, over):
        return False
    # A full disk must not stop the check: it stays open, and the next check closes it.
    with contextlib.suppress(OSError), _state(settings) as state:
        _close(settings, state, over, reason, row)
        return True
    return False


def _close(
    settings: Settings, state: dict[str, Any], over: Collection[str], reason: str, row: Any
) -> None:
    codes = [code for code in state["open"] if code in over]
    for code in codes:
        alarm = state["open"].pop(code)
        unsent = [one for one in state["waiting"] if _is(one, RAISES, code)]
        state["waiting"] = [
            one
            for one in state["waiting"]
            if one not in unsent and not _is(one, ("reminder",), code)
        ]
        if unsent or code == NEAR and len(codes) > 1:
            continue
        text = "%s; the alert was: %s" % (reason, alarm.get("reason"))
        state["waiting"].append(_entry("recovered", code, text, row))
        ledger.note(settings.folder, "recovered", code, text, trigger="watchdog")


def open_codes(settings: Settings) -> set[str]:
    """The codes of the open alerts."""
    return set(_read(settings)["open"])


def _is_open(settings: Settings, codes: Collection[str]) -> bool:
    return bool(open_codes(settings).intersection(codes))


def _is(entry: Any, events: Collection[str], code: str) -> bool:
    same = {code, "limit"} if code == NEAR else {code}
    return entry.get("event") in events and entry.get("code") in same


def remind(settings: Settings, codes: Collection[str]) -> None:
    """Queue a daily reminder of each open alert of ``codes``."""
    now = time.time()
    if not any(_is_due(one, now) for one in _read(settings)["open"].values()):
        return
    # A full disk means no reminder: that it was sent could not be stored.
    with contextlib.suppress(OSError), _state(settings) as state:
        for code, alarm in state["open"].items():
            # The first notification still waits: it needs no reminder.
            if code not in codes or any(_is(one, RAISES, code) for one in state["waiting"]):
                continue
            if _is_due(alarm, now):
                since = alarm.get("since", alarm["notified"])
                text = "since %s: %s" % (display.utc(since), alarm.get("reason"))
                state["waiting"].append(_entry("reminder", code, text, None))
                alarm["notified"] = round(now, 3)


def _is_due(alarm: dict[str, Any], now: float) -> bool:
    """Whether the last notification is a day old; also if the clock was changed."""
    notified = alarm.get("notified")
    return isinstance(notified, (int, float)) and not 0 <= now - notified < DAILY


def waiting(settings: Settings) -> list[float]:
    """The creation times of the messages that still wait, in epoch seconds."""
    times = [one.get("time") for one in _read(settings)["waiting"]]
    return [one for one in times if isinstance(one, (int, float))]


def deliver(settings: Settings, deadline: float) -> str | None:
    """Send the waiting messages; a line for the journal if the notify command fails.

    Messages left at ``deadline`` (monotonic clock) wait for the next check.
    """
    for entry in _read(settings)["waiting"]:
        if time.monotonic() >= deadline:
            return None
        problem = notify.send(settings, entry)
        if problem is not None:
            return "the notify command %s; the next check tries again" % problem
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
    """Whether this is a valid message: a damaged file must not stop the check."""
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
        if name not in ("since", "notified") or ledger.is_time(value)
    }


@contextlib.contextmanager
def _state(settings: Settings) -> Iterator[dict[str, Any]]:
    """The stored state, locked for a change: a check and a restart may run at the same time."""
    os.makedirs(settings.folder, mode=0o755, exist_ok=True)
    fd = file_lock.opened(os.path.join(settings.folder, LOCK))
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        state = _read(settings)
        yield state
        state["waiting"] = state["waiting"][-MOST_WAITING:]
        text = json.dumps(state, sort_keys=True) + "\n"
        # Readable by everyone, like the ledger, which has the same texts.
        files.write_atomic(os.path.join(settings.folder, NAME), text)
    finally:
        os.close(fd)
