# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a history from any CSV file with the columns timestamp, invocation_id and rss_bytes.

What is read may be torn, ten million lines long, or written while the clock was wrong: each costs a
sentence in the notes of the Series and as little else as possible.
"""

from __future__ import annotations

import csv
import io
import operator
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from .._host.errors import HistoryError
from . import plausible
from .series import NUMBERS, Identity, Series

NEEDED = ("timestamp", "invocation_id", "rss_bytes")
IDENTITY = Identity._fields
# Columns that the guard writes and a verdict does not need.
_PASSED_OVER = ("invocation_id", "pid", "active_agents")
# How much is read at once, and at most kept of a line that never ends.
_BLOCK = 1 << 16
# A file is put in order in memory, if it is not larger.
_MOST_TO_REVERSE = 32 << 20
# No byte or second that is measured here is as many.
_TOO_MUCH = 1e18


def of_rows(rows: Iterable[Mapping[str, Any]]) -> Series:
    """The Series of ``rows``, each a mapping by column."""
    series = Series()
    for row in rows:
        series.add(
            row.get("invocation_id") or row.get("pid") or "",
            [_number(row.get(name)) for name in NUMBERS],
            Identity(*[row.get(name) or None for name in IDENTITY]),
        )
    return series.finish()


def of_file(path: str) -> Series:
    """The Series of the CSV file ``path``.

    HistoryError if it cannot be read, lacks a column that is needed, or is in other units.
    """
    try:
        with open(path, "rb") as handle:
            series = _of_lines(handle, path)
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
    series = _of_lines(io.BytesIO(b"\n".join([header, *reversed(lines), b""])), path)
    series.notes.append("the newest sample comes first; they were put in order")
    return series


def _header(line: bytes, path: str) -> list[str]:
    """The names of the columns; HistoryError if one that is needed is missing."""
    names = [name.strip().strip('"').lower() for name in _text(line).lstrip("\ufeff").split(",")]
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


def _of_lines(handle: BinaryIO, path: str) -> Series:
    series = Series()
    lines = _lines(handle, series)
    header = _header(next(lines, b""), path)
    series.unknown = [name for name in header if name not in NUMBERS + IDENTITY + _PASSED_OVER]
    width = len(header)
    # A column that is missing is read from the empty value that is appended to each line.
    places = [header.index(name) if name in header else width for name in NUMBERS]
    present = [column for column, place in enumerate(places) if place < width]
    numbers_of = operator.itemgetter(*[places[column] for column in present])
    identity_of = operator.itemgetter(
        *[header.index(name) if name in header else width for name in IDENTITY]
    )
    run, pid = header.index("invocation_id"), header.index("pid") if "pid" in header else width
    identities: dict[tuple[bytes, ...], Identity] = {}
    for line in _used(lines, series):
        # Numbers are made of bytes as they are: to decode each line would take as long as the rest.
        values = _quoted(line) if b'"' in line else line.split(b",")
        if len(values) != width:
            series.bad += 1
            continue
        values.append(b"")
        key = identity_of(values)
        if key not in identities:
            identities[key] = Identity(*[one.decode("utf-8", "replace") or None for one in key])
        numbers = _numbers(numbers_of(values))
        if len(present) < len(NUMBERS):
            found, numbers = numbers, [None] * len(NUMBERS)
            for column, number in zip(present, found):
                numbers[column] = number
        series.add(values[run] or values[pid], numbers, identities[key])
    return series.finish()


def _lines(handle: BinaryIO, series: Series) -> Iterator[bytes]:
    """The lines of ``handle``, without their ends; the last one needs its end.

    A line that never ends is cut, so that it does not fill the memory.
    """
    rest = b""
    while True:
        block = handle.read(_BLOCK)
        if not block:
            break
        lines = (rest + block).split(b"\n")
        rest = lines.pop()[:_BLOCK]
        yield from lines
    # The start of a number looks like a number.
    series.torn = bool(rest)


def _used(lines: Iterator[bytes], series: Series) -> Iterator[bytes]:
    """One of ``lines`` in as many as a sample of ``series`` represents, without NUL and CR."""
    skipped = 0
    for line in lines:
        skipped += 1
        if skipped < series.step:
            continue
        skipped = 0
        if b"\0" in line:
            series.nul += 1
            line = line.replace(b"\0", b"")
        if line[-1:] == b"\r":
            line = line[:-1]
        if line:
            yield line


def _text(line: bytes) -> str:
    return line.replace(b"\0", b"").decode("utf-8", "replace").rstrip("\r")


def _quoted(line: bytes) -> list[bytes]:
    """The values of a line with quotes; none if it cannot be read."""
    try:
        return [value.encode("utf-8") for value in next(csv.reader([_text(line)]), [])]
    except csv.Error:
        return []


def _numbers(values: tuple[bytes, ...]) -> list[float | None]:
    """Each of ``values`` as by _number; all at once if that works, which is six times as fast."""
    try:
        numbers = list(map(float, values))
    except ValueError:
        return [_number(value) for value in values]
    # Also false if one is NaN.
    if min(numbers) >= 0 and sum(numbers) < _TOO_MUCH:
        return [*numbers]
    return [_number(value) for value in values]


def _number(value: object) -> float | None:
    """``value`` (a number, its text or bytes); None if it is none, or beyond _TOO_MUCH."""
    if not value:
        return 0.0 if value == 0 else None
    try:
        number = float(value)  # type: ignore[arg-type] # what is no number is caught
    except (TypeError, ValueError):
        return None
    return number if 0 <= number < _TOO_MUCH else None
