# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading JSON that may be hostile.

The standard library takes NaN for a number, and before Python 3.10.7 it takes time that grows with
the square of the digits of a whole number: a megabyte of them keeps a check busy for seconds.
"""

from __future__ import annotations

import json
import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

# Digits of a whole number, with its sign: as many as 64 bits have.
MAX_DIGITS = 20
# Digits of any other number, which Python writes with 24 characters at most.
_MAX_LETTERS = 64
# Lists in lists: far more than Hermes's own files have.
MAX_DEPTH = 40


def loads(text: str) -> Any:
    """The value that ``text`` is; ValueError if it is no JSON or beyond the limits of this module.

    Limit the length of ``text`` first.
    """
    try:
        value = _DECODER.decode(text)
    except RecursionError as exc:
        # A thousand opening brackets.
        raise ValueError("lists or objects are nested too deeply") from exc
    # Fewer brackets cannot be nested deeper.
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
