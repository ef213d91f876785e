# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Error rates of the verdict, on a few seeds of each scenario.

tests/trend/confusion.py with many seeds is the proof; this test is the early warning.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[4] / "trend"
sys.path.insert(0, str(FOLDER))
_spec = importlib.util.spec_from_file_location("confusion", str(FOLDER / "confusion.py"))
confusion = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(confusion)

SEEDS = range(5000, 5008)


@pytest.mark.parametrize(
    "name",
    [name for name, (dummy, kind) in confusion.simulate.SCENARIOS.items() if kind == "harmless"],
)
def test_harmless(name):
    verdicts = confusion.matrix([name], SEEDS, 1)[name].verdicts
    assert verdicts["leak"] == 0, verdicts


def test_leaks():
    """Over all scenarios: eight seeds of one cannot distinguish 95 % from 90."""
    names = [name for name, (dummy, kind) in confusion.simulate.SCENARIOS.items() if kind == "leak"]
    found = confusion.matrix(names, SEEDS, 1)
    count = len(names) * len(SEEDS)
    assert sum(verdicts["leak"] for verdicts, dummy in found.values()) >= confusion.FOUND * count, (
        found
    )
    assert sum(covered for dummy, covered in found.values()) / len(names) >= confusion.COVERED, (
        found
    )


def test_same_seed_same_history():
    assert (
        confusion.simulate.series("flat, 72 h", 1)
        == confusion.simulate.series("flat, 72 h", 1)
        != confusion.simulate.series("flat, 72 h", 2)
    )


def test_a_broken_promise_is_reported():
    count = confusion.collections.Counter
    found = {
        "flat, 72 h": (count(leak=3, flat=97), 1.0),
        "leak of 2 MB/h, 10 days": (count(leak=94, flat=6), 0.89),
    }
    assert len(confusion.faults(found)) == 3
    assert "| flat, 72 h | harmless | 3 |" in confusion.table(found)
