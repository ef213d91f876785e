# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares memory before and after a change, such as an upgrade or a switch of the provider.

Each side is analysed separately, run by run, so restarts by the timer or the watchdog do not affect
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

# Less than a week may cover only a quiet weekend, which looks like a fix.
ENOUGH_HOURS = 168.0
# Minimum hours with samples within that time.
SEEN_HOURS = ENOUGH_HOURS / 2
# The gain of runs after a change must exceed the gain before it by this many standard errors.
SURE_ERRORS = 3.0
# A single sample may have a wrong clock; the median of this many does not.
CLOCKS = 5
VERSION = "version"
_FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
ALLOWED = (
    '"version" for the last change of the version in the history, or a time of UTC such as '
    '"2026-08-05" or "2026-08-05 14:00", or epoch seconds'
)


def moment(text: object) -> float | None:
    """The epoch seconds that ``text`` means, or None for "version".

    Raises ValueError, which says what is expected.
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
    raise ValueError("invalid time %r: expected %s" % (text, ALLOWED))


class Change(NamedTuple):
    """Samples ``begin`` to ``place`` are compared with those from ``place`` on.

    ``place`` is the first sample after the change, None if there is none.
    """

    begin: int
    place: int | None
    version_before: str | None
    version_after: str | None


def compare(
    series: Series, since: float | None = None, limit_bytes: float | None = None
) -> dict[str, Any]:
    """The effect of a change at ``since`` on a leak, ready for JSON.

    ``since`` is in epoch seconds; None means the last change of the version. ``limit_bytes``
    identifies runs that end at the limit. ``result`` is fixed, improved, still_leaking, new_leak,
    no_leak, not_enough_yet, no_baseline or no_change. ``hours_still`` is the time until there are
    enough samples, if these are missing.
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
        answer["why"] = "The history has no samples after that time."
        if since is None:
            answer["why"] = (
                "The version does not change in the history. Set the time of the change with"
                " hermes_verify_fix_since, or with --since of hermes-guard trend."
            )
        return answer
    before = judgement.judge(series.part(change.begin, place), limit_bytes)
    after = judgement.judge(series.part(place, len(series)), limit_bytes)
    answer.update(since=int(series.clock[place]), before=_side(before), after=_side(after))
    left = _hours_left(series, place, after)
    answer["result"], answer["hours_still"] = _result(before, after, left)
    answer["why"] = _why(answer)
    return answer


def _change_of_version(series: Series) -> Change:
    """The last change of the version.

    Only the version right before the change is compared; earlier versions are left out.
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
    """A change at a time given by the operator."""
    place = next((index for index in range(len(series)) if series.clock[index] >= since), None)
    versions = [
        (start, identity.version) for start, identity in series.identities if identity.version
    ]
    before = [version for start, version in versions if start <= (place or 0) - 1]
    return Change(0, place, before[-1] if before else None, versions[-1][1] if versions else None)


def _hours_left(series: Series, place: int, after: Judgement) -> float:
    """Hours until there are enough samples after the change at sample ``place``."""
    start = stats.median(series.clock[place : place + CLOCKS])
    end = stats.median(series.clock[-CLOCKS:])
    left = max(ENOUGH_HOURS - (end - start) / HOUR, 0.0)
    if not left and after.deaths is None and after.evidence.hours < SEEN_HOURS:
        # Enough time has passed, but with few samples, or only with short runs. Runs that end at
        # the limit may all be short.
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
    """The result, and the hours that are missing if there is not enough yet."""
    if left > 0 or after.rate is None:
        return "not_enough_yet", round(max(left, 1.0), 1)
    if before.rate is None:
        return ("still_leaking" if after.grows else "no_baseline"), None
    if after.grows:
        if not before.grows:
            return _result_of_new_growth(before, after)
        # If the intervals do not overlap, the difference is not due to chance.
        return ("improved" if after.rate.high < before.rate.low else "still_leaking"), None
    if not before.grows:
        return "no_leak", None
    highest = after.rate.high
    if after.verdict == "saturating" and after.evidence.late is not None:
        # The growth of a filling cache is not a leak.
        highest = after.evidence.late.high
    if highest < before.rate.low:
        return "fixed", None
    # No growth was found, but the earlier growth would still be within the noise.
    return "not_enough_yet", ENOUGH_HOURS


def _result_of_new_growth(before: Judgement, after: Judgement) -> tuple[str, float | None]:
    """The result if memory grows after the change but did not grow before it."""
    if after.verdict == "leak" and (after.deaths is not None or not after.evidence.restarted):
        return "new_leak", None
    # With regular restarts, the same cache can look like growth in one week and not in the next:
    # what counts is whether runs gain more than before.
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
        "fixed": "Fixed%s: memory grew by %s before and no longer grows (%s)."
        % (name, before, after),
        "improved": "Improved%s, from %s to %s, but it still leaks." % (name, before, after),
        "still_leaking": "Still leaking%s: %s before, %s after." % (name, before, after),
        "new_leak": "New leak since the change%s: %s before, %s after." % (name, before, after),
        "no_leak": "No leak before the change%s (%s), and none after it (%s)."
        % (name, before, after),
        "no_baseline": "No leak now (%s), but there are not enough samples from before the change"
        "%s to say whether there was one." % (after, name),
        "not_enough_yet": "Not enough samples yet%s: %s before, %s so far; check again in %s, "
        "when there are at least %s of samples."
        % (name, before, after, still, explain.hours_span(ENOUGH_HOURS)),
    }[answer["result"]]


def _rate(side: dict[str, Any]) -> str:
    if side["slope_mb_per_hour"] is None:
        return "not enough samples"
    return explain.rate(side["slope_mb_per_hour"], side["slope_ci"])
