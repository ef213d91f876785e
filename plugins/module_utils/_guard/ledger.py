# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of one gateway: every decision that restarted it, refused to, or raised an alarm, a JSON object a line."""

from __future__ import annotations

import json
import os
import time

from .._host import files

NAME = "ledger.jsonl"
_KEEP_BYTES = 1 << 20
_LOOK_BACK = 200


def entry(event, code, reason, **figures):
    """A decision of this moment (dict).

    ``event`` is begun, restart, refused, alert or failed; ``code`` a word for programs ("cooldown"), ``reason`` a sentence for
    people.
    """
    return dict(
        {"time": round(time.time(), 3), "event": event, "code": code, "reason": reason}, **figures
    )


def write(folder, event, code, reason, **figures):
    """Add a decision (see entry) and return it (dict).

    A refusal that only repeats the last entry, and an alarm that repeats any of the same life of the gateway, is not
    written again; what is returned then says "new": False.
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
    files.append_line(path, json.dumps(made, sort_keys=True))
    if os.path.getsize(path) > _KEEP_BYTES:
        _halve(path)
    return dict(made, new=True)


def read(folder, count):
    """The last ``count`` entries, oldest first; lines that are no JSON objects are passed over."""
    try:
        with open(os.path.join(folder, NAME), "rb") as handle:
            handle.seek(max(0, os.fstat(handle.fileno()).st_size - 8192 * count))
            lines = handle.read().split(b"\n")
    except FileNotFoundError:
        return []
    entries = []
    for line in lines:
        try:
            one = json.loads(line.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            continue
        # A time that is none, as NaN and 1e300 are, would end in the face of whoever reads it.
        if (
            isinstance(one, dict)
            and isinstance(one.get("time"), (int, float))
            and 0 <= one["time"] < 1e11
        ):
            entries.append(one)
    return entries[-count:]


def restarts_since(folder, since):
    """The entries of restarts, also failed ones and those whose arbiter was killed, at or after epoch second ``since``, oldest first."""
    found = [
        one
        for one in read(folder, _KEEP_BYTES)
        if one.get("event") in ("begun", "restart", "failed") and one["time"] >= since
    ]
    ended = {one.get("invocation_id") for one in found if one["event"] != "begun"}
    return [
        one for one in found if one["event"] != "begun" or one.get("invocation_id") not in ended
    ]


def _halve(path):
    with open(path, "rb") as handle:
        handle.seek(-(_KEEP_BYTES // 2), os.SEEK_END)
        handle.readline()
        rest = handle.read()
    files.write_atomic(path, rest)
