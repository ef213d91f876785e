# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Growth in stairs: rises of like size, such as one each night, none of which is given back."""

from __future__ import annotations

from collections.abc import Sequence

from . import jumps, stats
from .jumps import Jump

# One rise is a load, two may be chance, three are growth.
LEAST_STAIRS = 3
# The smallest of them is at least such a share of the largest.
LIKE = 0.5
# MB. Smaller ones are lost in the ups and downs.
LEAST_MB = 30.0
# After a stair, the baseline keeps this share of it.
KEPT = 0.6
# The lowest that it is afterwards, but for a few bins.
LOWEST = 0.02


def count(baseline: Sequence[float]) -> int:
    """How many stairs ``baseline`` (MB) climbs; 0 if they are fewer than three."""
    found = jumps.find(baseline, len(baseline))
    # What is smaller by far, up or down, is the day's.
    least = max(LEAST_MB, LIKE * max([jump.height for jump in found], default=0.0))
    stairs = [jump for jump in found if abs(jump.height) >= least]
    if len(stairs) < LEAST_STAIRS or not all(_is_kept(baseline, jump) for jump in stairs):
        return 0
    return len(stairs)


def _is_kept(baseline: Sequence[float], jump: Jump) -> bool:
    """Whether the baseline rises by ``jump`` and does not fall again by most of it."""
    before = stats.median(baseline[max(0, jump.place - 2 * jumps.REACH) : jump.place])
    after = baseline[jump.place + jumps.REACH // 2 :]
    lowest = stats.quantile(after, LOWEST)
    return jump.height > 0 and lowest - before >= KEPT * jump.height
