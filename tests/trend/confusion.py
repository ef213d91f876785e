# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures error rates of the verdict on the scenarios of simulate.py, as a confusion matrix.

The exit code is 1 if a promise is broken. The thresholds were chosen on seeds 0 to 299. What is
reported must be of others: the default is 1000 and on.
"""

from __future__ import annotations

import collections
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / ".build/collections"), str(HERE)]

import simulate
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import known_leaks
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import analysis
from seeds import COVERED, FALSE, FOUND, VERDICTS, judged, parser_of


class Judged(NamedTuple):
    """The verdict on one history; ``covered`` if its interval contains the true rate."""

    scenario: str
    verdict: str
    covered: bool


class Tally(NamedTuple):
    """How often each verdict was given; the share of seeds whose interval contains the true rate."""

    verdicts: collections.Counter[str]
    covered: float


def judge(task: tuple[str, int]) -> Judged:
    """The verdict on a scenario with a seed."""
    name, seed = task
    rows, rate = simulate.series(name, seed)
    answer = analysis.trend(rows, known_leak=known_leaks.known)
    low, high = answer["slope_ci"] or (math.inf, -math.inf)
    return Judged(name, answer["verdict"], low <= rate <= high)


def matrix(names: Iterable[str], seeds: Sequence[int], workers: int = 2) -> dict[str, Tally]:
    """The tally of each scenario."""
    found = judged(judge, names, seeds, workers)
    return {
        name: Tally(
            collections.Counter(one.verdict for one in found if one.scenario == name),
            sum(one.covered for one in found if one.scenario == name) / len(seeds),
        )
        for name in names
    }


def faults(found: Mapping[str, tuple[collections.Counter[str], float]]) -> list[str]:
    """The bounds that a matrix violates."""
    broken = []
    for name, (verdicts, covered) in found.items():
        kind, share = simulate.SCENARIOS[name][1], verdicts["leak"] / sum(verdicts.values())
        if kind == "harmless" and share > FALSE:
            broken.append(
                "%s: %.1f %% are called a leak, and %.0f %% is the most"
                % (name, 100 * share, 100 * FALSE)
            )
        if kind == "leak" and share < FOUND:
            broken.append(
                "%s: %.1f %% are called a leak, and %.0f %% is the least"
                % (name, 100 * share, 100 * FOUND)
            )
        if kind == "leak" and covered < COVERED:
            broken.append(
                "%s: the rate lies in its interval in %.1f %%, and %.0f %% is the least"
                % (name, 100 * covered, 100 * COVERED)
            )
    return broken


def table(found: Mapping[str, tuple[collections.Counter[str], float]]) -> str:
    """A matrix as Markdown."""
    lines = [
        "| scenario | kind | %s | rate in interval |" % " | ".join(VERDICTS),
        "|---|---|%s---:|" % ("---:|" * len(VERDICTS)),
    ]
    for name, (verdicts, covered) in found.items():
        kind = simulate.SCENARIOS[name][1]
        counts = " | ".join(str(verdicts[one]) if verdicts[one] else "" for one in VERDICTS)
        lines.append(
            "| %s | %s | %s | %s |"
            % (name, kind, counts, "%.1f %%" % (100 * covered) if kind == "leak" else "")
        )
    return "\n".join(lines)


def main() -> int:
    parser = parser_of(__doc__, 200, 1000)
    parser.add_argument("--scenario", default="", help="only those with this text in their name")
    options = parser.parse_args()
    names = [name for name in simulate.SCENARIOS if options.scenario in name]
    found = matrix(names, range(options.first, options.first + options.seeds))
    print(
        "seeds %d to %d\n\n%s\n" % (options.first, options.first + options.seeds - 1, table(found))
    )
    broken = faults(found)
    print("\n".join(broken) or "every promise is kept")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
