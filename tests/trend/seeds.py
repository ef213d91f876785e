# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared code of the measurements over many seeds: verdicts, bounds, options, processes."""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

Judged = TypeVar("Judged")

VERDICTS = ("leak", "suspected", "saturating", "sawtooth", "step", "spiky", "flat", "insufficient")
# Maximum share of harmless histories with the verdict leak, minimum share of leaks that are found,
# and minimum share of intervals that contain the true rate.
FALSE, FOUND, COVERED = 0.02, 0.95, 0.90


def parser_of(doc: str | None, seeds: int, first: int = 0) -> argparse.ArgumentParser:
    """A parser with --seeds and --first; ``doc`` starts with a description of the measurement."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=seeds, help="how many (default: %(default)s)")
    parser.add_argument("--first", type=int, default=first, help="the first (default: %(default)s)")
    return parser


def judged(
    judge: Callable[[tuple[str, int]], Judged],
    names: Iterable[str],
    seeds: Sequence[int],
    workers: int,
) -> list[Judged]:
    """The result of ``judge`` for each name with each seed, in ``workers`` processes."""
    tasks = [(name, seed) for name in names for seed in seeds]
    if workers == 1:
        return [judge(task) for task in tasks]
    with multiprocessing.Pool(workers) as pool:
        return pool.map(judge, tasks, chunksize=4)
