# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Did a change help, such as an upgrade or another provider? Compares before and after.

Each side is judged by itself, run by run: restarts on a calendar or by the watchdog are no part of
either trend.
"""

from __future__ import annotations

import calendar
import math
import re
import time
from typing import Any, NamedTuple

from .._host.display import HOUR
from . import explain, judgement, stats, verdict_rules
from .judgement import Judgement
from .series import Series

# A shorter time has seen one kind of week only: a quiet weekend looks like a fix.
ENOUGH_HOURS = 168.0
# Of that time, gateways must have been sampled in so many hours at least.
SEEN_HOURS = ENOUGH_HOURS / 2
# By so many standard errors must runs gain more after a change than before it.
SURE_ERRORS = 3.0
# One sample may have been taken while the clock was wrong: the median of so many was not.
CLOCKS = 5
VERSION = "version"
_FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
ALLOWED = (
    '"version" for the last change of the version in the history, or a time of UTC such as '
    '"2026-08-05" or "2026-08-05 14:00", or epoch seconds'
)


def moment(text: object) -> float | None:
    """The epoch seconds that ``text`` means, or None for "version".

    ValueError says what is allowed.
    """
    text = str(text).strip()
    if text == VERSION:
        return None
    if re.match(r"^[0-9]{1,11}(\.[0-9]+)?$", text):
        return float(text)
    for form in _FORMS:
        try:
            return float(calendar.timegm(time.strptime(text.replace("T", " ").rstrip("Z"), form)))
        except ValueError:
            continue
    raise ValueError("%r is no time; allowed: %s" % (text, ALLOWED))


class Change(NamedTuple):
    """Samples from ``begin`` on are compared with those from ``place`` on, the first of which came
    after the change; ``place`` is None if there are none."""

    begin: int
    place: int | None
    version_before: str | None
    version_after: str | None


def compare(series: Series, since: float | None = None) -> dict[str, Any]:
    """What a change at ``since`` did to a leak, ready for JSON.

    ``since`` is in epoch seconds; None means the last change of the version. ``result`` is fixed,
    improved, still_leaking, new_leak, no_leak, not_enough_yet, no_baseline or no_change;
    ``hours_still`` is how long it takes until there is enough, if that is what is missing.
    """
    change = _change_of_version(series) if since is None else _change_at(series, since)
    answer: dict[str, Any] = {
        "result": "no_change",
        "since": None,
        "before": None,
        "after": None,
        "hours_still": None,
        "version_before": change.version_before,
        "version_after": change.version_after,
    }
    place = change.place
    if place is None:
        answer["why"] = "There are no samples after that time."
        if since is None:
            answer["why"] = (
                "The history shows no change of the version. Give the time of the change:"
                " hermes_verify_fix_since, or --since of hermes-guard trend."
            )
        return answer
    before = judgement.judge(series.part(change.begin, place))
    after = judgement.judge(series.part(place, len(series)))
    answer.update(since=int(series.clock[place]), before=_side(before), after=_side(after))
    left = _hours_left(series, place, after)
    answer["result"], answer["hours_still"] = _result(before, after, left)
    answer["why"] = _why(answer)
    return answer


def _change_of_version(series: Series) -> Change:
    """The last change of the version.

    What an earlier version than the one before it did says nothing of this change.
    """
    begin, place = 0, None
    known, before, after = None, None, None
    for index, identity in series.identities:
        version = identity.version
        if version and known and version != known:
            begin, place, before, after = place or 0, index, known, version
        known = version or known
    return Change(begin, place, before, after)


def _change_at(series: Series, since: float) -> Change:
    """A change at a time that the operator knows."""
    place = next((index for index in range(len(series)) if series.clock[index] >= since), None)
    versions = [
        (start, identity.version) for start, identity in series.identities if identity.version
    ]
    before = [version for start, version in versions if start <= (place or 0) - 1]
    return Change(0, place, before[-1] if before else None, versions[-1][1] if versions else None)


def _hours_left(series: Series, place: int, after: Judgement) -> float:
    """How long it takes until enough was seen after the change at sample ``place``."""
    start = stats.median(series.clock[place : place + CLOCKS])
    end = stats.median(series.clock[-CLOCKS:])
    left = max(ENOUGH_HOURS - (end - start) / HOUR, 0.0)
    if not left and after.evidence.hours < SEEN_HOURS:
        # Time went by, but few samples were taken in it, or no process lived for long.
        left = SEEN_HOURS - after.evidence.hours
    return left


def _side(judged: Judgement) -> dict[str, Any]:
    """The figures of one side."""
    rate = judged.rate
    return {
        "verdict": judged.verdict,
        "hours": round(judged.evidence.hours, 1),
        "segments": len(judged.evidence.runs),
        "slope_mb_per_hour": round(rate.slope, 3) if rate else None,
        "slope_ci": [round(rate.low, 3), round(rate.high, 3)] if rate else None,
    }


def _result(before: Judgement, after: Judgement, left: float) -> tuple[str, float | None]:
    """The result, and how many hours are missing, if that is the result."""
    if left > 0 or after.rate is None:
        return "not_enough_yet", round(max(left, 1.0), 1)
    if before.rate is None:
        return ("still_leaking" if after.grows else "no_baseline"), None
    if after.grows:
        if not before.grows:
            return _result_of_new_growth(before, after)
        # Not by chance, if the intervals have nothing in common.
        return ("improved" if after.rate.high < before.rate.low else "still_leaking"), None
    if not before.grows:
        return "no_leak", None
    highest = after.rate.high
    if after.verdict == "saturating" and after.evidence.late is not None:
        # What a cache takes while it fills is no leak.
        highest = after.evidence.late.high
    if highest < before.rate.low:
        return "fixed", None
    # No growth was found, but what was there before would still be within the noise.
    return "not_enough_yet", ENOUGH_HOURS


def _result_of_new_growth(before: Judgement, after: Judgement) -> tuple[str, float | None]:
    """The result if it grows after the change, and was not said to grow before it."""
    if after.verdict == "leak" and not after.evidence.restarted:
        return "new_leak", None
    # Under restarts the same cache is called growth in one week and none in the next: what counts
    # is whether runs gain more than they did.
    gains = before.evidence.balance, after.evidence.balance
    if gains[0] is None or gains[1] is None:
        return "not_enough_yet", ENOUGH_HOURS
    error = math.hypot(gains[0].error, gains[1].error)
    more = gains[1].rate - gains[0].rate
    if more > verdict_rules.LEAST_SLOPE + SURE_ERRORS * error:
        return "new_leak", None
    if after.verdict == "leak" or math.isinf(error):
        return "not_enough_yet", ENOUGH_HOURS
    return "no_leak", None


def _why(answer: dict[str, Any]) -> str:
    before, after = (_rate(answer[side]) for side in ("before", "after"))
    name = ""
    if answer["version_after"] != answer["version_before"]:
        name = " from %s to %s" % (answer["version_before"], answer["version_after"])
    still = "" if answer["hours_still"] is None else explain.hours_span(answer["hours_still"])
    return {
        "fixed": "Fixed%s: it grew by %s before, and does not grow any more (%s)."
        % (name, before, after),
        "improved": "Improved%s, from %s to %s, but it still leaks." % (name, before, after),
        "still_leaking": "Still leaking%s: %s before, %s after." % (name, before, after),
        "new_leak": "It leaks since the change%s: %s before, %s after." % (name, before, after),
        "no_leak": "There was no leak before the change%s (%s), and there is none after it (%s)."
        % (name, before, after),
        "no_baseline": "There is no leak now (%s), but too little was seen before the change%s "
        "to say that there was one." % (after, name),
        "not_enough_yet": "Not enough yet%s: %s before, %s so far; look again in %s, "
        "when there are %s and more to judge by."
        % (name, before, after, still, explain.hours_span(ENOUGH_HOURS)),
    }[answer["result"]]


def _rate(side: dict[str, Any]) -> str:
    if side["slope_mb_per_hour"] is None:
        return "too little to judge"
    return explain.rate(side["slope_mb_per_hour"], side["slope_ci"])
