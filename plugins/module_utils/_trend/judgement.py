# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is it a leak? The verdict on a history, with its evidence; docs/trend.md has the method."""

from __future__ import annotations

from typing import NamedTuple

from . import deaths, intervals, slowing, verdict_rules, windows
from .deaths import Deaths
from .evidence import Evidence
from .segments import WARM_UP_HOURS
from .series import Series
from .stats import TheilSen

# Of runs that end within hours, such a share is warm-up.
WARM_UP_SHARE = 0.2


class Judgement(NamedTuple):
    """A verdict on ``series`` and what it is based on.

    ``evidence`` is that of the window or the runs that decided. ``reason`` is one of those of
    verdict_rules; ``deaths`` are the runs that ended at the limit, if they are a pattern.
    """

    series: Series
    evidence: Evidence
    verdict: str
    reason: str | None = None
    deaths: Deaths | None = None

    @property
    def grows(self) -> bool:
        """Whether the verdict is that of growth that goes on."""
        return self.verdict in ("leak", "suspected")

    @property
    def rate(self) -> TheilSen | None:
        """The slope with its interval at 95 %, in MB/h; None if too little was seen for a verdict.

        The interval of growth also holds every other estimate of the same rate: of the second
        halves of the runs, of each part of the day, of one day to the next, and of what the runs
        gained in all. The interval of the whole knows of noise only, not of caches that fill and of
        the time of day.
        """
        whole = self.evidence.whole
        if whole is None or self.verdict == "insufficient":
            return None
        if not self.grows:
            return TheilSen(whole.slope, whole.low, whole.high)
        return intervals.of_growth(self.evidence, whole)


def judge(series: Series, limit_bytes: float | None = None) -> Judgement:
    """The verdict on ``series``; runs that end at ``limit_bytes`` are known by it."""
    found = deaths.at_limit(series, limit_bytes)
    if found is not None:
        judged = _of_deaths(series, found)
        if judged is not None:
            return judged
    evidence = Evidence(series)
    verdict, reason = verdict_rules.rule(evidence)
    if verdict not in ("leak", "insufficient"):
        for window in windows.of(series, evidence):
            lately = verdict_rules.rule(window)
            if lately.verdict == "leak" or lately.verdict == "suspected" != verdict:
                return Judgement(series, window, lately.verdict, verdict_rules.LATELY)
    return Judgement(series, evidence, verdict, reason)


def _of_deaths(series: Series, found: Deaths) -> Judgement | None:
    """The verdict on runs that end at the limit; None if they do not climb all the way to it."""
    warm_up = min(WARM_UP_HOURS, WARM_UP_SHARE * found.usual_hours)
    if found.usual_hours < WARM_UP_HOURS / 2:
        # There is hardly more than one sample after the start.
        warm_up = 0.0
    evidence = Evidence(series, warm_up=warm_up)
    whole, late = evidence.whole, evidence.late
    if whole is None or not whole.climbs() or whole.slope < verdict_rules.LEAST_SLOPE:
        return None
    if late is not None and late.slope < verdict_rules.LATE_SHARE * whole.slope:
        return None
    # A timer, too, may end a cache that fills near the limit: then it grows less late in a run.
    steady = late is not None and late.slope >= verdict_rules.STEADY_SHARE * whole.slope
    sure = steady and found.many > deaths.LEAST and not slowing.slows(evidence.runs)
    return Judgement(
        series, evidence, "leak" if sure else "suspected", verdict_rules.AT_LIMIT, found
    )
