# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parses JSON that may be hostile.

The standard library accepts NaN as a number. Before Python 3.10.7, its run time grows with the
square of the digits of an integer: a megabyte of digits blocks a check for seconds.
"""

from __future__ import annotations

import json
import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

# Digits of an integer with its sign: enough for 64 bits.
MAX_DIGITS = 20
# Characters of any other number; Python writes at most 24.
_MAX_LETTERS = 64
# Nesting depth, far above that of Hermes's own files.
MAX_DEPTH = 40


def loads(text: str) -> Any:
    """The value of JSON ``text``; ValueError if it is invalid or exceeds this module's limits.

    The caller limits the length of ``text``.
    """
    try:
        value = _DECODER.decode(text)
    except RecursionError as exc:
        # For example a thousand opening brackets.
        raise ValueError("lists or objects are nested too deeply") from exc
    # Fewer brackets cannot exceed the depth.
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value)
    return value


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("a number has more than %d digits" % MAX_DIGITS)
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits) if len(digits) <= _MAX_LETTERS else math.inf
    if not math.isfinite(value):
        raise ValueError("a number is too large or has too many digits")
    return value


def _constant(name: str) -> float:
    raise ValueError("%s is not a number" % name)


_DECODER = json.JSONDecoder(parse_int=_whole, parse_float=_number, parse_constant=_constant)


def _check_depth(value: object) -> None:
    """Raise ValueError if ``value`` has lists or objects nested deeper than MAX_DEPTH."""
    level = [value]
    for _depth in range(MAX_DEPTH + 1):
        level = [one for one in level if isinstance(one, (dict, list))]
        if not level:
            return
        level = [one for outer in level for one in _members(outer)]
    raise ValueError("lists or objects are nested too deeply")


def _members(outer: object) -> Collection[object]:
    if isinstance(outer, dict):
        return outer.values()
    return outer if isinstance(outer, list) else ()
