# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Early alerts, while there is time to act: the gateway leaks, or soon reaches its limit.

Each alert is sent once per episode. Restarts do not end an episode of "leak". "limit-soon" is about
one run: a new run ends it, unless that run soon reaches the limit too.
"""

from __future__ import annotations

import collections
import os

from .._host import display
from . import alarms, history, metrics, sampling, suspension, verdict_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple

    from .config import Settings
    from .progress import Seen

    class Judgement(NamedTuple):
        """The result of the analysis of one gateway's memory history.

        ``time`` is the time of the analysis, ``run`` the current run (see Seen.run). ``growth`` is
        in bytes per second; ``growth_lower`` and ``growth_upper`` are the ends of its interval.
        ``limit`` is in bytes; ``reached`` and ``earliest`` are the forecast times of reaching it.
        ``next_restart`` is the time of the next calendar restart. ``watchdog_acts`` says whether
        the watchdog would restart the gateway before its limit. Times are in epoch seconds. A value
        that is unknown, or an event that is not expected, is None.
        """

        time: float
        run: list[Any] | None
        verdict: str
        growth: float | None = None
        growth_lower: float | None = None
        growth_upper: float | None = None
        limit: float | None = None
        reached: float | None = None
        earliest: float | None = None
        next_restart: float | None = None
        watchdog_acts: bool = False

else:
    Judgement = collections.namedtuple(
        "Judgement",
        "time run verdict growth growth_lower growth_upper limit reached earliest next_restart"
        " watchdog_acts",
        defaults=(None, None, None, None, None, None, None, False),
    )

LEAK, LIMIT_SOON = alarms.EARLY
# docs/report.md: a gateway that reaches its limit within a day needs someone now.
SOON_SECONDS = display.DAY
# A burst of memory must not look like a limit that is near. The lowest usage of this many seconds
# counts, like the "for" of that alert.
BURST_SECONDS = 900
# The number of samples in BURST_SECONDS at the shortest interval, 5 s.
_MOST_SAMPLES = 180
# This many analyses in a row must find an alert over, so that it does not flap.
CLEAR = 2


def of_check(settings: Settings, one: Seen, now: float) -> list[str]:
    """As note(), for ``one``: what a check has seen of a running gateway."""
    judged = judgement(settings, one, now)
    return [] if judged is None else note(settings, judged, now, one.row)


def judgement(settings: Settings, one: Seen, now: float) -> Judgement | None:
    """The judgement of a gateway's history, from its last verdict and its samples."""
    verdict = one.verdict
    if "verdict" not in verdict:
        return None
    judged = Judgement(
        verdict["judged"],
        one.run,
        verdict["verdict"],
        growth=verdict.get("slope"),
        growth_lower=verdict.get("low"),
        growth_upper=verdict.get("high"),
        limit=one.limit,
        next_restart=_next_restart(settings, one),
        watchdog_acts=_watchdog_acts(settings, one, now),
    )
    if one.row is None:
        return judged
    judged = _reaching(judged, one, sampling.footprint(one.row), now)
    if not is_limit_soon(judged, now):
        return judged
    return _reaching(judged, one, _least(settings, one, now), now)


def _reaching(judged: Judgement, one: Seen, footprint: int, now: float) -> Judgement:
    """``judged`` with the time at which a gateway of ``footprint`` bytes reaches its limit."""
    reached, earliest, _latest = verdict_cache.reached(one.verdict, footprint, one.limit, now)
    return judged._replace(reached=reached, earliest=earliest)


def _least(settings: Settings, one: Seen, now: float) -> int:
    """The lowest footprint of this run in the last BURST_SECONDS."""
    rows = [one.row] if one.row is not None else []
    rows += [
        row
        for row in history.tail(settings.folder, _MOST_SAMPLES)
        if [row["invocation_id"], row["pid"]] == one.run
        and 0 <= now - row["timestamp"] <= BURST_SECONDS
    ]
    return min(sampling.footprint(row) for row in rows)


