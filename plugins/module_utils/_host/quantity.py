# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parses quantities as operators write them: memory ("50%"), time ("12h"), breaches ("3 of 5")."""

from __future__ import annotations

import re

from . import display

_SIZES = {"k": 1 << 10, "": display.MB, "m": display.MB, "g": 1 << 30, "t": 1 << 40}
# The subset of systemd's time units that is accepted here.
_TIMES = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "seconds": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "minutes": 60,
    "h": 3600,
    "hr": 3600,
    "hour": 3600,
    "hours": 3600,
    "d": 86400,
    "day": 86400,
    "days": 86400,
    "": 1,
}
ALLOWED_SIZE = (
    'a share of RAM ("1%" to "100%") or an amount such as "2048M" or "2G" '
    "(K, M, G, T; a bare number means MB)"
)
ALLOWED_TIME = 'a time such as "90s", "5min", "12h", "1h 30min" or "2d"'
# Up to here, a number without a unit is probably a share that lacks its "%".
MOST_SHARE = 100
ALLOWED_BREACHES = '"N of M" with 1 <= N <= M <= 60, such as "3 of 5"'


def size(text: str, total_bytes: int) -> int:
    """The bytes that ``text`` means on a host with ``total_bytes`` of RAM.

    Raises ValueError that names the expected forms.
    """
    found = re.match(
        r"^([0-9]{1,15}(?:\.[0-9]{1,15})?) ?(?:(%)|(?:([KMGT])(?:i?B)?)?)$", str(text).strip(), re.I
    )
    if found:
        value = float(found.group(1))
        if found.group(2):
            if 1 <= value <= 100:
                return int(total_bytes * value / 100)
        else:
            amount = int(value * _SIZES[(found.group(3) or "").lower()])
            if amount > 0:
                return amount
    raise ValueError("invalid size %r: expected %s" % (str(text), ALLOWED_SIZE))


def seconds(text: str) -> int:
    """The seconds that ``text`` means; ValueError names the expected forms."""
    # Lower case only: the text is also written to unit files, and systemd reads 5M as five months.
    text = str(text).strip()
    words = re.findall(r"([0-9]+) ?([a-z]*)", text)
    rest = re.sub(r"([0-9]+) ?([a-z]*)", "", text).strip()
    if words and not rest and len(text) <= 40 and all(unit in _TIMES for _amount, unit in words):
        return sum(int(amount) * _TIMES[unit] for amount, unit in words)
    raise ValueError("invalid time %r: expected %s" % (text, ALLOWED_TIME))


def check_time_unit(text: object) -> None:
    """Raise ValueError for a time such as "5" or "1h 30", which existing files may contain."""
    for amount, unit in re.findall(r"([0-9]+) ?([a-z]*)", str(text).strip()):
        if not unit and int(amount):
            raise ValueError(
                "invalid time %r: %s has no unit: expected %s" % (str(text), amount, ALLOWED_TIME)
            )


def bare_number(text: object) -> float | None:
    """The value of ``text`` if it is a number without a unit, else None."""
    word = str(text).strip()
    return float(word) if re.match(r"^[0-9]{1,15}(\.[0-9]{1,15})?$", word) else None


def check_size_unit(text: object) -> None:
    """Raise ValueError for a size such as "50", which means MB but may be intended as a share."""
    number = bare_number(text)
    if number is not None and 0 < number <= MOST_SHARE:
        word = str(text).strip()
        raise ValueError(
            'invalid size %r: it has no unit: expected "%s%%" of RAM or "%sM"'
            % (str(text), word, word)
        )


def breaches(text: str) -> tuple[int, int]:
    """(3, 5) for "3 of 5": 3 of the last 5 samples; ValueError names the expected form."""
    needed, _of, among = str(text).strip().partition(" of ")
    if all(word.isascii() and word.isdecimal() and len(word) <= 3 for word in (needed, among)):
        if 1 <= int(needed) <= int(among) <= 60:
            return int(needed), int(among)
    raise ValueError("invalid breaches %r: expected %s" % (str(text), ALLOWED_BREACHES))
