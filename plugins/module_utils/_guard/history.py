# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of one gateway's memory: memory.csv, with a header and one line for each sample.

Each write appends one line, and any CSV reader can read the file. A line that a power loss or a
failing disk has damaged is lost, and no other line.
"""

from __future__ import annotations

import _csv as csv  # all that is used here; the module csv takes 0.6 ms more of each check
import io
import os
import time

from .._host import files
from . import file_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

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
# The suffix of a history that cannot be read, which is kept beside the new one.
_ASIDE = ".unreadable"
# Bytes of the longest line: three user-supplied texts of 100 characters (4 bytes each at most), and
# eleven numbers.
_LONGEST = 2048
# The newest samples whose time may be wrong until the clock is set: four hours by default.
_DOUBTED = 50


def append(folder: str, row: dict[str, Any]) -> None:
    """Add ``row`` (by column; None is unknown) to the history in ``folder``, created if missing.

    Another version of the program may have written more columns, or another order. They are kept.
    """
    path = os.path.join(folder, NAME)
    try:
        with file_lock.appending(folder):
            header = _header(path)
            if _is_complete(header):
                # A power loss may cost the newest of thousands of samples.
                files.append_line(path, _line(row, header), sync=False)
                return
    except FileNotFoundError:
        os.makedirs(folder, mode=0o755, exist_ok=True)
    with file_lock.rewriting(folder, file_lock.PATIENCE):
        header = _header(path)
        if header is None:
            files.write_atomic(path, ",".join(COLUMNS) + "\n")
        elif not _is_complete(header):
            _rewrite(path, 0)
        files.append_line(path, _line(row, _header(path)))


def _is_complete(header: list[str] | None) -> bool:
    """Whether a history has all columns of this version, and perhaps others."""
    return header is not None and len(set(header)) == len(header) and set(COLUMNS) <= set(header)


def tail(folder: str, count: int) -> list[dict[str, Any]]:
    """The last ``count`` samples, oldest first: numbers as int, unknown values None.

    It reads only as much of the end of the file as they can take.
    """
    path = os.path.join(folder, NAME)
    header = _header(path)
    if header is None:
        return []
    with open(path, "rb") as handle:
        size = os.fstat(handle.fileno()).st_size
        handle.seek(max(0, size - _LONGEST * (count + 1)))
        # The first is the header, or a line without its beginning.
        lines = handle.read().split(b"\n")[1:]
    found: list[dict[str, Any]] = []
    while lines and len(found) < count:
        row = _row(header, _text(lines.pop()))
        if row:
            found.append(row)
    return found[::-1]


def prune(folder: str, days: float, now: float | None = None) -> None:
    """Drop samples older than ``days`` as soon as the oldest one is a day older than that.

    A clock that jumps a year ahead, as on a machine that boots with the wrong time, must not delete
    the history. So "now" is at most one day after the sample before the newest _DOUBTED.
    """
    path = os.path.join(folder, NAME)
    now = time.time() if now is None else now
    try:
        line, _end, rest = _top(path).partition(b"\n")
        header = _names(line)
        first = _row(header, rest.partition(b"\n")[0].decode("utf-8", "replace"))
    except FileNotFoundError:
        return
    if first is not None and first["timestamp"] >= now - (days + 1) * 86400:
        return
    last = tail(folder, _DOUBTED + 1)
    if last:
        now = min(now, last[0]["timestamp"] + 86400)
    if first is None or first["timestamp"] < now - (days + 1) * 86400:
        with file_lock.rewriting(folder, file_lock.MOMENT) as ours:
            # If another process appends at this moment, the next check prunes.
            if ours:
                _rewrite(path, now - days * 86400)


def _header(path: str) -> list[str] | None:
    """The names of the columns; empty if the header is damaged, None without a history."""
    try:
        return _names(_top(path).partition(b"\n")[0])
    except FileNotFoundError:
        return None


def _top(path: str) -> bytes:
    """The start of a history: more than its header and its first sample."""
    with open(path, "rb", buffering=0) as handle:
        return handle.read(8192)


def _names(line: bytes) -> list[str]:
    names = line.decode("utf-8", "replace").strip().split(",")
    return names if "timestamp" in names else []


def _text(raw: bytes) -> str:
    return raw.replace(b"\0", b"").decode("utf-8", "replace")


def _row(header: Sequence[str], line: str) -> dict[str, Any] | None:
    if not line or "\n" in line[:-1]:
        return None
    try:
        values = next(csv.reader([line]))
        # If the header is damaged, the lines most likely have the columns of this version.
        header = header or COLUMNS
        row: dict[str, Any] = dict.fromkeys(COLUMNS)
        row.update(zip(header, (value or None for value in values)))
        row["timestamp"] = float(row["timestamp"])
        for name in _WHOLE:
            row[name] = None if row[name] is None else int(float(row[name]))
    except (csv.Error, StopIteration, TypeError, ValueError, OverflowError):
        return None
    # No real clock or memory has larger values; NaN fails these comparisons too.
    return (
        row
        if len(values) == len(header)
        and 0 <= row["timestamp"] < 1 << 33
        and (row["rss_bytes"] or 0) < 1 << 50
        else None
    )


def _line(row: dict[str, Any], header: Sequence[str] | None = None) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(
        ["" if row.get(name) is None else row[name] for name in header or COLUMNS]
    )
    return text.getvalue()


def _rewrite(path: str, since: float) -> None:
    """Keep the samples from ``since`` on; drop unreadable lines.

    The columns become those of this version, unless the file has all of them already. A file
    without a readable line is kept beside the new one: a newer version may have written it.
    """
    header = _header(path) or []
    whole = _is_complete(header)
    kept = [",".join(header if whole else COLUMNS)]
    readable = lines = 0
    with open(path, "rb") as handle:
        handle.readline()
        for raw in handle:
            lines += 1
            text = _text(raw).rstrip("\r\n")
            row = _row(header, text)
            readable += row is not None
            if row and row["timestamp"] >= since:
                row["timestamp"] = int(row["timestamp"])
                kept.append(text if whole else _line(row))
    if lines and not readable:
        os.rename(path, path + _ASIDE)
    files.write_atomic(path, "\n".join(kept) + "\n")
