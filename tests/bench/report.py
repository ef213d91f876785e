# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the fleet report of ten to ten thousand synthetic gateways with charts of up to 300 points: time, memory, size."""

from __future__ import annotations

import json
import statistics
import sys

import runs

SIZES = (10, 100, 1000, 10000)


def run(options):
    """A row for each size; memory is that of the whole program, including the answers of the hosts."""
    rows = []
    log = runs.OUT / "report.log"
    for size in SIZES:
        done, said = [], []
        for _number in range(options.repeats if size < 10000 else 1):
            done.append(
                runs.measure(
                    [sys.executable, runs.TOP / "tests/report/many.py", size, runs.OUT / "report"],
                    log,
                )
            )
            said.append(json.loads(log.read_text(encoding="utf-8").splitlines()[-1]))
        row = {"gateways": size, "runs": len(done)}
        row.update(
            {
                key: statistics.median(one[key] for one in said)
                for key in said[0]
                if key.endswith("_seconds")
            }
        )
        row.update(
            {
                key.replace("bytes", "mb"): said[0][key] / 1e6
                for key in said[0]
                if key.endswith("_bytes")
            }
        )
        rows.append(dict(row, peak_mb=round(done[0].peak_mb)))
    return rows
