# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of one gateway: every decision that restarted it, refused to, or raised an alarm, a JSON object a line."""
from __future__ import annotations

import json
import os
import time

from . import _files

NAME = "ledger.jsonl"
_KEEP_BYTES = 1 << 20
_LOOK_BACK = 200


def write(folder, event, code, reason, **figures):
    """Add a decision and return it (dict).

    ``event`` is restart, refused, alert or failed; ``code`` a word for programs ("cooldown"), ``reason`` a sentence for
    people. A refusal that only repeats the last entry, and an alarm that repeats any of the same life of the gateway, is not
    written again; what is returned then says "new": False.
    """
    entry = dict({"time": round(time.time(), 3), "event": event, "code": code, "reason": reason}, **figures)
    looked_at = {"refused": 1, "alert": _LOOK_BACK}.get(event)
    for past in read(folder, looked_at) if looked_at else ():
        if all(past.get(key) == entry.get(key) for key in ("event", "code", "invocation_id", "trigger")):
            return dict(entry, new=False)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    path = os.path.join(folder, NAME)
    _files.append_line(path, json.dumps(entry, sort_keys=True))
    if os.path.getsize(path) > _KEEP_BYTES:
        _halve(path)
    return dict(entry, new=True)


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
            entry = json.loads(line.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and isinstance(entry.get("time"), (int, float)):
            entries.append(entry)
    return entries[-count:]


def restarts_since(folder, since):
    """The entries of restarts, also failed ones, at or after epoch second ``since``, oldest first."""
    return [entry for entry in read(folder, _KEEP_BYTES) if entry.get("event") in ("restart", "failed") and entry["time"] >= since]


def _halve(path):
    with open(path, "rb") as handle:
        handle.seek(-(_KEEP_BYTES // 2), os.SEEK_END)
        handle.readline()
        rest = handle.read()
    _files.write_atomic(path, rest)
