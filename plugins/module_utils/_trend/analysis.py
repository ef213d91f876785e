# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The full answer on a history: the verdict, its evidence, and the numbers to act on."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._host.display import HOUR, MB
from . import advice, evidence, explain, forecast, judgement, providers, samples, verdict_rules
from .explain import rounded
from .forecast import Cadence
from .judgement import Judgement
from .series import Series

# Samples are taken every few minutes: if the last one is older than this, sampling has stopped.
STALE_HOURS = 2.0
# In a longer gap, the memory is unknown.
GAP_HOURS = 3.0


def trend(
    history: Series | Iterable[Mapping[str, Any]],
    limit_bytes: float | None = None,
    now: float | None = None,
    limit_from: str | None = None,
    known_leak: Callable[[str | None], dict[str, Any] | None] | None = None,
) -> dict[str, Any]:
    """The verdict on ``history`` (a Series, or rows by column, oldest first), ready for JSON.

    ``limit_bytes`` is the limit that the gateway must stay below, and ``limit_from`` is its origin.
    ``now`` (epoch seconds) gives the age of the history. ``known_leak`` returns the known leak of a
    version: None, or a dict with ``text`` and ``bound``, which is true if the growth ends; see
    _hermes/known_leaks.py for the other keys.
    """
    series = history if isinstance(history, Series) else samples.of_rows(history)
    judged = judgement.judge(series.of_this_version(), limit_bytes)
    age = None if now is None or not len(series) else max(0.0, now - series.clock[-1]) / HOUR
    limit = limit_bytes / MB if limit_bytes else None
    answer = _figures(judged, limit)
    cadence = _forecast(judged, answer, limit, age or 0.0)
    answer["sample_age_hours"] = rounded(age)
    answer["limit_from"] = limit_from if limit_bytes else None
    answer["providers"] = providers.trends(judged)
    answer["provider_switch"] = providers.switch(answer["providers"], judged)
    known = known_leak(answer["version"]) if known_leak else None
    answer["advice"] = advice.texts(judged, answer, known, cadence)
    answer["why"] = explain.why(judged, answer)
    answer["what_would_settle_it"] = explain.settle(judged, now)
    answer["notes"] = list(judged.series.notes)
    if age is not None and age > STALE_HOURS:
        answer["notes"].append("the last sample is %s old" % explain.hours_span(age))
    return answer


def _figures(judged: Judgement, limit: float | None) -> dict[str, Any]:
    """What was measured, with a ``limit`` in MB; the forecast fields are still None."""
    series, rate = judged.series, judged.rate
    slope = rate.slope if rate else evidence.rough_slope(series)
    seconds = sum(series.time[end - 1] - series.time[start] for start, end in series.bounds())
    # A run whose version could not be read does not hide the version of the others.
    versions = [one.identity.version for one in series.identities if one.identity.version]
    return {
        "verdict": judged.verdict,
        "slope_mb_per_hour": rounded(slope),
        "slope_ci": [rounded(rate.low), rounded(rate.high)] if rate else None,
        "p_value": _p_value(judged),
        "observed_hours": rounded(seconds / HOUR),
        "segments": len(series.runs),
        "samples": len(series),
        "span_hours": rounded(_seen(series) / HOUR),
        "longest_run_hours": rounded(_longest(series) / HOUR),
        "rss_mb": rounded(series.rss[-1] / MB) if len(series) else None,
        "limit_mb": rounded(limit),
        "hours_to_limit": None,
        "hours_to_limit_ci": None,
        "recommended_restart_hours": None,
        "faster_than_known": bool(slope and slope > verdict_rules.KNOWN_SLOPE),
        "bigger_box": [],
        "oom_kills": series.kills,
        "version": versions[-1] if versions else None,
        "judged_on": judged.evidence.judged_on + "_bytes",
    }


def _longest(series: Series) -> float:
    """Observed seconds of the longest run."""
    lengths = [series.time[end - 1] - series.time[start] for start, end in series.bounds()]
    return max(lengths, default=0.0)


def _seen(series: Series) -> float:
    """Seconds from the first sample to the last, without long gaps."""
    steps = map(operator.sub, series.clock[1:], series.clock)
    return sum([step for step in steps if 0 < step <= GAP_HOURS * HOUR], 0.0)


def _p_value(judged: Judgement) -> float | None:
    """The p-value of the whole history, to three digits; None without enough data for a verdict."""
    whole = judged.evidence.whole
    return float("%.3g" % whole.p) if whole and judged.rate else None


def _forecast(
    judged: Judgement, answer: dict[str, Any], limit: float | None, age: float
) -> Cadence | None:
    """Add the forecast to ``answer`` if memory grows.

    ``limit`` is in MB, ``age`` is the age of the last sample in hours. Returns how often to
    restart if memory grows and a limit is known.
    """
    rate, series = judged.rate, judged.evidence.series
    if not judged.grows or rate is None or rate.slope <= 0:
        return None
    fresh = forecast.fresh_level(judged.series, rate.slope)
    answer["bigger_box"] = forecast.boxes(fresh, rate.slope)
    if not limit:
        return None
    line = forecast.line_of(series, rate.slope)
    # Memory has kept growing since the last sample.
    answer["hours_to_limit"], *answer["hours_to_limit_ci"] = [
        None if one is None else rounded(max(0.0, one - age))
        for one in forecast.hours_to(limit, line, rate)
    ]
    bursts = forecast.in_a_month(line.highest, judged.evidence.seen_hours)
    shortest = judged.deaths.shortest_hours if judged.deaths else math.inf
    cadence = forecast.cadence(limit, fresh + bursts, rate.high, shortest)
    answer["recommended_restart_hours"] = cadence.every
    # The advice is shown next to rounded figures, so it is calculated from these.
    high = answer["slope_ci"][1]
    shown = forecast.cadence(answer["limit_mb"], fresh + bursts, high, shortest)
    return cadence._replace(available=shown.available, burst_mb=bursts)
