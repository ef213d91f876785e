# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that derive a verdict from the evidence."""

from __future__ import annotations

import math

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import (
    evidence,
    samples,
    verdict_rules,
)

MB = 1 << 20
SHAPES = {
    "leak": lambda hour: 18 * hour,
    "saturating": lambda hour: 300 * (1 - math.exp(-hour / 6)),
    "sawtooth": lambda hour: 400 * (hour % 30) / 30,
    "step": lambda hour: 300 if hour > 40 else 0,
    "spiky": lambda hour: 200 if hour % 1 < 0.2 else 0,
    "flat": lambda hour: 0,
}


def verdict(rows, extra):
    """The verdict on ``rows`` with ``extra`` MB by the hour on top."""
    return verdict_rules.verdict(
        evidence.Evidence(
            samples.of_rows(
                [
                    dict(row, rss_bytes=row["rss_bytes"] + int(extra(place / 12) * MB))
                    for place, row in enumerate(rows)
                ]
            )
        )
    )


@pytest.mark.parametrize("name", list(SHAPES))
def test_each_shape_has_its_verdict(run, name):
    assert verdict(run(72, 0), SHAPES[name]) == name


@pytest.mark.parametrize("days", [7, 14, 28])
def test_a_sawtooth_with_more_falls_than_cuts(run, days):
    assert verdict(run(24 * days, 0), lambda hour: 480 * (hour % 24) / 24) == "sawtooth"
    assert verdict(run(24 * days, 0), lambda hour: 100 * abs(hour % 24 / 12 - 1)) == "flat"


def test_the_same_leak_in_less_time(run):
    assert verdict(run(12, 0), SHAPES["leak"]) == "suspected"
    assert verdict(run(4, 0), SHAPES["leak"]) == "insufficient"
    # Too fast to wait.
    assert verdict(run(4, 0), lambda hour: 200 * hour) == "suspected"


def test_a_jump_early_in_a_run_is_a_cache_that_fills(run):
    assert verdict(run(72, 0), lambda hour: 300 if hour > 10 else 0) == "saturating"


def test_harmless_growth_is_not_a_leak(run):
    assert verdict(run(168, 0), lambda hour: 0.9 * hour) not in ("leak", "suspected")
    assert verdict(run(168, 0), lambda hour: 1.1 * hour) == "leak"
