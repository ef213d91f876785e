# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that derive a verdict from the evidence.

A threshold without a stated source was chosen on the simulated histories of tests/trend, seeds 0 to
299; docs/trend.md lists the error rates on other seeds.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from .._host.display import HOUR
from . import jumps, stats
from .enough import LEAST_BINS, LEAST_HOURS
from .evidence import Evidence, Trend
from .segments import WARM_UP_HOURS, second_half

# MB/h. Less than 24 MB a day is harmless before the next update.
LEAST_SLOPE = 1.0
# MB/h. Faster growth matches no known leak.
KNOWN_SLOPE = 100.0
# The second halves of the runs, and the pieces between jumps, must grow at least at a third of the
# rate of the rest, and either significantly or at about the overall rate. A part has fewer values
# than the whole, so a weaker proof is enough.
LATE_SHARE = 0.35
STEADY_SHARE = 0.6
P_OF_A_PART = 0.05
# If most of the rise is released for hours, the history is a sawtooth: the share is then above 1.1,
# in leaks below 0.4.
GIVEN_BACK_SHARE = 0.8
# Jumps, plateaus and bursts do not count for the shape of a history if they are smaller than this:
# in MB, and as a multiple of the usual deviation.
LEAST_SHAPE_MB = 30.0
SHAPE_OF_DEVIATION = 4
# A rise in the first quarter of a run is a filling cache; a later one is a step.
FILLS_EARLY = 0.25
# A sawtooth of up to two days between falls shows in these last hours, in bins of half an hour.
SAWTOOTH_HOURS = 120.0
# A burst counts if it is a fifth of the baseline; with bursts in a tenth of its bins, a history
# is spiky.
BURST_SHARE = 0.2
SPIKY_SHARE = 0.1


# Why a verdict is not more certain.
SHORT, NOISE, TIME_OF_DAY, SLOWS, STAIRS = "short", "noise", "time of day", "slows", "stairs"
AT_LIMIT, LATELY = "at limit", "lately"
# This many stairs prove a leak.
SURE_STAIRS = 5


class Ruling(NamedTuple):
    """A verdict; ``reason`` is one of the constants above, None if the verdict needs no reason."""

    verdict: str
    reason: str | None = None


def verdict(evidence: Evidence) -> str:
    """The verdict; docs/trend.md explains each of them."""
    return rule(evidence).verdict


def rule(evidence: Evidence) -> Ruling:
    """The verdict with its reason."""
    whole = evidence.whole
    grows = whole is not None and whole.climbs(evidence.p) and whole.slope >= LEAST_SLOPE
    if evidence.bins < LEAST_BINS or evidence.hours + WARM_UP_HOURS < LEAST_HOURS:
        # Too early to be certain, too fast to wait.
        fast = grows and whole is not None and whole.low > KNOWN_SLOPE
        return Ruling("suspected" if fast else "insufficient", SHORT)
    shape = _of_growth(evidence) if grows else None
    if evidence.restarted:
        return _of_restarted(evidence, grows, shape)
    if grows and shape is None:
        return _of_long_run(evidence)
    if evidence.stairs:
        return Ruling("leak" if evidence.stairs >= SURE_STAIRS else "suspected", STAIRS)
    return Ruling(shape or _of_shape(evidence))


def _of_long_run(evidence: Evidence) -> Ruling:
    """The ruling on continuing growth, in runs that separate the age from the time of day."""
    if not evidence.clear():
        return Ruling("suspected", NOISE)
    if evidence.slows():
        return Ruling("suspected", SLOWS)
    if evidence.each_part_climbs() or evidence.each_day_climbs():
        return Ruling("leak")
    return Ruling("suspected", TIME_OF_DAY)


def _of_restarted(evidence: Evidence, grows: bool, shape: str | None) -> Ruling:
    """The ruling on runs that are all too short to separate the age from the time of day."""
    whole = evidence.whole
    if grows and shape is None:
        if not evidence.long_enough():
            return Ruling("suspected", SHORT)
        if not evidence.clear():
            return Ruling("suspected", NOISE)
        if evidence.each_part_climbs() and not evidence.slows():
            return Ruling("leak")
        return Ruling("suspected", TIME_OF_DAY)
    short = not evidence.long_enough()
    if short and whole is not None and whole.low >= LEAST_SLOPE and not grows:
        # Apparent growth that may be chance is not declared harmless within a day.
        return Ruling("insufficient", SHORT)
    if _gained(evidence) >= LEAST_SLOPE and not _rests_late(evidence):
        return Ruling("suspected", SHORT if short else TIME_OF_DAY)
    return Ruling(shape or _of_shape(evidence))


