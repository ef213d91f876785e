# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Points in time as operators write them: a date, a time of UTC, or a span from now. Pure."""

from __future__ import annotations

import calendar
import re
import time

from . import quantity

_FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
_ALLOWED = 'invalid time %r: expected a time in UTC such as "2026-08-05" or %s'


def ago(text: str, now: float | None = None) -> float:
    """The epoch seconds that ``text`` means; a span such as "12h" is that long before ``now``.

    ValueError says what is allowed.
    """
    return _moment(text, -1, time.time() if now is None else now)


def ahead(text: str, now: float | None = None) -> float:
    """As ago, but a span is that long after ``now``."""
    return _moment(text, 1, time.time() if now is None else now)


def _moment(text: str, sign: int, now: float) -> float:
    text = text.strip()
    for form in _FORMS:
        try:
            return float(calendar.timegm(time.strptime(text.replace("T", " ").rstrip("Z"), form)))
        except (ValueError, OverflowError):
            continue
    try:
        # A bare number would be a number of seconds, or an hour of the day: nobody knows.
        if not re.match(r"^[0-9]+$", text):
            return now + sign * quantity.seconds(text)
    except (ValueError, OverflowError):
        pass
    more = '"2026-08-05T14:00", or a span %s such as "12h" or "7d"' % (
        "from now" if sign > 0 else "before now"
    )
    raise ValueError(_ALLOWED % (text, more))
