# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Explains a verdict in sentences for an operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._host import display
from . import enough, verdict_rules
from .evidence import Trend
from .judgement import Judgement

# Why growth is only suspected.
DOUBTS = {
    verdict_rules.SHORT: "but the runs are too short or too few to call it a leak.",
    verdict_rules.NOISE: "but the rise does not clearly exceed the noise.",
    verdict_rules.TIME_OF_DAY: "but not in every part of the day, and not for enough days in one "
    "run: a filling cache looks the same.",
    verdict_rules.SLOWS: "but more and more slowly, like a cache that takes days to fill.",
}


def why(judged: Judgement, answer: dict[str, Any]) -> str:
    """The reason for the verdict, in one sentence; ``answer`` holds its figures."""
    seen = "%s in %s" % (
        hours_span(answer["observed_hours"]),
        "1 run" if answer["segments"] == 1 else "%d runs" % answer["segments"],
    )
    if judged.verdict == "insufficient":
        return _why_insufficient(answer, seen)
    whole = "%s over %s" % (rate(answer["slope_mb_per_hour"], answer["slope_ci"]), seen)
    if judged.grows:
        return _why_growth(judged, whole)
    evidence = judged.evidence
    if judged.verdict == "saturating":
        return "Memory grew and then levelled off (%s, but %s late in each run), as caches do." % (
            whole,
            _rate_of(evidence.late),
        )
    if judged.verdict == "sawtooth":
        return "Memory grows, but up to %d MB at a time is released without a restart (%s)." % (
            round(evidence.deepest),
            whole,
        )
    if judged.verdict == "step":
        return "Memory jumped, but does not grow between the jumps (%s over %s)." % (
            _rate_of(evidence.pieces),
            seen,
        )
    ended = verdict_rules.ended_in_bursts(evidence) if judged.verdict == "spiky" else 0
    if ended:
        return (
            "%d runs ended in a burst above a baseline that does not grow (%s): "
            "something allocates the memory all at once." % (ended, whole)
        )
    if judged.verdict == "spiky":
        return "Memory use has bursts that are released; the baseline does not grow (%s)." % whole
    return "Memory does not grow: the baseline changes by %s." % whole


def _why_insufficient(answer: dict[str, Any], seen: str) -> str:
    if not answer["samples"]:
        return "No samples yet."
    count = "1 sample" if answer["samples"] == 1 else "%d samples" % answer["samples"]
    start = "%s over %s: not enough for a verdict" % (count, seen)
    if answer["slope_mb_per_hour"] is None:
        return start + "."
    return "%s; the rough rate is %s, which may only reflect the start-up." % (
        start,
        rate(answer["slope_mb_per_hour"]),
    )


def _why_growth(judged: Judgement, whole: str) -> str:
    if judged.deaths is not None:
        return (
            "%d runs ended at the memory limit, typically after %s (%s at the shortest); "
            "until then, memory grows by %s."
            % (
                judged.deaths.many,
                hours_span(judged.deaths.usual_hours),
                hours_span(judged.deaths.shortest_hours),
                whole,
            )
        )
    if judged.reason == verdict_rules.STAIRS:
        return "Memory rose in %d steps of similar size, none of which was released: %s." % (
            judged.evidence.stairs,
            whole,
        )
    start = "Baseline memory grows by %s, " % whole
    if judged.reason == verdict_rules.LATELY:
        start = "In the last %s, baseline memory exceeds all earlier values: it grows by %s, " % (
            hours_span(round(judged.evidence.seen_hours)),
            whole,
        )
    if judged.verdict == "leak":
        return start + "keeps growing late in each run, and is never released."
    return start + DOUBTS.get(judged.reason or "", DOUBTS[verdict_rules.NOISE])


def settle(judged: Judgement, now: float | None) -> str | None:
    """What is needed to be certain, and when, counted from ``now``; None if it is certain."""
    if judged.verdict not in ("insufficient", "suspected"):
        return None
    evidence = judged.evidence
    if judged.reason == verdict_rules.TIME_OF_DAY and evidence.restarted:
        return (
            "Two days without a calendar restart, or three if memory grows only during the day: "
            "restarts at fixed hours tie the age of the process to the time of day. The playbook "
            "confirm.yml suspends the restart timer and leaves the watchdog active."
        )
    if judged.reason != verdict_rules.SHORT:
        hours = evidence.hours_until_clear() if evidence.slope > 0 else 0.0
        if judged.reason != verdict_rules.NOISE:
            hours = max(hours, 24.0)
        return (
            "Samples for about another %s: the longer memory grows, "
            "the more clearly the rise exceeds the noise." % hours_span(max(hours, 1.0))
        )
    left = max(enough.SURE_RUN_HOURS - _hours_of_last_run(judged), 0.0)
    when = ""
    if now is not None and left:
        when = " (%s at the earliest)" % display.utc(now + left * display.HOUR)
    return (
        "Samples for another %s without a restart, until one run has lasted %s%s; "
        "or %d runs of at least %s each, %s in total."
        % (
            hours_span(left),
            hours_span(enough.SURE_RUN_HOURS),
            when,
            enough.CARRY_RUNS,
            hours_span(enough.CARRY_RUN_HOURS),
            hours_span(enough.CARRY_TOTAL_HOURS),
        )
    )


def _hours_of_last_run(judged: Judgement) -> float:
    """Age of the process at the last sample, as far as it is known."""
    series = judged.series
    if not len(series):
        return 0.0
    run = series.runs[-1]
    return ((run.age or 0.0) + series.time[-1] - series.time[run.start]) / display.HOUR


def text(answer: dict[str, Any]) -> list[str]:
    """The result of trend() as lines for an operator."""
    lines = ["%s: %s" % (answer["verdict"], answer["why"])]
    if answer["rss_mb"] is not None:
        lines.append(_memory(answer))
    lines += ["advice: " + one for one in answer["advice"]]
    if answer["provider_switch"]:
        lines.append(answer["provider_switch"])
    if answer["what_would_settle_it"]:
        lines.append("still needed: " + answer["what_would_settle_it"])
    return lines + ["note: " + one for one in answer["notes"]]


def _memory(answer: dict[str, Any]) -> str:
    """The memory of the gateway next to its limit."""
    now = "RSS %d MB" % answer["rss_mb"]
    if answer["limit_mb"] is not None:
        now += ", limit %d MB (%s)" % (answer["limit_mb"], answer["limit_from"])
    if answer["hours_to_limit"] is not None:
        early, late = answer["hours_to_limit_ci"]
        first, last = hours_span(early), "never" if late is None else hours_span(late)
        now += ", reached in %s" % hours_span(answer["hours_to_limit"])
        now += " (%s to %s)" % (first, last) if first != last else ""
    return now


def rounded(value: float | None) -> float | None:
    """``value`` rounded to three decimals, without a negative zero."""
    return None if value is None else round(value, 3) + 0.0


def hours_span(hours: float) -> str:
    """A duration of ``hours`` in readable form."""
    return display.span(hours * display.HOUR)


def rate(slope: float | None, interval: Sequence[float] | None = None) -> str:
    """A rate in MB/h, with its interval if it has one."""
    shown = "%s MB/h" % _tenths(slope or 0.0)
    if not interval:
        return shown
    low, high = interval
    return "%s (%s to %s)" % (shown, _tenths(low), _tenths(high))


def _tenths(value: float) -> str:
    """``value`` with one decimal, without a negative zero."""
    return "%.1f" % (round(value, 1) + 0.0)


def _rate_of(trend: Trend | None) -> str:
    return rate(trend.slope if trend else 0.0)
