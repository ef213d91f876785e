# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answers of the hosts of a fleet as rows, sorted by urgency."""

from __future__ import annotations

import math
import time
from typing import Any, Dict, Sequence

from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import display
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.display import DAY, HOUR, MB
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import analysis

from . import _answers
from ._answers import ADVICE, mapping, number, pair, sequence, text, texts

SOON_HOURS = 24
WEEK_HOURS = 168
MAX_POINTS = 600
# OOM kills of a host: far more than a host can have in the 30 days of the report.
MAX_KILLS = 1000
# Groups that need attention come first. Within a group, the worst gateways come first.
GROUPS = {
    "now": (
        "Act now",
        "down, crashed or killed in the last 24 hours, or less than 24 hours from the limit",
    ),
    "soon": ("Act soon", "a leak, or less than a week from the limit"),
    "watch": (
        "Watch",
        "a suspected leak, a sawtooth, an earlier crash or kill, or no recent samples",
    ),
    "silent": ("No answer", "hosts and gateways without a valid answer"),
    "unknown": ("Too early to say", "not enough samples for a verdict yet"),
    "healthy": (
        "Healthy",
        "flat, spiky, levelled off after a start, or a single step: no lasting growth",
    ),
    "none": ("No gateway", "hosts without a Hermes gateway"),
}
# The worst first. The sentences are those of docs/trend.md.
VERDICTS = {
    "leak": "The baseline grows, keeps growing late in each run, and is never released.",
    "suspected": "The baseline grows, but a cache, the time of day or noise may be the cause.",
    "sawtooth": "Memory grows and is released without a restart.",
    "step": "Memory jumped once or twice, and does not grow between the jumps.",
    "saturating": "Memory grew and then levelled off, as caches do.",
    "spiky": "Bursts above a baseline that does not grow; also if runs end in bursts.",
    "flat": "The baseline does not grow, and no other pattern was found.",
    "insufficient": "Not enough samples, or apparent growth that may be chance.",
}
_RANK = {verdict: rank for rank, verdict in enumerate(VERDICTS)}
VERDICTS_PAGE = (
    "https://github.com/hermes-ops/ansible-gateway/blob/main/docs/trend.md"
    "#what-to-do-with-a-verdict"
)
WATCHED = ("suspected", "sawtooth")
# The ledger codes of a run that ended with a fault (FAULTS of _guard/ended.py), and how many of a
# gateway are shown.
CRASHES = ("crashed", "killed", "oom-killed")
MAX_ENDS = 20

# A gateway, or a host without one, in the report: the keys are those of _blank().
Row = Dict[str, Any]


def fleet(answers: Sequence[Sequence[Any]], now: float | None = None) -> dict[str, Any]:
    """The report of ``answers``, ready for JSON except for ``chart``.

    Each answer has three items: the host and its results of memory_trend_info and oom_info.
    """
    now = time.time() if now is None else now
    rows = [
        row
        for host, trend, oom in answers
        for row in _host(text(host), mapping(trend), mapping(oom), now)
    ]
    rows.sort(key=_urgency)
    for place, row in enumerate(rows):
        row["id"] = "g%d" % (place + 1)
    gateways = [row for row in rows if row["gateway"]]
    growing = [row["hours_to_limit"] for row in gateways if row["hours_to_limit"] is not None]
    return {
        "generated": int(now),
        "hosts": len(answers),
        "gateways": len(gateways),
        "groups": {group: len([row for row in rows if row["group"] == group]) for group in GROUPS},
        "verdicts": {
            verdict: len([row for row in gateways if row["verdict"] == verdict])
            for verdict in VERDICTS
        },
        "oom_kills_24h": sum(row["oom_kills_24h"] for row in gateways),
        "soonest_hours": min(growing) if growing else None,
        "rows": rows,
    }


