# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the leak depends on the provider: the trend with each provider, and across a switch."""

from __future__ import annotations

from typing import Any

from . import enough, explain, slowing, verdict_rules
from .evidence import judged_column, trend_of
from .judgement import Judgement
from .segments import runs_in_bins, second_half


def trends(judged: Judgement) -> list[dict[str, Any]]:
    """The slope with each provider, sorted by name; ready for JSON."""
    series = judged.series
    # By provider: (first sample, end, model) of each period of use.
    used: dict[str, list[tuple[int, int, str | None]]] = {}
    ends = [one.start for one in series.identities[1:]] + [len(series)]
    for (start, identity), end in zip(series.identities, ends):
        if identity.provider:
            used.setdefault(identity.provider, []).append((start, end, identity.model))
    return [_trend(judged, provider, used[provider]) for provider in sorted(used)]


def _trend(
    judged: Judgement, provider: str, parts: list[tuple[int, int, str | None]]
) -> dict[str, Any]:
    evidence = judged.evidence
    values = judged_column(judged.series)[1]
    runs = [
        run
        for start, end, _model in parts
        for run in runs_in_bins(judged.series, values, evidence.width, start, end)
        if len(run.times) > 1
    ]
    segments = [run.segment for run in runs]
    if segments == evidence.segments:
        # Usually only one provider was used, and its trend is calculated already.
        whole, late = evidence.whole, evidence.late
    else:
        whole, late = trend_of(segments), trend_of([second_half(one) for one in segments])
    hours = sum(run.hours for run in runs)
    bins = sum(len(run.times) for run in runs)
    found: dict[str, Any] = {
        "provider": provider,
        "models": sorted({model for _start, _end, model in parts if model}),
        "hours": explain.rounded(hours),
        "slope_mb_per_hour": None,
        "slope_ci": None,
        "grows": None,
    }
    if whole is not None and hours >= enough.LEAST_HOURS and bins >= enough.LEAST_BINS:
        last = late.slope if late else 0.0
        found["slope_mb_per_hour"] = explain.rounded(whole.slope)
        found["slope_ci"] = [explain.rounded(whole.low), explain.rounded(whole.high)]
        found["grows"] = (
            whole.climbs()
            and whole.slope >= verdict_rules.LEAST_SLOPE
            and last >= verdict_rules.LATE_SHARE * whole.slope
            # A cache that filled under one provider is not a leak of that provider.
            and (judged.grows or not slowing.slows(runs))
        )
    return found


def switch(found: list[dict[str, Any]], judged: Judgement) -> str | None:
    """Whether a leak persists across providers; None if the provider was never switched.

    ``found`` is the result of trends().
    """
    if len(found) < 2:
        return None
    known = [one for one in found if one["grows"] is not None]
    if len(known) < 2:
        return (
            "Not enough samples with %s to say whether growth depends on the provider."
            % " and ".join(one["provider"] for one in found if one["grows"] is None)
        )
    said = ", ".join(
        "%s with %s" % (explain.rate(one["slope_mb_per_hour"], one["slope_ci"]), one["provider"])
        for one in known
    )
    growing = [one["provider"] for one in known if one["grows"]]
    if not growing:
        return "Memory does not grow with any provider (%s)." % said
    if not judged.grows and judged.verdict != "saturating":
        # Each provider has fewer values than the whole and passes none of its tests, so any blame
        # would be by chance.
        return "No leak was found, so providers are not compared (%s)." % said
    if len(growing) < len(known):
        if judged.verdict == "suspected" or not _apart(known):
            return "It is unclear whether the growth depends on the provider (%s)." % said
        doubt = ""
        if judged.verdict == "saturating":
            doubt = (
                " A cache that has filled in the meantime looks the same: switch back to be sure."
            )
        return "Memory grows only with %s (%s): the leak depends on the provider.%s" % (
            " and ".join(growing),
            said,
            doubt,
        )
    if not judged.grows:
        return "No leak was found, so providers are not compared (%s)." % said
    return "The leak occurs with every provider (%s), so the provider is not the cause." % said


def _apart(known: list[dict[str, Any]]) -> bool:
    """Whether each provider with growth grows faster than every provider without growth."""
    slowest = min(one["slope_ci"][0] for one in known if one["grows"])
    return all(one["slope_ci"][1] < slowest for one in known if not one["grows"])
