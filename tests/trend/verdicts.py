# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures error rates of the verdict on the shapes of shapes.py, as a confusion matrix.

    python3 tests/trend/verdicts.py --first 2000 --seeds 100

Thresholds are chosen on seeds below 1000. What is reported is of seeds 2000 to 2099, which nothing
was chosen on. The exit code is 1 if a promise is broken.
"""

from __future__ import annotations

import collections
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / ".build/collections"), str(HERE)]

import shapes
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import analysis
from gateway import MB
from seeds import COVERED, FALSE, FOUND, VERDICTS, judged, parser_of

# Verdicts that are wrong and confident for a leak.
HARMLESS = ("saturating", "sawtooth", "step", "spiky", "flat")
# Maximum share of a leaking shape that may be called harmless.
CONFIDENT = 0.05


class Judged(NamedTuple):
    """The verdict on one history; ``covered`` is None if there is no interval."""

    name: str
    seed: int
    verdict: str
    covered: bool | None


class Tally(NamedTuple):
    """The verdicts on a shape, as numbers of seeds, and the share of intervals that hold."""

    verdicts: collections.Counter[str]
    covered: float | None

    def share(self, *verdicts: str) -> float:
        return sum(self.verdicts[one] for one in verdicts) / max(1, sum(self.verdicts.values()))


def judge(task: tuple[str, int]) -> Judged:
    """The verdict on a shape with a seed."""
    name, seed = task
    history, gateway = shapes.history(name, seed)
    limit = None if math.isinf(gateway.limit) else gateway.limit * MB
    answer = analysis.trend(history.rows, limit)
    covered = None
    if answer["slope_ci"] and answer["verdict"] in ("leak", "suspected"):
        low, high = answer["slope_ci"]
        covered = low <= history.rate <= high
    return Judged(name, seed, answer["verdict"], covered)


def matrix(names: Iterable[str], seeds: Sequence[int], workers: int = 1) -> dict[str, Tally]:
    """The tally of each shape."""
    found = judged(judge, names, seeds, workers)
    return {name: tally([one for one in found if one.name == name]) for name in names}


def tally(found: Sequence[Judged]) -> Tally:
    covered = [one.covered for one in found if one.covered is not None]
    return Tally(
        collections.Counter(one.verdict for one in found),
        sum(covered) / len(covered) if covered else None,
    )


def faults(name: str, found: Tally) -> list[str]:
    """The bounds that the tally of shape ``name`` violates."""
    answer = shapes.SHAPES[name].answer
    if answer == shapes.CLEAN:
        share = found.share("leak")
        return ["%.0f %% false leak" % (100 * share)] if share > FALSE else []
    right = ("leak",) if answer == shapes.LEAK else ("leak", "suspected")
    broken = []
    if found.share(*right) < FOUND:
        broken.append("%.0f %% found" % (100 * found.share(*right)))
    if found.share(*HARMLESS) > CONFIDENT:
        broken.append("%.0f %% called harmless" % (100 * found.share(*HARMLESS)))
    if found.covered is not None and found.covered < COVERED:
        broken.append("interval holds in %.0f %%" % (100 * found.covered))
    return broken


def table(found: dict[str, Tally], marks: bool = True) -> str:
    """A matrix as Markdown; with ``marks``, violated bounds beside it."""
    lines = [
        "| shape | right answer | %s | rate in interval |%s"
        % (" | ".join(VERDICTS), " broken |" if marks else ""),
        "|---|---|%s---:|%s" % ("---:|" * len(VERDICTS), "---|" if marks else ""),
    ]
    for name, one in found.items():
        answer = shapes.SHAPES[name].answer
        covered = ""
        if answer != shapes.CLEAN and one.covered is not None:
            covered = "%.0f %%" % (100 * one.covered)
        line = "| %s | %s | %s | %s |" % (
            name,
            {"hidden": "leak or suspected", "clean": "no leak"}.get(answer, answer),
            " | ".join(str(one.verdicts[verdict] or "") for verdict in VERDICTS),
            covered,
        )
        lines.append(line + (" %s |" % ", ".join(faults(name, one)) if marks else ""))
    return "\n".join(lines)


def main() -> int:
    parser = parser_of(__doc__, 20)
    parser.add_argument("--shape", default="", help="only those with this text in their name")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument("--each", action="store_true", help="print the verdict on each seed")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    found: dict[str, Tally] = {}
    for name in shapes.SHAPES:
        if options.shape in name:
            if options.each:
                for seed in seeds:
                    print(judge((name, seed)))
            else:
                found.update(matrix([name], seeds, options.workers))
                print(table({name: found[name]}).splitlines()[-1], flush=True)
    print("\nseeds %d to %d\n\n%s" % (seeds[0], seeds[-1], table(found)))
    return 1 if any(faults(name, one) for name, one in found.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
