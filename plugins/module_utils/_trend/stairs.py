# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Growth in stairs: rises of like size, such as one each night, none of which is given back."""

from __future__ import annotations

from collections.abc import Sequence

from . import jumps, stats

# One rise is a load, two may be chance, three are growth.
LEAST_STAIRS = 3
# The smallest of them is at least such a share of the largest: what fills rises by less each time.
LIKE = 0.4
# MB. Smaller ones are lost in the ups and downs.
LEAST_MB = 30.0
# After a stair, the baseline keeps this share of it.
KEPT = 0.6


def count(baseline: Sequence[float], noise: float) -> int:
    """How many stairs ``baseline`` (MB) climbs; 0 if they are fewer than three or unlike."""
    least = max(LEAST_MB, 2 * noise)
    rises = []
    for jump in jumps.find(baseline, len(baseline)):
        if jump.height < least:
            if jump.height < -least:
                return 0
            continue
        before = stats.median(baseline[max(0, jump.place - 2 * jumps.REACH) : jump.place])
        lowest = stats.quantile(baseline[jump.place + 1 :] or [before], 0.02)
        if lowest - before < KEPT * jump.height:
            return 0
        rises.append(jump.height)
    # The first rise of a run is a cache that fills more often than a stair.
    while len(rises) > LEAST_STAIRS and min(rises) < LIKE * rises[0]:
        rises.pop(0)
    if len(rises) < LEAST_STAIRS or min(rises) < LIKE * max(rises):
        return 0
    return len(rises)
