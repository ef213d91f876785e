# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of one gateway: one JSON object in a line for each restart, refusal and alert."""

from __future__ import annotations

import json
import os
import time

from .._host import files
from . import file_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAME = "ledger.jsonl"
# The event of a run that the guard did not end; its codes are in ended.py.
ENDED = "ended"
_KEEP_BYTES = 1 << 20
# Entries to search for an alert that was raised before.
_LOOK_BACK = 200


def entry(event: str, code: str, reason: str, **figures: object) -> dict[str, Any]:
    """An entry with the current time.

    ``event`` is begun, restart, refused, failed, alert, leak, limit-soon, ended or recovered
    (resolved in older ledgers). ``code`` is for programs ("cooldown"), ``reason`` a sentence for
    people.
    """
    made = {"time": round(time.time(), 3), "event": event, "code": code, "reason": reason}
    return dict(made, **figures)


def write(folder: str, event: str, code: str, reason: str, **figures: object) -> dict[str, Any]:
    """Add an entry (see entry()) and return it.

    A refusal that repeats the last entry, and an alert that repeats one of the same run, are not
    written again. The returned entry then has "new": False.
    """
    made = entry(event, code, reason, **figures)
    looked_at = {"refused": 1, "alert": _LOOK_BACK}.get(event)
    for past in read(folder, looked_at) if looked_at else ():
        if all(
            past.get(key) == made.get(key) for key in ("event", "code", "invocation_id", "trigger")
        ):
            return dict(made, new=False)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    path = os.path.join(folder, NAME)
    with file_lock.appending(folder):
        files.append_line(path, json.dumps(made, sort_keys=True))
    if os.path.getsize(path) > _KEEP_BYTES:
        with file_lock.rewriting(folder, file_lock.MOMENT) as ours:
            # If another process appends at this moment, the next one halves the file.
            if ours and os.path.getsize(path) > _KEEP_BYTES:
                _halve(path)
    return dict(made, new=True)


def note(folder: str, event: str, code: str, reason: str, **figures: object) -> dict[str, Any]:
    """As write(), but on a full disk the returned entry has "unwritten" instead of an error."""
    try:
        return write(folder, event, code, reason, **figures)
    except OSError as exc:
        return dict(entry(event, code, reason, **figures), unwritten=str(exc))


def read(folder: str, count: int) -> list[dict[str, Any]]:
    """The last ``count`` entries, oldest first; lines that are not JSON objects are skipped."""
    try:
        with open(os.path.join(folder, NAME), "rb") as handle:
            handle.seek(max(0, os.fstat(handle.fileno()).st_size - 8192 * count))
            lines = handle.read().split(b"\n")
    except FileNotFoundError:
        return []
    entries = [one for one in map(entry_of, lines) if one is not None]
    return entries[-count:]


def entry_of(line: bytes) -> dict[str, Any] | None:
    """The entry in a line of the file; None if the line is not valid."""
    try:
        one = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    # A time such as NaN or 1e300 would make every reader fail.
    return one if isinstance(one, dict) and is_time(one.get("time")) else None


def is_time(value: object) -> bool:
    """Whether ``value`` is a valid time that can be displayed."""
    return isinstance(value, (int, float)) and 0 <= value < 1e11


def restarts_since(folder: str, since: float) -> list[dict[str, Any]]:
    """The entries of restarts at or after epoch second ``since``, oldest first.

    These include failed restarts, and restarts whose arbiter was killed.
    """
    found = [
        one
        for one in read(folder, _KEEP_BYTES)
        if one.get("event") in ("begun", "restart", "failed") and one["time"] >= since
    ]
    ended = {one.get("invocation_id") for one in found if one["event"] != "begun"}
    return [
        one for one in found if one["event"] != "begun" or one.get("invocation_id") not in ended
    ]


def _halve(path: str) -> None:
    with open(path, "rb") as handle:
        handle.seek(-(_KEEP_BYTES // 2), os.SEEK_END)
        handle.readline()
        rest = handle.read()
    files.write_atomic(path, rest)
