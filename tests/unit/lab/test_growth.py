# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By how much a process grows: the slope that docs/allocator.md gives, and the readings that it is made of."""

from __future__ import annotations

import importlib.util
import os
import pathlib

import pytest

SPEC = importlib.util.spec_from_file_location(
    "growth", pathlib.Path(__file__).resolve().parents[2] / "lab/load/growth.py"
)
growth = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(growth)


def test_growth_after_the_warm_up_alone():
    # 100 MB in the first 100 turns, then 2 MB in 100.
    samples = [
        (turns, 100 + min(turns, 100) + max(0, turns - 100) * 0.02) for turns in range(0, 500, 5)
    ]
    assert growth.per_thousand(samples, 100) == pytest.approx(20)
    assert growth.per_thousand(samples, 0) > 100


def test_too_little_to_say():
    assert growth.per_thousand([(turns, 1) for turns in range(30)], 25) is None
    assert growth.per_thousand([(7, 1)] * 30, 0) is None


def test_readings_of_this_process():
    rss, peak = growth.memory_mb(os.getpid())
    ballast = bytearray(os.urandom(1 << 20) * 64)
    assert growth.memory_mb(os.getpid())[1] >= peak >= rss > 5
    assert growth.memory_mb(os.getpid())[0] > rss + 32
    del ballast
    assert growth.cpu_seconds(os.getpid()) > 0
    assert growth.maps(os.getpid(), "libc")
    assert not growth.maps(os.getpid(), "no-such-library")
