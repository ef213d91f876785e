# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to say of a history: the verdict, its evidence, and the numbers to act on."""

from __future__ import annotations

from . import explain, forecast, judgement, samples, stats

# Samples are taken every few minutes: older than this, nobody takes them any more.
STALE_HOURS = 2.0


def trend(history, limit_bytes=None, now=None, limit_from=None, known_leak=None):
    """The verdict on ``history`` (a samples.Series, or dicts by column of _history.COLUMNS, oldest first): a dict, ready for JSON.

    ``limit_bytes`` is what the gateway must stay below and ``limit_from`` a word for where that is said; ``now`` (epoch seconds)
    tells how old the history is. ``known_leak`` gives for a version what is known of its memory, as _hermes.known_leaks.known does.
    """
    series = history if isinstance(history, samples.Series) else samples.of_rows(history)
    judged = judgement.Judgement(series.of_this_version())
    age = (
        None
        if now is None or not len(series)
        else max(0.0, now - series.clock[-1]) / judgement.HOUR
    )
    answer = _figures(judged, limit_bytes, age or 0.0)
    answer["sample_age_hours"] = _round(age)
    answer["limit_from"] = limit_from if limit_bytes else None
    answer["providers"], answer["provider_switch"] = _providers(judged)
    answer["advice"] = _advice(judged, answer, known_leak)
    answer["why"] = explain.why(judged, answer)
    answer["what_would_settle_it"] = explain.settle(judged, answer, now)
    answer["notes"] = _notes(judged, age)
    return answer


def _figures(judged, limit_bytes, age):
    series, whole = judged.series, judged.whole
    bounds = [life[0] for life in series.lives] + [len(series)]
    slope, interval, chance = judged.rough(), None, None
    if judged.verdict != "insufficient":
        slope, interval, chance = (whole.slope, list(judged.interval), whole.p)
    limit = limit_bytes / judgement.MB if limit_bytes else None
    answer = {
        "verdict": judged.verdict,
        "slope_mb_per_hour": _round(slope),
        "slope_ci": interval and [_round(value) for value in interval],
        "p_value": None if chance is None else float("%.3g" % chance),
        "observed_hours": _round(
            sum(series.time[end - 1] - series.time[start] for start, end in zip(bounds, bounds[1:]))
            / judgement.HOUR
        ),
        "segments": len(series.lives),
        "samples": len(series),
        "rss_mb": _round(series.rss[-1] / judgement.MB) if len(series) else None,
        "limit_mb": _round(limit),
        "hours_to_limit": None,
        "hours_to_limit_ci": None,
        "recommended_restart_hours": None,
        "faster_than_known": bool(slope and slope > judgement.KNOWN_SLOPE),
        "bigger_box": [],
        "oom_kills": series.kills,
        # One life whose Hermes could not be asked does not hide what is known of it.
        "version": next(
            (identity[2] for dummy, identity in reversed(series.identities) if identity[2]), None
        ),
        "judged_on": judged.on + "_bytes",
    }
    if judged.grows:
        fresh = judged.fresh()
        answer["bigger_box"] = forecast.boxes(fresh, slope)
        if limit:
            hours, between = forecast.hours_to(
                limit, series.footprint[-1] / judgement.MB, slope, interval
            )
            # It has gone on since the last sample.
            answer["hours_to_limit"], *answer["hours_to_limit_ci"] = [
                None if one is None else _round(max(0.0, one - age)) for one in [hours] + between
            ]
            answer["recommended_restart_hours"] = forecast.cadence(limit, fresh, interval[1])[0]
    return answer


def _providers(judged):
    """(slope of each provider, the sentence whether a leak survives a switch from one to another or None)."""
    series = judged.series
    values = getattr(series, judged.on)
    parts = {}
    changes = series.identities + [(len(series), None)]
    for (start, identity), (end, dummy) in zip(changes, changes[1:]):
        if identity[0]:
            parts.setdefault(identity[0], []).append((start, end, identity[1]))
    found = []
    for provider in sorted(parts):
        pairs = [
            one.pair
            for start, end, dummy in parts[provider]
            for one in judgement.segments(series, values, judged.width, start, end)
        ]
        pairs = [pair for pair in pairs if len(pair[0]) > 1]
        # One provider all the time is the common case, and judged already.
        evidence = judged.whole if pairs == judged.pairs else judgement.Evidence(pairs)
        late = (
            judged.late
            if pairs == judged.pairs
            else judgement.Evidence([judgement.halve(pair)[1] for pair in pairs])
        ).slope or 0.0
        hours = sum(pair[0][-1] - pair[0][0] for pair in pairs)
        enough = (
            hours >= judgement.LEAST_HOURS
            and sum(len(pair[0]) for pair in pairs) >= judgement.LEAST_BINS
        )
        found.append(
            {
                "provider": provider,
                "models": sorted({model for dummy, dummy, model in parts[provider] if model}),
                "hours": _round(hours),
                "slope_mb_per_hour": _round(evidence.slope) if enough else None,
                "slope_ci": [_round(evidence.low), _round(evidence.high)] if enough else None,
                "grows": bool(
                    evidence.climbs()
                    and evidence.slope >= judgement.SLOPE
                    and late >= judgement.LATE_SHARE * evidence.slope
                )
                if enough
                else None,
            }
        )
    return found, _switch(found, judged) if len(found) > 1 else None


