# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides whether a history shows a leak; docs/trend.md describes the method."""

from __future__ import annotations

from typing import NamedTuple

from . import deaths, intervals, slowing, verdict_rules, windows
from .deaths import Deaths
from .evidence import Evidence
from .segments import WARM_UP_HOURS
from .series import Series
from .stats import TheilSen

# The share of a run that counts as warm-up, if runs end within hours.
WARM_UP_SHARE = 0.2


class Judgement(NamedTuple):
    """A verdict on ``series`` and its basis.

    ``evidence`` is that of the window or the runs that decided. ``reason`` is one of the reasons of
    verdict_rules; ``deaths`` are the runs that ended at the limit, if they form a pattern.
    """

    series: Series
    evidence: Evidence
    verdict: str
    reason: str | None = None
    deaths: Deaths | None = None

    @property
    def grows(self) -> bool:
        """Whether the verdict is continuing growth."""
        return self.verdict in ("leak", "suspected")

    @property
    def rate(self) -> TheilSen | None:
        """The slope with its 95 % interval in MB/h; None without enough data for a verdict.

        The interval of growth covers every other estimate of the same rate: second halves of the
        runs, parts of the day, days, and the total gain of the runs. The plain interval accounts
        only for noise, not for caches that fill and the time of day.
        """
        whole = self.evidence.whole
        if whole is None or self.verdict == "insufficient":
            return None
        if not self.grows:
            return TheilSen(whole.slope, whole.low, whole.high)
        return intervals.of_growth(self.evidence, whole)


def judge(series: Series, limit_bytes: float | None = None) -> Judgement:
    """The verdict on ``series``; ``limit_bytes`` identifies runs that end at the limit."""
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
    """The verdict on runs that end at the limit; None if they do not grow until they reach it."""
    warm_up = min(WARM_UP_HOURS, WARM_UP_SHARE * found.usual_hours)
    if found.usual_hours < WARM_UP_HOURS / 2:
        # A run has hardly more than one sample.
        warm_up = 0.0
    evidence = Evidence(series, warm_up=warm_up)
    whole, late = evidence.whole, evidence.late
    if whole is None or not whole.climbs() or whole.slope < verdict_rules.LEAST_SLOPE:
        return None
    if late is not None and late.slope < verdict_rules.LATE_SHARE * whole.slope:
        return None
    # A timer may also end runs while a cache fills near the limit: growth is then slower late in a
    # run.
    steady = late is not None and late.slope >= verdict_rules.STEADY_SHARE * whole.slope
    sure = steady and found.many > deaths.LEAST and not slowing.slows(evidence.runs)
    return Judgement(
        series, evidence, "leak" if sure else "suspected", verdict_rules.AT_LIMIT, found
    )
