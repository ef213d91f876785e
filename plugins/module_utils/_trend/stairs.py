# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detects growth in stairs: rises of similar size that are never released, such as one a night."""

from __future__ import annotations

from collections.abc import Sequence

from . import jumps, stats
from .jumps import Jump

# One rise is load, two may be chance, three are growth.
LEAST_STAIRS = 3
# The smallest rise is at least this share of the largest.
LIKE = 0.5
# MB. Smaller rises are lost in the noise.
LEAST_MB = 30.0
# The share of a rise that the baseline must keep.
KEPT = 0.6
# Quantile used as the lowest value afterwards, so that a few bins do not count.
LOWEST = 0.02


def count(baseline: Sequence[float]) -> int:
    """The number of stairs in ``baseline`` (MB); 0 if fewer than three."""
    found = jumps.find(baseline, len(baseline))
    # Much smaller jumps, up or down, belong to the daily rhythm.
    least = max(LEAST_MB, LIKE * max([jump.height for jump in found], default=0.0))
    stairs = [jump for jump in found if abs(jump.height) >= least]
    if len(stairs) < LEAST_STAIRS or not all(_is_kept(baseline, jump) for jump in stairs):
        return 0
    return len(stairs)


def _is_kept(baseline: Sequence[float], jump: Jump) -> bool:
    """Whether ``jump`` is a rise that the baseline mostly keeps."""
    before = stats.median(baseline[max(0, jump.place - 2 * jumps.REACH) : jump.place])
    after = baseline[jump.place + jumps.REACH // 2 :]
    lowest = stats.quantile(after, LOWEST)
    return jump.height > 0 and lowest - before >= KEPT * jump.height