def _switch(found, judged):
    known = [one for one in found if one["grows"] is not None]
    if len(known) < 2:
        return (
            "Too little was seen with %s to say whether growth survives the switch of the provider."
            % " and ".join(one["provider"] for one in found if one["grows"] is None)
        )
    said = ", ".join(
        "%s with %s" % (explain.rate(one["slope_mb_per_hour"], one["slope_ci"]), one["provider"])
        for one in known
    )
    growing = [one["provider"] for one in known if one["grows"]]
    if len(growing) == len(known):
        if not judged.grows:
            return "There is no leak to follow from one provider to another (%s)." % said
        return (
            "The leak survives the switch of the provider (%s), so the provider is not the cause."
            % said
        )
    if growing:
        doubt = (
            " A cache that has filled in the meantime looks the same: switch back to be sure."
            if judged.verdict == "saturating"
            else ""
        )
        return "Memory grows with %s only (%s): the leak does not survive the switch.%s" % (
            " and ".join(growing),
            said,
            doubt,
        )
    return "Memory grows with no provider (%s)." % said


def _advice(judged, answer, known_leak):
    known = known_leak(answer["version"]) if known_leak else None
    grows = judged.grows
    found = []
    if known and (not known["bound"] or grows or answer["verdict"] == "saturating"):
        found.append(known["text"])
    if answer["faster_than_known"] and grows:
        # What is kept within bounds is not what climbs like this.
        found.insert(
            0 if known and known["bound"] else len(found),
            "above %d MB/h it is not the leak that is known: collect evidence and report it"
            % judgement.KNOWN_SLOPE,
        )
    if grows and answer["limit_mb"]:
        hours = forecast.cadence(answer["limit_mb"], judged.fresh(), answer["slope_ci"][1])[1]
        every = answer["recommended_restart_hours"]
        if every is None:
            found.append(
                "no restarts are needed: from a fresh start it would take %s to reach %d %% of the limit"
                % (explain.hours_span(hours), 100 * forecast.USABLE)
            )
        else:
            found.append(
                "restart it every %d h" % every
                + (
                    ", which is late: from a fresh start %d %% of the limit is reached in %s, so the watchdog must stand by"
                    % (100 * forecast.USABLE, explain.hours_span(hours))
                    if hours < every
                    else ""
                )
            )
    if grows:
        found.append(
            "a bigger server only buys time: "
            + ", ".join(
                "%d GB: %s" % (box["ram_gb"], explain.hours_span(box["hours"]))
                for box in answer["bigger_box"]
            )
        )
    if answer["verdict"] == "saturating":
        found.append("leave room for what it keeps, it does not grow on")
    return found


def _notes(judged, age):
    notes = list(judged.series.notes)
    if age is not None and age > STALE_HOURS:
        notes.append("the last sample is %s old" % explain.hours_span(age))
    return notes


def _round(value):
    # Without the sign of zero.
    return None if value is None else round(value, 3) + 0.0


def chart(series, points):
    """At most ``points`` of the history for a chart, each [timestamp, rss_bytes, floor_bytes, number of the life], and what happened when.

    Equal parts of the history, each with its highest RSS, so that no burst is lost, and its floor. ``judged_from`` is the timestamp
    from which on it was judged.
    """
    bounds = [life[0] for life in series.lives] + [len(series)]
    size = max(1, -(-len(series) // points))
    rows = []
    life = 0
    for start in range(0, len(series), size):
        part = series.rss[start : start + size]
        while bounds[life + 1] <= start:
            life += 1
        rows.append(
            [
                int(series.clock[start]),
                int(max(part)),
                int(stats.quantile(part, judgement.FLOOR)),
                life,
            ]
        )
    return {
        "points": rows,
        "judged_from": int(series.of_this_version().clock[0]) if len(series) else None,
        "restarts": [int(series.clock[start]) for start in bounds[1:-1]][-points:],
        "providers": [
            [int(series.clock[index])] + list(identity) for index, identity in series.identities
        ][-points:],
    }
