# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is it a leak? The verdict on a history, with its evidence; docs/trend.md has the method."""

from __future__ import annotations

from typing import NamedTuple

from . import verdict_rules
from .evidence import Evidence
from .series import Series
from .stats import TheilSen


class Judgement(NamedTuple):
    """A verdict and what it is based on."""

    evidence: Evidence
    verdict: str

    @property
    def grows(self) -> bool:
        """Whether the verdict is that of growth that goes on."""
        return self.verdict in ("leak", "suspected")

    @property
    def rate(self) -> TheilSen | None:
        """The slope with its interval at 95 %, in MB/h; None if too little was seen for a verdict.

        The interval of growth also holds that of the second halves of the runs, if these climb for
        sure. A warm-up that takes longer than its hour moves the slope of the whole, and the
        interval of the whole knows of noise only.
        """
        whole, late = self.evidence.whole, self.evidence.late
        if whole is None or self.verdict == "insufficient":
            return None
        if self.grows and late is not None and late.low > 0:
            return TheilSen(whole.slope, min(whole.low, late.low), max(whole.high, late.high))
        return TheilSen(whole.slope, whole.low, whole.high)


def judge(series: Series) -> Judgement:
    """The verdict on ``series``."""
    evidence = Evidence(series)
    return Judgement(evidence, verdict_rules.verdict(evidence))
