# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verdict says to a person."""

from __future__ import annotations

from .._host import display
from . import judgement


def why(judged, answer):
    """One sentence that a person understands."""
    verdict, hours = answer["verdict"], hours_span(answer["observed_hours"])
    seen = "%s of %s" % (
        hours,
        "1 life" if answer["segments"] == 1 else "%d lives" % answer["segments"],
    )
    if verdict == "insufficient":
        if not answer["samples"]:
            return "There is no sample yet."
        start = "%s over %s: too little for a verdict" % (
            "1 sample" if answer["samples"] == 1 else "%d samples" % answer["samples"],
            seen,
        )
        if answer["slope_mb_per_hour"] is None:
            return start + "."
        return "%s; between the ends it is about %s, which may be nothing but the start." % (
            start,
            rate(answer["slope_mb_per_hour"]),
        )
    whole = "%s over %s" % (rate(answer["slope_mb_per_hour"], answer["slope_ci"]), seen)
    if verdict == "leak":
        return (
            "The floor under the bursts climbs by %s, still does so late in each life, and is not given back."
            % whole
        )
    if verdict == "suspected":
        if judged.long_enough():
            return (
                "The floor under the bursts climbs by %s, but not so far above its ups and downs that it must be a leak."
                % whole
            )
        return (
            "The floor under the bursts climbs by %s, but no life was long enough, nor were there enough of them, to call it a leak."
            % whole
        )
    if verdict == "saturating":
        return (
            "Memory grew and then levelled off (%s, but %s late in each life): caches that fill."
            % (whole, rate((judged.late.slope or 0)))
        )
    if verdict == "sawtooth":
        return "Memory climbs and is given back without a restart, by up to %d MB (%s)." % (
            round(judged.deepest),
            whole,
        )
    if verdict == "step":
        return "Memory jumped; between the jumps it does not grow (%s over %s)." % (
            rate((judged.pieces.slope or 0)),
            seen,
        )
    if verdict == "spiky":
        return (
            "There are bursts, and they are given back: the floor under them does not grow (%s)."
            % whole
        )
    return "Memory does not grow: the floor moves by %s." % whole


def settle(judged, answer, now):
    """What would settle it, and when, or None where it is settled."""
    if answer["verdict"] not in ("insufficient", "suspected"):
        return None
    if answer["verdict"] == "suspected" and judged.long_enough():
        return (
            "About %s more of the same: the longer it climbs, the further it is from its ups and downs."
            % (hours_span(max(judged.missing_hours(), 1.0)))
        )
    series = judged.series
    first, age = series.lives[-1] if series.lives else (0, None)
    lasted = (
        ((age or 0.0) + series.time[-1] - series.time[first]) / judgement.HOUR
        if len(series)
        else 0.0
    )
    left = max(judgement.SURE_LIFE - lasted, 0.0)
    when = (
        ""
        if now is None or not left
        else ", which is at %s at the earliest" % display.utc(now + left * judgement.HOUR)
    )
    return (
        "%s more of samples without a restart, until one life has lasted %s%s; or %d lives of at least %s each, %s in all."
        % (
            hours_span(left),
            hours_span(judgement.SURE_LIFE),
            when,
            judgement.CARRY_LIVES,
            hours_span(judgement.CARRY_LIFE),
            hours_span(judgement.CARRY_TOTAL),
        )
    )


def text(answer):
    """What trend() says, for a person: lines."""
    lines = ["%s: %s" % (answer["verdict"], answer["why"])]
    if answer["rss_mb"] is not None:
        now = "RSS %d MB" % answer["rss_mb"]
        if answer["limit_mb"] is not None:
            now += ", limit %d MB (%s)" % (answer["limit_mb"], answer["limit_from"])
        if answer["hours_to_limit"] is not None:
            early, late = (
                hours_span(hours) if hours is not None else "never"
                for hours in answer["hours_to_limit_ci"]
            )
            now += ", which is reached in %s (%s to %s)" % (
                hours_span(answer["hours_to_limit"]),
                early,
                late,
            )
        lines.append(now)
    lines += ["advice: " + one for one in answer["advice"]]
    lines += [
        one
        for one in (
            answer["provider_switch"],
            answer["what_would_settle_it"] and "to settle it: " + answer["what_would_settle_it"],
        )
        if one
    ]
    return lines + ["note: " + one for one in answer["notes"]]


def hours_span(hours):
    """A duration of ``hours``, as a person reads it."""
    return display.span(hours * display.HOUR)


def rate(slope, interval=None):
    """A rate with its interval."""
    text = "%.1f MB/h" % (slope or 0.0)
    return text + " (%.1f to %.1f)" % tuple(interval) if interval else text