def _gained(evidence: Evidence) -> float:
    """The larger estimate of the gain of runs in MB/h; 0 if no full day was covered."""
    if evidence.parts is None and not evidence.long_enough():
        return 0.0
    gained = [evidence.balance.rate] if evidence.balance else []
    gained += [evidence.parts.mean] if evidence.parts else []
    return max(gained, default=0.0)


def _rests_late(evidence: Evidence) -> bool:
    """Whether the second halves of the runs do not grow and memory falls at no time of day.

    A fall that follows the traffic could hide growth.
    """
    late, parts = evidence.late, evidence.parts
    if late is None or parts is None:
        return False
    rests = -LEAST_SLOPE < late.low and late.high < LEAST_SLOPE
    return rests and min(parts.rates) > -LEAST_SLOPE


def _of_growth(evidence: Evidence) -> str | None:
    """The verdict if the growth does not continue; None if it does."""
    if not _goes_on(evidence.pieces, evidence.slope, evidence.slope):
        return "saturating" if _jumps_early(evidence) else "step"
    if not _goes_on(evidence.late, max(evidence.slope, evidence.early), evidence.slope):
        return "saturating"
    if evidence.fall > GIVEN_BACK_SHARE * evidence.rise:
        return "sawtooth"
    return None


def _goes_on(part: Trend | None, slope: float, whole: float) -> bool:
    """Whether ``part`` still grows; ``slope`` is the rate of the rest, ``whole`` that of all."""
    if part is None or part.slope < LATE_SHARE * slope:
        return False
    return part.climbs(P_OF_A_PART) or part.slope >= STEADY_SHARE * whole


def _jumps_early(evidence: Evidence) -> bool:
    """Whether the largest jump is a rise early in a run, as when caches fill."""
    found = [
        (jump.height, jump.place / len(one.baseline))
        for one in evidence.runs
        for jump in jumps.find(one.baseline)
    ]
    if not found:
        return False
    height, place = max(found)
    return height > 0 and place <= FILLS_EARLY


def _of_shape(evidence: Evidence) -> str:
    """The verdict on a history without growth."""
    late = [value for one in evidence.segments for value in second_half(one).values]
    tall = max(LEAST_SHAPE_MB, SHAPE_OF_DEVIATION * stats.median_absolute_deviation(late))
    if _climbs_between_falls(evidence) or _climbs_between_last_falls(evidence):
        return "sawtooth"
    if any(
        abs(jumps.lasting(one.baseline, jump.place)) > tall
        for one in evidence.runs
        for jump in jumps.find(one.baseline)
    ):
        return "saturating" if _jumps_early(evidence) else "step"
    if _mostly_levelled_off(evidence, tall):
        return "saturating"
    if ended_in_bursts(evidence):
        return "spiky"
    spikes = sum(
        1
        for one in evidence.runs
        for baseline, top in zip(one.baseline, one.tops)
        if top - baseline > max(LEAST_SHAPE_MB, BURST_SHARE * baseline)
    )
    return "spiky" if spikes > SPIKY_SHARE * evidence.bins else "flat"


def _climbs_between_falls(evidence: Evidence) -> bool:
    """Whether memory grows between jumps down of at least half the deepest fall."""
    least = max(LEAST_SHAPE_MB, evidence.deepest / 2)
    falls = any(jump.height < -least for one in evidence.runs for jump in jumps.find(one.baseline))
    pieces = evidence.pieces
    return (
        falls and pieces is not None and pieces.climbs(P_OF_A_PART) and pieces.slope >= LEAST_SLOPE
    )


def _climbs_between_last_falls(evidence: Evidence) -> bool:
    """Whether memory grows between the falls of the last days of a longer history.

    A history of weeks has more falls than cuts, so its pieces do not grow, and its long bins hide
    the falls.
    """
    clock = evidence.series.clock
    begin = bisect_left(clock, clock[-1] - SAWTOOTH_HOURS * HOUR)
    if evidence.seen_hours <= SAWTOOTH_HOURS or begin >= len(clock) - 1:
        return False
    return _climbs_between_falls(Evidence(evidence.series.part(begin, len(clock))))


def _mostly_levelled_off(evidence: Evidence, tall: float) -> bool:
    """Whether most runs end more than ``tall`` MB above their start."""
    risen = sum(
        1
        for one in evidence.runs
        if stats.median(second_half(one.segment).values) - one.baseline[0] > tall
    )
    return risen * 2 > len(evidence.runs)


def ended_in_bursts(evidence: Evidence) -> int:
    """The number of runs that ended in a burst to twice their size; 0 if below 2 or half of them.

    A burst at the end of a run was not released.
    """
    ended = evidence.runs[:-1]
    high = sum(
        1
        for one in ended
        if max(one.tops[-2:]) - one.baseline[0] > max(LEAST_SHAPE_MB, stats.median(one.baseline))
    )
    return high if high >= 2 and 2 * high >= len(ended) else 0
