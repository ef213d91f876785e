# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Did a change help? What was before it against what came after: an upgrade, a shorter session, another provider.

Each side is judged by itself, life by life, as judgement does: restarts on a calendar or by the watchdog are no part of either trend.
"""

from __future__ import annotations

import calendar
import re
import time

from . import explain, judgement, samples, stats

# Anything shorter has seen one kind of week only: a quiet weekend looks like a fix.
ENOUGH_HOURS = 168.0
VERSION = "version"
_FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
ALLOWED = '"version" for the last change of the version in the history, or a time of UTC such as "2026-08-05" or "2026-08-05 14:00", or epoch seconds'


def moment(text):
    """The epoch seconds that ``text`` means, or None for "version"; ValueError with what is allowed."""
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


def compare(series, since=None):
    """What a change at ``since`` (epoch seconds; None: the last change of the version) did to a leak, by ``series``: a dict, ready for JSON.

    ``result`` is fixed, improved, still_leaking, new_leak, no_leak, not_enough_yet, no_baseline or no_change; ``hours_still`` is how long it takes
    until there is enough, where that is what is missing.
    """
    begin, place, versions = _split(series, since)
    answer = {
        "result": "no_change",
        "since": None,
        "before": None,
        "after": None,
        "hours_still": None,
    }
    answer.update(version_before=versions[0], version_after=versions[1])
    if place is None:
        answer["why"] = (
            "The history shows no change of the version; say since when to compare."
            if since is None
            else "There are no samples after that time."
        )
        return answer
    before, after = (
        judgement.Judgement(part)
        for part in (_part(series, begin, place), _part(series, place, len(series)))
    )
    # One sample may have been taken while the clock was wrong.
    start, end = (
        stats.quantile(list(clocks), 0.5)
        for clocks in (series.clock[place : place + 5], series.clock[-5:])
    )
    answer.update(since=int(series.clock[place]), before=_side(before), after=_side(after))
    left = max(ENOUGH_HOURS - (end - start) / judgement.HOUR, 0.0)
    if not left and after.hours < ENOUGH_HOURS / 2:
        # Time went by, but few samples were taken in it, or no process lived for long.
        left = ENOUGH_HOURS / 2 - after.hours
    answer["result"], answer["hours_still"] = _result(before, after, left)
    answer["why"] = _why(answer)
    return answer


def _split(series, since):
    """(index of the first sample to compare with, that of the first after the change or None, (version before, version after)).

    What an earlier version than the last one did says nothing of the last change.
    """
    begin, change, known, versions = 0, None, None, (None, None)
    for index, identity in series.identities:
        version = identity[2]
        if version and known and version != known:
            begin, change, versions = change or 0, index, (known, version)
        known = version or known
    if since is None:
        return begin, change, versions
    found = next((index for index in range(len(series)) if series.clock[index] >= since), None)
    return 0, found, (_version_at(series, (found or 0) - 1), known)


def _version_at(series, place):
    return (
        [identity[2] for index, identity in series.identities if index <= place and identity[2]]
        or [None]
    )[-1]


def _part(series, start, end):
    """Samples ``start`` to ``end`` of ``series``, as a Series; a life that is cut keeps its age."""
    part = samples.Series()
    for name in ("time", "clock", "rss", "anon", "footprint"):
        setattr(part, name, getattr(series, name)[start:end])
    bounds = [life[0] for life in series.lives] + [len(series)]
    for (first, age), last in zip(series.lives, bounds[1:]):
        if last > start and first < end:
            cut = max(first, start)
            part.lives.append(
                (cut - start, None if age is None else age + series.time[cut] - series.time[first])
            )
    return part


def _side(judged):
    known = judged.verdict != "insufficient"
    whole = judged.whole
    return {
        "verdict": judged.verdict,
        "hours": round(judged.hours, 1),
        "segments": len(judged.used),
        "slope_mb_per_hour": round(whole.slope, 3) if known else None,
        "slope_ci": [round(value, 3) for value in judged.interval] if known else None,
    }


def _result(before, after, left):
    if left > 0 or after.verdict == "insufficient":
        return "not_enough_yet", round(max(left, 1.0), 1)
    if before.verdict == "insufficient":
        return ("still_leaking" if after.grows else "no_baseline"), None
    if after.grows:
        if not before.grows:
            return "new_leak", None
        # Not by chance, when the intervals have nothing in common.
        return ("improved" if after.interval[1] < before.interval[0] else "still_leaking"), None
    if not before.grows:
        return "no_leak", None
    # What a cache takes while it fills is no leak.
    rest = (
        after.late
        if after.verdict == "saturating" and after.late.slope is not None
        else after.whole
    )
    if rest.high < before.interval[0]:
        return "fixed", None
    # No growth was found, but what was there before would still be within the noise.
    return "not_enough_yet", round(ENOUGH_HOURS, 1)


def _why(answer):
    before, after = (_rate(answer[side]) for side in ("before", "after"))
    name = (
        " from %s to %s" % (answer["version_before"], answer["version_after"])
        if answer["version_after"] != answer["version_before"]
        else ""
    )
    still = "" if answer["hours_still"] is None else explain.hours_span(answer["hours_still"])
    return {
        "fixed": "Fixed%s: it grew by %s before, and does not grow any more (%s)."
        % (name, before, after),
        "improved": "Improved%s, from %s to %s, but it still leaks." % (name, before, after),
        "still_leaking": "Still leaking%s: %s before, %s after." % (name, before, after),
        "new_leak": "It leaks since the change%s: %s before, %s after." % (name, before, after),
        "no_leak": "There was no leak before the change%s (%s), and there is none after it (%s)."
        % (name, before, after),
        "no_baseline": "There is no leak now (%s), but too little was seen before the change%s to say that there was one."
        % (after, name),
        "not_enough_yet": "Not enough yet%s: %s before, %s so far; look again in %s, when there are %s and more to judge by."
        % (name, before, after, still, explain.hours_span(ENOUGH_HOURS)),
    }[answer["result"]]


def _rate(side):
    return (
        "too little to judge"
        if side["slope_mb_per_hour"] is None
        else explain.rate(side["slope_mb_per_hour"], side["slope_ci"])
    )
