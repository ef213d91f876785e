# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures false results on changes without effect: a new leak, or a wrongly blamed provider.

    python3 tests/trend/changes.py --first 1000 --seeds 300

Each seed is a gateway without a leak, sampled for 21 days under one of the usual calendars. In the
middle, its provider changes, which does not affect its memory. The results are how often ``--since``
reports a new leak, and how often a provider is blamed.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / ".build/collections"), str(HERE)]

import shapes
from advice import CALENDARS
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import (
    analysis,
    comparison,
    samples,
)
from gateway import simulate
from seeds import parser_of

DAYS = 21
# Maximum share of new leaks, and of blamed providers.
NEW_LEAK, BLAME = 0.01, 0.02


class Said(NamedTuple):
    """The result of one change."""

    seed: int
    result: str
    verdict: str
    blame: str | None


def change(seed: int) -> Said:
    """The result of the change of ``seed``."""
    chance = random.Random("change %d" % seed)
    gateway = shapes.any_gateway(chance)
    gateway.restarts = chance.choice(CALENDARS)(chance)
    rows = simulate(gateway, 24.0 * DAYS, chance).rows
    middle = len(rows) // 2
    for place, row in enumerate(rows):
        row["provider"] = "one" if place < middle else "other"
    series = samples.of_rows(rows)
    result = comparison.compare(series, rows[middle]["timestamp"])["result"]
    answer = analysis.trend(series)
    switch = answer["provider_switch"]
    blame = switch if "the leak depends on the provider" in (switch or "") else None
    return Said(seed, result, answer["verdict"], blame)


def main() -> int:
    parser = parser_of(__doc__, 30)
    options = parser.parse_args()
    found = [change(seed) for seed in range(options.first, options.first + options.seeds)]
    new = [one for one in found if one.result == "new_leak"]
    blamed = [one for one in found if one.blame]
    print("%d of %d are called a new leak" % (len(new), len(found)))
    print("in %d of %d a provider is blamed" % (len(blamed), len(found)))
    for one in new + blamed:
        print(one)
    return 1 if len(new) > NEW_LEAK * len(found) or len(blamed) > BLAME * len(found) else 0


if __name__ == "__main__":
    sys.exit(main())
