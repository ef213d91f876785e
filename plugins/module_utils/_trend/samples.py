# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a history from any CSV file with the columns timestamp, invocation_id and rss_bytes.

The file may be incomplete, have ten million lines, or be written while the clock was wrong. Each
problem is reported in the notes of the Series, and the rest is used.
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
# Columns of the guard that a verdict does not use.
_PASSED_OVER = ("invocation_id", "pid", "active_agents")
# Bytes that are read at once, and the most that is kept of an endless line.
_BLOCK = 1 << 15
# A file up to this size is put in order in memory.
_MOST_TO_REVERSE = 32 << 20
# A line without any of these is plain.
_MARKS = (b'"', b"\0", b"\r")


class Block(NamedTuple):
    """Some lines of a file; ``plain`` if none has a quote, NUL or CR."""

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

    Raises HistoryError if it cannot be read, lacks a required column, or uses other units.
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
    """The Series of a file that starts with the newest sample."""
    if os.fstat(handle.fileno()).st_size > _MOST_TO_REVERSE:
        raise HistoryError("%s: the newest sample comes first: sort the file by timestamp" % path)
    handle.seek(0)
    header, *lines = handle.read().rstrip(b"\n").split(b"\n")
    data = b"\n".join([header, *reversed(lines), b""])
    series = _of_lines(io.BytesIO(data), path, len(data))
    series.notes.append("the file starts with the newest sample; the order was reversed")
    return series


def _header(line: bytes, path: str) -> list[str]:
    """The names of the columns. Raises HistoryError if a required one is missing."""
    names = [
        name.strip().strip('"').lower() for name in table.text(line).lstrip("\ufeff").split(",")
    ]
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise HistoryError(
            "%s: missing column %s: expected %s in the first line, found: %s"
            % (path, ", ".join(missing), ", ".join(NEEDED), ", ".join(names)[:200] or "nothing")
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
    # Skip the samples that would be dropped later anyway.
    while size * len(first.lines) > MAX_SAMPLES * series.step * sum(map(len, first.lines)):
        series.step *= 2
    skip = 0
    for lines, plain in itertools.chain([first._replace(lines=first.lines[1:])], blocks):
        # Every sample represents this many lines.
        used = lines[skip :: series.step]
        skip = (skip - len(lines)) % series.step
        if used:
            columns.add(series, used, plain)
    return series.finish()


def _blocks(handle: BinaryIO, series: Series) -> Iterator[Block]:
    """The lines of ``handle`` in blocks, without line ends; an unterminated last line is dropped.

    An endless line is cut, so that it does not fill the memory.
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
    # A cut number would still look like a number.
    series.torn = bool(rest)
