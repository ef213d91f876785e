# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a history from any CSV file with the columns timestamp, invocation_id and rss_bytes.

What is read may be torn, ten million lines long, or written while the clock was wrong: each costs a
sentence in the notes of the Series and as little else as possible.
"""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

from .._host.errors import HistoryError
from . import plausible, table
from .series import MAX_SAMPLES, NUMBERS, Identity, Series
from .table import IDENTITY

NEEDED = ("timestamp", "invocation_id", "rss_bytes")
# Columns that the guard writes and a verdict does not need.
_PASSED_OVER = ("invocation_id", "pid", "active_agents")
# How much is read at once, and at most kept of a line that never ends.
_BLOCK = 1 << 15
# A file is put in order in memory, if it is not larger.
_MOST_TO_REVERSE = 32 << 20
# A line with none of these is plain.
_MARKS = (b'"', b"\0", b"\r")


class Block(NamedTuple):
    """Some lines of a file; ``plain`` says that they have no quote, NUL and CR."""

    lines: list[bytes]
    plain: bool


def of_rows(rows: Iterable[Mapping[str, Any]]) -> Series:
    """The Series of ``rows``, each a mapping by column."""
    series = Series()
    for row in rows:
        series.add(
            row.get("invocation_id") or row.get("pid") or "",
            [table.number(row.get(name)) for name in NUMBERS],
            Identity(*[row.get(name) or None for name in IDENTITY]),
        )
    return series.finish()


def of_file(path: str) -> Series:
    """The Series of the CSV file ``path``.

    HistoryError if it cannot be read, lacks a column that is needed, or is in other units.
    """
    try:
        with open(path, "rb") as handle:
            series = _of_lines(handle, path, os.fstat(handle.fileno()).st_size)
            if plausible.newest_first(series):
                series = _reversed(handle, path)
    except OSError as exc:
        raise HistoryError("%s cannot be read: %s" % (path, exc.strerror)) from exc
    fault = plausible.fault(series)
    if fault:
        raise HistoryError("%s: %s" % (path, fault))
    return series


def _reversed(handle: BinaryIO, path: str) -> Series:
    """The Series of a file whose newest sample comes first."""
    if os.fstat(handle.fileno()).st_size > _MOST_TO_REVERSE:
        raise HistoryError("%s: the newest sample comes first; sort it by timestamp" % path)
    handle.seek(0)
    header, *lines = handle.read().rstrip(b"\n").split(b"\n")
    data = b"\n".join([header, *reversed(lines), b""])
    series = _of_lines(io.BytesIO(data), path, len(data))
    series.notes.append("the newest sample comes first; they were put in order")
    return series


def _header(line: bytes, path: str) -> list[str]:
    """The names of the columns; HistoryError if one that is needed is missing."""
    names = [
        name.strip().strip('"').lower() for name in table.text(line).lstrip("\ufeff").split(",")
    ]
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise HistoryError(
            "%s has no column %s; needed are %s in the first line, and it has: %s"
            % (
                path,
                " and no column ".join(missing),
                ", ".join(NEEDED),
                ", ".join(names)[:200] or "nothing",
            )
        )
    return names


def _of_lines(handle: BinaryIO, path: str, size: int) -> Series:
    """The Series of a file of about ``size`` bytes."""
    series = Series()
    blocks = _blocks(handle, series)
    first = next(blocks, Block([b""], False))
    header = _header(first.lines[0], path)
    series.unknown = [name for name in header if name not in NUMBERS + IDENTITY + _PASSED_OVER]
    columns = table.Table(header)
    # What would be dropped when all is read need not be read.
    while size * len(first.lines) > MAX_SAMPLES * series.step * sum(map(len, first.lines)):
        series.step *= 2
    skip = 0
    for lines, plain in itertools.chain([first._replace(lines=first.lines[1:])], blocks):
        # One line in as many as a sample represents.
        used = lines[skip :: series.step]
        skip = (skip - len(lines)) % series.step
        if used:
            columns.add(series, used, plain)
    return series.finish()


def _blocks(handle: BinaryIO, series: Series) -> Iterator[Block]:
    """The lines of ``handle``, without their ends, in blocks; the last line needs its end.

    A line that never ends is cut, so that it does not fill the memory.
    """
    rest = b""
    while True:
        data = handle.read(_BLOCK)
        if not data:
            break
        data = rest + data
        lines = data.split(b"\n")
        rest = lines.pop()[:_BLOCK]
        if lines:
            yield Block(lines, not any(mark in data for mark in _MARKS))
    # The start of a number looks like a number.
    series.torn = bool(rest)
