# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of one gateway's memory: memory.csv, a header line, a line a sample.

Written in appends of one line, read by anything that knows CSV. A line that a power loss cut short, or bytes that a failing
disk put there, cost that line and no other.
"""

from __future__ import annotations

import csv
import io
import os
import time

from .._host import files

NAME = "memory.csv"
COLUMNS = (
    "timestamp",
    "invocation_id",
    "pid",
    "uptime_seconds",
    "rss_bytes",
    "anon_bytes",
    "swap_bytes",
    "tree_rss_bytes",
    "cgroup_bytes",
    "oom_kills",
    "active_agents",
    "provider",
    "model",
    "version",
)
_WHOLE = COLUMNS[2:11]
# Three words of a user, 100 letters of up to 4 bytes each, and eleven numbers.
_LONGEST = 2048


def append(folder, row):
    """Add ``row`` (dict by column; None is unknown) to the history in ``folder``, which is made where it is missing."""
    os.makedirs(folder, mode=0o755, exist_ok=True)
    path = os.path.join(folder, NAME)
    header = _header(path)
    if header is None:
        files.write_atomic(path, ",".join(COLUMNS) + "\n")
    elif header != list(COLUMNS):
        _rewrite(path, 0)
    files.append_line(path, _line(row))


def tail(folder, count):
    """The last ``count`` samples, oldest first: list of dict, numbers as int, unknown values None."""
    path = os.path.join(folder, NAME)
    header = _header(path)
    if header is None:
        return []
    with open(path, "rb") as handle:
        size = os.fstat(handle.fileno()).st_size
        handle.seek(max(0, size - _LONGEST * (count + 1)))
        lines = handle.read().replace(b"\0", b"").decode("utf-8", "replace").split("\n")
    return [row for row in (_row(header, line) for line in lines[1:]) if row][-count:]


def prune(folder, days, now=None):
    """Drop what is older than ``days``, once a day at most: when the oldest sample is a day beyond it.

    The history's own clock counts: a wall clock that jumps a year ahead, as on a machine that boots without the right time, must not
    cost the history, so the newest sample but one may be at most a day behind.
    """
    path = os.path.join(folder, NAME)
    header = _header(path)
    if header is None:
        return
    now = time.time() if now is None else now
    last = tail(folder, 2)
    if last:
        now = min(now, last[0]["timestamp"] + 86400)
    with open(path, "rb") as handle:
        handle.readline(4096)
        first = _row(header, handle.readline(4096).decode("utf-8", "replace"))
    if first is None or first["timestamp"] < now - (days + 1) * 86400:
        _rewrite(path, now - days * 86400)


def _header(path):
    try:
        with open(path, "rb") as handle:
            names = handle.readline(4096).decode("utf-8", "replace").strip().split(",")
    except FileNotFoundError:
        return None
    return names if "timestamp" in names else []


def _row(header, line):
    if not line or "\n" in line[:-1]:
        return None
    try:
        values = next(csv.reader([line]))
        # Where the header itself was destroyed, the lines are most likely ours.
        header = header or COLUMNS
        row = dict.fromkeys(COLUMNS)
        row.update(zip(header, (value or None for value in values)))
        row["timestamp"] = float(row["timestamp"])
        for name in _WHOLE:
            row[name] = None if row[name] is None else int(float(row[name]))
    except (csv.Error, StopIteration, TypeError, ValueError, OverflowError):
        return None
    # No clock and no memory shows what is beyond these; neither does what is no number.
    return (
        row
        if len(values) == len(header)
        and 0 <= row["timestamp"] < 1 << 33
        and (row["rss_bytes"] or 0) < 1 << 50
        else None
    )


def _line(row):
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(
        ["" if row.get(name) is None else row[name] for name in COLUMNS]
    )
    return text.getvalue()


def _rewrite(path, since):
    """Keep the samples from ``since`` on, under today's header; lines that cannot be read are kept nowhere."""
    header = _header(path)
    kept = [",".join(COLUMNS)]
    with open(path, "rb") as handle:
        handle.readline()
        for raw in handle:
            row = _row(header, raw.replace(b"\0", b"").decode("utf-8", "replace").rstrip("\r\n"))
            if row and row["timestamp"] >= since:
                row["timestamp"] = int(row["timestamp"])
                kept.append(_line(row))
    files.write_atomic(path, "\n".join(kept) + "\n")