def _host(host: str, trend: dict[str, Any], oom: dict[str, Any], now: float) -> list[Row]:
    try:
        trends = _answers.part(trend, "trends", dict)
    except _answers.NoAnswer as exc:
        word = "unreachable" if trend.get("unreachable") else exc.word
        return [_blank(host, "silent", word, exc.why)]
    kills = [mapping(kill) for kill in sequence(oom.get("kills"))[:MAX_KILLS]]
    found = []
    for name in list(trends)[: _answers.MOST_GATEWAYS]:
        own = [kill for kill in kills if kill.get("name") == name]
        found.append(_gateway(host, text(name, 100), mapping(trends[name]), own, now))
    # oom_info looks for every gateway, not only for managed ones.
    others = [name for name in mapping(oom.get("counters")) if name not in trends]
    for name in sorted(others, key=str)[: _answers.MOST_GATEWAYS - len(found)]:
        found.append(_bare(host, text(name, 100)))
    if not isinstance(oom.get("kills"), (list, tuple)):
        for row in found:
            row["advice"].append("its OOM kills are not known: %s" % text(oom.get("msg")))
    more = _answers.too_many(len(trends) + len(others))
    if more:
        found.append(_blank(host, "silent", more.word, more.why))
    return found or [_blank(host, "none", "no gateway", "no Hermes gateway runs on this host")]


def _bare(host: str, name: str) -> Row:
    """A gateway that exists but has no samples."""
    why = "it is not managed and has no samples: run the playbook hermes_ops.gateway.site"
    return dict(_blank(host, "unknown", "insufficient", why), gateway=name or "?")


def _blank(host: str, group: str, verdict: str, why: str) -> Row:
    return {
        "host": host,
        "gateway": "",
        "group": group,
        "verdict": verdict,
        "slope_mb_per_hour": None,
        "slope_ci": None,
        "rss_mb": None,
        "limit_mb": None,
        "hours_to_limit": None,
        "hours_to_limit_ci": None,
        "oom_kills_24h": 0,
        "crashes_24h": 0,
        "down": "",
        "ends": [],
        "recommended_restart_hours": None,
        "advice": [],
        "why": why,
        "version": "",
        "provider": "",
        "model": "",
        "provider_switch": "",
        "notes": [],
        "stale": False,
        "suspended_until": None,
        "observed_hours": None,
        "kills": [],
        "trend": {},
        "chart": None,
    }


def _gateway(
    host: str, name: str, trend: dict[str, Any], kills: list[dict[str, Any]], now: float
) -> Row:
    known = [kill for kill in kills if _answers.moment(kill.get("time")) is not None]
    times = sorted(kill["time"] for kill in known)
    verdict = text(trend.get("verdict"))
    until = _answers.moment(trend.get("suspended_until"))
    chart = mapping(trend.get("chart"))
    ends = [_end(mapping(one)) for one in sequence(trend.get("ends"))[:MAX_ENDS]]
    ends = [one for one in ends if one["time"] is not None and one["time"] <= now + HOUR]
    # Time, provider, model and version of the last sample.
    identity = (list(sequence((sequence(chart.get("providers")) or [()])[-1])) + [None] * 4)[:4]
    row = _blank(
        host, "", verdict if verdict in VERDICTS else "insufficient", text(trend.get("why"))
    )
    row.update(
        {
            # A gateway without a name still counts.
            "gateway": name or "?",
            "slope_mb_per_hour": number(trend.get("slope_mb_per_hour")),
            "slope_ci": pair(trend.get("slope_ci")),
            "rss_mb": number(trend.get("rss_mb")),
            "limit_mb": number(trend.get("limit_mb")),
            "hours_to_limit": number(trend.get("hours_to_limit")),
            "hours_to_limit_ci": _range(trend.get("hours_to_limit_ci")),
            "oom_kills_24h": len([at for at in times if at > now - DAY]),
            "recommended_restart_hours": number(trend.get("recommended_restart_hours")),
            "advice": texts(
                trend.get("advice") or trend.get("what_would_settle_it"), longest=ADVICE
            ),
            "observed_hours": number(trend.get("observed_hours")),
            "provider_switch": text(trend.get("provider_switch")),
            "notes": texts(trend.get("notes"), longest=ADVICE),
            "suspended_until": until if until is not None and until > now else None,
            "version": text(trend.get("version"), 40),
            "provider": text(identity[1], 100),
            "model": text(identity[2], 100),
            "kills": [_kill(kill) for kill in known],
            "down": text(trend.get("down")),
            "ends": ends,
            "crashes_24h": sum(one["runs"] for one in ends if _is_crash(one, now - DAY)),
            "trend": _answers.passed_on(
                {key: value for key, value in trend.items() if key != "chart"}
            ),
            "chart": dict(chart, kills=times),
        }
    )
    if row["slope_mb_per_hour"] is None:
        row["slope_ci"] = None
    age = number(trend.get("sample_age_hours"))
    if age is not None and age > analysis.STALE_HOURS:
        row["stale"] = True
        why = "the gateway is not running"
        if trend.get("running"):
            why = "see hermes-guard doctor"
        old = "the last sample is %s old, so the verdict is outdated: %s" % (hours(age), why)
        row["advice"].insert(0, old)
    if row["crashes_24h"]:
        worst = [one for one in ends if _is_crash(one, now - DAY)][-1]
        said = "%d time%s" % (row["crashes_24h"], "" if row["crashes_24h"] == 1 else "s")
        row["advice"].insert(
            0,
            "it crashed or was killed %s in the last 24 hours, most recently at %s: %s; see"
            " hermes-guard log" % (said, moment(worst["time"]), worst["reason"]),
        )
    if row["down"]:
        row["advice"].insert(0, row["down"])
    row["group"] = _group(row, bool(times) or any(_is_crash(one, 0) for one in ends))
    return row


