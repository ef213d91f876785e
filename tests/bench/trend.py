# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures `hermes-guard trend` on histories of a day to a year, with a sample every five minutes: a leak with noise that the watchdog restarts."""

from __future__ import annotations

import random
import statistics

import guard
import runs

DAYS = (1, 7, 30, 365)


def run(options):
    """A row for each length of history."""
    program = guard.program()
    rows = []
    for days in DAYS:
        path = runs.OUT / ("samples-%d.csv" % days)
        # Line by line: a program that is started counts what this process takes as its own peak.
        with open(path, "w", encoding="utf-8") as out:
            out.writelines(_history(days))
        done = [
            runs.measure([program, "trend", "--json", "--samples", path])
            for _number in range(options.repeats)
        ]
        rows.append(
            {
                "days": days,
                "samples": days * 288,
                "runs": len(done),
                "cpu_ms": round(1000 * statistics.median(one.cpu for one in done)),
                "wall_ms": round(1000 * statistics.median(one.wall for one in done)),
                "peak_mb": round(done[0].peak_mb),
                "file_kb": path.stat().st_size // 1000,
            }
        )
    return rows


def _history(days):
    dice = random.Random(1)
    yield "timestamp,invocation_id,rss_bytes\n"
    rss, life = 90e6, 0
    for number in range(days * 288):
        rss += 250e3
        if rss > 900e6:
            rss, life = 90e6, life + 1
        yield "%d,%032x,%d\n" % (1790000000 + 300 * number, life, rss + abs(dice.gauss(0, 3e6)))
