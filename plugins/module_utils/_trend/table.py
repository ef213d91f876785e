# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converts lines of a CSV file to samples: many at once if they are plain, else one by one.

A year has 100,000 lines. Parsing them one by one would take most of the time of a verdict.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from .series import NUMBERS, Identity, Series

IDENTITY = Identity._fields
# Larger than any number of bytes or seconds that can occur.
_TOO_MUCH = 1e18


class Table:
    """The columns of a file whose first line holds the names ``header``."""

    def __init__(self, header: Sequence[str]) -> None:
        self._width = len(header)
        # A missing column is read from an empty value that is appended to each line.
        places = {name: header.index(name) if name in header else self._width for name in header}
        self._numbers = [places.get(name, self._width) for name in NUMBERS]
        self._identity = [places.get(name, self._width) for name in IDENTITY]
        self._run = places.get("invocation_id", self._width)
        self._pid = places.get("pid", self._width)
        self._known: dict[tuple[bytes, ...], Identity] = {}

    def add(self, series: Series, lines: Sequence[bytes], plain: bool) -> None:
        """Add the samples on ``lines``; ``plain`` lines have no quote, NUL or CR."""
        if not (plain and self._add_all(series, lines)):
            for line in lines:
                self._add_one(series, line)

    def _add_all(self, series: Series, lines: Sequence[bytes]) -> bool:
        """Add all of ``lines`` by column; False, and nothing added, if a value is not a number."""
        rows = [line.split(b",") for line in lines]
        if set(map(len, rows)) != {self._width}:
            return False
        values: list[Sequence[bytes]] = [*zip(*rows), [b""] * len(rows)]
        try:
            numbers = [_column(values[place]) for place in self._numbers]
        except ValueError:
            return False
        if numbers[0] is None or numbers[1] is None:
            return False
        runs = [run or pid for run, pid in zip(values[self._run], values[self._pid])]
        start = 0
        for key, same in itertools.groupby(zip(runs, *[values[one] for one in self._identity])):
            end = start + len(list(same))
            part = [None if one is None else one[start:end] for one in numbers]
            series.extend(key[0], part, self._identity_of(key[1:]))
            start = end
        return True

    def _add_one(self, series: Series, line: bytes) -> None:
        if b"\0" in line:
            series.nul += 1
            line = line.replace(b"\0", b"")
        if line[-1:] == b"\r":
            line = line[:-1]
        if not line:
            return
        # Numbers are parsed from bytes: decoding each line would take as long as the rest.
        values = _quoted(line) if b'"' in line else line.split(b",")
        if len(values) != self._width:
            series.bad += 1
            return
        values.append(b"")
        series.add(
            values[self._run] or values[self._pid],
            [number(values[place]) for place in self._numbers],
            self._identity_of(tuple([values[place] for place in self._identity])),
        )

    def _identity_of(self, key: tuple[bytes, ...]) -> Identity:
        if key not in self._known:
            self._known[key] = Identity(*[one.decode("utf-8", "replace") or None for one in key])
        return self._known[key]


def text(line: bytes) -> str:
    """``line`` without NUL and CR."""
    return line.replace(b"\0", b"").decode("utf-8", "replace").rstrip("\r")


def number(value: object) -> float | None:
    """``value`` (a number, text or bytes) as a number; None if invalid or beyond _TOO_MUCH."""
    if not value:
        return 0.0 if value == 0 else None
    try:
        found = float(value)  # type: ignore[arg-type] # invalid values are caught
    except (TypeError, ValueError):
        return None
    return found if 0 <= found < _TOO_MUCH else None


def _column(values: Sequence[bytes]) -> list[float] | None:
    """The numbers of a column; None if it is empty. Raises ValueError if one is invalid."""
    if not any(values):
        return None
    numbers = list(map(float, values))
    # Also false if a value is NaN.
    if min(numbers) >= 0 and sum(numbers) < _TOO_MUCH:
        return numbers
    raise ValueError


def _quoted(line: bytes) -> list[bytes]:
    """The values of a line with quotes; empty if it cannot be parsed."""
    # Few files have quotes, and the import takes as long as reading a day of samples.
    import csv

    try:
        return [value.encode("utf-8") for value in next(csv.reader([text(line)]), [])]
    except csv.Error:
        return []