def _end(one: dict[str, Any]) -> dict[str, Any]:
    """How a run ended, if the guard did not end it."""
    runs = number(one.get("runs"))
    return {
        "time": _answers.moment(one.get("time")),
        "code": text(one.get("code"), 40),
        "reason": text(one.get("reason"), 200),
        "runs": int(runs) if runs is not None and 1 <= runs <= MAX_KILLS else 1,
    }


def _is_crash(end: dict[str, Any], since: float) -> bool:
    return end["code"] in CRASHES and end["time"] > since


def brief(row: Row) -> str:
    """The text for ``row`` in a table: the advice, else the reason."""
    return text(row["advice"] or row["why"], 160)


def _kill(kill: dict[str, Any]) -> dict[str, Any]:
    return {
        "time": _answers.moment(kill.get("time")),
        "pid": number(kill.get("pid")),
        "comm": text(kill.get("comm"), 40),
        "rss_bytes": number(kill.get("rss_bytes")),
        "scope": text(kill.get("scope"), 40),
        "source": text(kill.get("source"), 40),
    }


def _range(value: object) -> list[float | None] | None:
    """As pair, but the second may be None: growth that may be zero never reaches the limit."""
    found = [number(one) for one in sequence(value)[:2]]
    return found if len(found) == 2 and found[0] is not None else None


def _group(row: Row, killed: bool) -> str:
    left = row["hours_to_limit"]
    if (
        row["down"]
        or row["crashes_24h"]
        or row["oom_kills_24h"]
        or (left is not None and left < SOON_HOURS)
    ):
        return "now"
    if row["verdict"] == "leak" or (left is not None and left < WEEK_HOURS):
        return "soon"
    if row["verdict"] in WATCHED or killed or row["stale"]:
        return "watch"
    return "unknown" if row["verdict"] == "insufficient" else "healthy"


def _urgency(row: Row) -> tuple[Any, ...]:
    """The sort key: group, kills, remaining hours, verdict and slope, the worst first."""
    return (
        list(GROUPS).index(row["group"]),
        not row["down"],
        -row["oom_kills_24h"],
        -row["crashes_24h"],
        math.inf if row["hours_to_limit"] is None else row["hours_to_limit"],
        _RANK.get(row["verdict"], len(_RANK)),
        -(row["slope_mb_per_hour"] or 0),
        row["host"],
        row["gateway"],
    )


def slope(row: Row) -> str:
    """``18.2 (16.9 to 19.4)``, or ``-``, also for a rough figure after a few samples."""
    if row["slope_mb_per_hour"] is None or row.get("verdict") == "insufficient":
        return "-"
    interval = ""
    if row["slope_ci"]:
        interval = " (%s to %s)" % tuple(_short(one) for one in row["slope_ci"])
    return _short(row["slope_mb_per_hour"]) + interval


def _short(value: float) -> str:
    shown = "%.1f" % value if abs(value) < 100 else "%.0f" % value
    return shown[1:] if shown in ("-0.0", "-0") else shown


def megabytes(value: float | None) -> str:
    """``value`` MB: ``1540 MB``, or ``-``."""
    return "-" if value is None else display.megabytes(value * MB)


def hours(value: float | None) -> str:
    """``22 h``, ``3.2 days``, or ``-``."""
    return "-" if value is None else display.span(max(0, value) * HOUR)


def moment(epoch: float | None) -> str:
    """``2026-08-05 14:00 UTC``, or ``-``."""
    return "-" if epoch is None else display.utc(epoch)
