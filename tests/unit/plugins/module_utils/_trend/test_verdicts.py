# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of a gateway that is simulated message by message, with one seed of each.

tests/trend/verdicts.py with a hundred seeds is the proof; this test is the early warning.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[4] / "trend"
sys.path.insert(0, str(FOLDER))
_spec = importlib.util.spec_from_file_location("verdicts", str(FOLDER / "verdicts.py"))
verdicts = importlib.util.module_from_spec(_spec)
sys.modules["verdicts"] = verdicts
_spec.loader.exec_module(verdicts)

SEED = 6000


def names(answer):
    return [name for name, shape in verdicts.shapes.SHAPES.items() if shape.answer == answer]


@pytest.mark.parametrize("name", names("clean"))
def test_nothing_leaks(name):
    assert verdicts.judge((name, SEED)).verdict != "leak"


def test_leaks_are_found():
    """Over all shapes: one seed of each cannot distinguish 95 % from 90."""
    found = [verdicts.judge((name, SEED)) for name in names("leak")]
    assert sum(one.verdict == "leak" for one in found) >= len(found) - 1, found


def test_leaks_that_cannot_be_proven_are_suspected():
    found = [verdicts.judge((name, SEED)) for name in names("hidden")]
    right = sum(one.verdict in ("leak", "suspected") for one in found)
    assert right >= len(found) - 1, found


def test_a_sawtooth_of_weeks_is_one():
    """It falls more often than its trend can be cut, and it has longer bins."""
    name = "clean, sawtooth, 14 and 28 days"
    found = [verdicts.judge((name, SEED + number)) for number in range(10)]
    assert sum(one.verdict == "sawtooth" for one in found) >= 7, found
    found = [verdicts.judge(("clean, 30 days", SEED + number)) for number in range(5)]
    assert all(one.verdict != "sawtooth" for one in found), found


def test_same_seed_same_history():
    name = names("clean")[0]
    rows = [verdicts.shapes.history(name, seed)[0].rows for seed in (1, 1, 2)]
    assert rows[0] == rows[1] != rows[2]


def test_a_broken_promise_is_reported():
    count = verdicts.collections.Counter
    tally = verdicts.Tally(count(leak=3, flat=97), None)
    assert verdicts.faults(names("clean")[0], tally) == ["3 % false leak"]
    tally = verdicts.Tally(count(leak=90, flat=10), 0.5)
    assert len(verdicts.faults(names("leak")[0], tally)) == 3
