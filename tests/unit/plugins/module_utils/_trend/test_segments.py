# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in bins: the warm-up, the contents and the length of a bin."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import samples, segments

MB = 1 << 20


def binned(rows):
    series = samples.of_rows(rows)
    return segments.bin_runs(series, series.rss)


def test_the_first_hour_is_left_out(run):
    (found,) = binned(run(24, 0)).runs
    assert found.times[0] == pytest.approx(1.2, abs=0.1)
    assert found.hours == pytest.approx(22.5, abs=0.1)
    # A process that was old at its first sample is past its warm-up.
    (found,) = binned(
        [dict(row, uptime_seconds=row["timestamp"] - 1789902800) for row in run(24, 0)]
    ).runs
    assert found.hours == pytest.approx(23.5, abs=0.1)


def test_a_short_burst_does_not_lift_the_baseline(run):
    rows = [
        dict(row, rss_bytes=row["rss_bytes"] + (900 * MB if place % 6 < 4 else 0))
        for place, row in enumerate(run(24, 0))
    ]
    (found,) = binned(rows).runs
    assert max(found.baseline) < 220 and min(found.tops) > 1000


def test_runs_are_apart_and_one_that_ends_in_its_first_hour_is_none(runs, run):
    assert len(binned(runs(3, 12, 0) + run(0.9, 0, 36, "short")).runs) == 3


def test_bins_are_longer_for_long_histories_and_shorter_for_short_ones(run):
    assert binned(run(72, 0)).width == 0.5
    assert binned(run(5, 0)).width == pytest.approx(0.5 / 3)
    month = binned(run(720, 0))
    assert month.width == 3.0
    assert len(month.runs[0].times) ** 2 / 2 <= segments.MOST_PAIRS


def test_halves_are_halves_by_time():
    first, second = segments.halves(segments.Segment([0, 1, 2, 10], [5, 6, 7, 8]))
    assert (first.times, second.times) == ([0, 1, 2], [10])
    assert segments.second_half(segments.Segment([0, 1], [3, 4])) == ([1], [4])