def _next_restart(settings: Settings, one: Seen) -> float | None:
    """The time of the next calendar restart; None if there is none, or if it is suspended."""
    timer = {} if one.counters is None else one.counters.timer
    moment = metrics.finite(timer.get("next"))
    end = None if moment is None else suspension.read(settings.folder)
    if end is not None and moment is not None and end.since <= moment <= end.until:
        return None
    return moment


def _watchdog_acts(settings: Settings, one: Seen, now: float) -> bool:
    """Whether the watchdog would restart the gateway before its limit."""
    restarts = 0 if one.counters is None else one.counters.of_last_day(now)
    return (
        settings.threshold is not None
        and settings.action == "restart"
        and settings.threshold < one.limit
        and restarts < settings.daily_cap
        and suspension.of_watchdog(settings.folder, now) is None
    )


def findings(judged: Judgement, now: float) -> dict[str, str]:
    """The sentence for each early alert that ``judged`` calls for, by its event."""
    found = {}
    if judged.verdict == LEAK:
        found[LEAK] = "it leaks memory%s; see hermes-guard trend" % _growth(judged)
    if is_limit_soon(judged, now):
        reached = judged.reached or now
        found[LIMIT_SOON] = "it reaches its limit of %s in %s, before its next restart%s" % (
            display.megabytes(judged.limit),
            display.span(max(0.0, reached - now)),
            _growth(judged),
        )
    return found


def is_limit_soon(judged: Judgement, now: float) -> bool:
    """Whether the gateway reaches its limit within a day, and nothing restarts it before that.

    The alert HermesGatewayMemoryLimitSoon uses the same rule.
    """
    if judged.reached is None or judged.reached - now >= SOON_SECONDS or judged.watchdog_acts:
        return False
    earliest = judged.reached if judged.earliest is None else judged.earliest
    return judged.next_restart is None or judged.next_restart >= earliest


def _growth(judged: Judgement) -> str:
    """The growth and its interval, to append to a sentence."""
    if judged.growth is None:
        return ""
    text = ": growth %s MB/h" % _rate(judged.growth)
    if judged.growth_lower is not None and judged.growth_upper is not None:
        text += " (95 %% interval %s to %s)" % (
            _rate(judged.growth_lower),
            _rate(judged.growth_upper),
        )
    return text


def _rate(bytes_per_second: float) -> str:
    return "%.3g" % (bytes_per_second * display.HOUR / display.MB)


def note(
    settings: Settings, judged: Judgement, now: float, row: dict[str, Any] | None = None
) -> list[str]:
    """Raise or close the early alerts of a gateway: a line for the journal for each new one.

    Every check may call this: a judgement counts once. ``row`` is the newest sample.
    """
    found = findings(judged, now)
    if not found and not os.path.exists(os.path.join(settings.folder, alarms.NAME)):
        return []
    opened = alarms.open_alarms(settings)
    lines = []
    for event in alarms.EARLY:
        known = opened.get(event)
        if event in found and known is None:
            alarms.begin(settings, (event, found[event]), row, _seen(judged))
            lines.append(found[event])
        elif known is not None and known.get("judged") != judged.time:
            _follow(settings, event, judged, (known, event in found))
    alarms.remind(settings, alarms.EARLY)
    return lines


def _follow(
    settings: Settings, event: str, judged: Judgement, seen: tuple[dict[str, Any], bool]
) -> None:
    """Count a new judgement for an open alert, and close the alert if it is over."""
    known, holds = seen
    clear = known.get("clear")
    clear = 0 if holds else 1 + (clear if isinstance(clear, int) else 0)
    new_run = event == LIMIT_SOON and known.get("run") != judged.run
    if clear >= CLEAR or (clear and new_run):
        text = "it no longer reaches its limit within a day"
        if event == LEAK:
            text = "its memory verdict has changed from leak to %s" % judged.verdict
        alarms.settle(settings, (event,), text)
        return
    alarms.amend(settings, event, dict(_seen(judged), clear=clear))


def _seen(judged: Judgement) -> dict[str, Any]:
    return {"judged": judged.time, "run": judged.run}
