# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parses points in time as operators write them: a date, a time in UTC, or a span. Pure."""

from __future__ import annotations

import calendar
import re
import time

from . import quantity

_FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
_ALLOWED = 'invalid time %r: expected a time in UTC such as "2026-08-05" or %s'


def ago(text: str, now: float | None = None) -> float:
    """The epoch seconds of ``text``; a span such as "12h" means that long before ``now``.

    Raises ValueError that names the expected forms.
    """
    return _moment(text, -1, time.time() if now is None else now)


def ahead(text: str, now: float | None = None) -> float:
    """Like ago, but a span means that long after ``now``."""
    return _moment(text, 1, time.time() if now is None else now)


def _moment(text: str, sign: int, now: float) -> float:
    text = text.strip()
    for form in _FORMS:
        try:
            return float(calendar.timegm(time.strptime(text.replace("T", " ").rstrip("Z"), form)))
        except (ValueError, OverflowError):
            continue
    try:
        # A bare number is ambiguous: seconds, or an hour of the day.
        if not re.match(r"^[0-9]+$", text):
            return now + sign * quantity.seconds(text)
    except (ValueError, OverflowError):
        pass
    more = '"2026-08-05T14:00", or a span %s such as "12h" or "7d"' % (
        "from now" if sign > 0 else "before now"
    )
    raise ValueError(_ALLOWED % (text, more))
