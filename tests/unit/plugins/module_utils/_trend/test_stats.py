# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties of the statistics for all values: shifts, scale, order, units."""

from __future__ import annotations

import math

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import stats
from hypothesis import given
from hypothesis import strategies as st

# Whole numbers, so that shifting and scaling is exact.
SEGMENT = st.lists(st.integers(-1000, 1000), min_size=2, max_size=30).map(
    lambda values: (list(range(len(values))), values)
)
SEGMENTS = st.lists(SEGMENT, min_size=1, max_size=4)


def evidence(segments):
    total, variance = stats.mann_kendall(segments)
    return total, variance, stats.theil_sen(stats.pairwise_slopes(segments), variance)


@given(SEGMENTS, st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_shifts_change_nothing(segments, up, later):
    """Segments are separate: the start of a run and its level then are not a trend."""
    moved = [
        ([at + later * number for at in times], [value + up * number for value in values])
        for number, (times, values) in enumerate(segments)
    ]
    assert evidence(moved) == evidence(segments)


@given(SEGMENTS, st.sampled_from([2, 1024, 1 << 20]))
def test_units_of_memory(segments, factor):
    total, variance, sen = evidence(segments)
    assert evidence(
        [(times, [value * factor for value in values]) for times, values in segments]
    ) == (total, variance, pytest.approx(tuple(value * factor for value in sen)))


@given(SEGMENTS, st.sampled_from([2, 60, 3600]))
def test_units_of_time(segments, factor):
    total, variance, sen = evidence(segments)
    assert evidence([([at * factor for at in times], values) for times, values in segments]) == (
        total,
        variance,
        pytest.approx(tuple(value / factor for value in sen)),
    )


@given(SEGMENTS)
def test_order_of_segments(segments):
    total, variance, sen = evidence(segments)
    assert evidence(segments[::-1]) == (total, pytest.approx(variance), sen)


@given(SEGMENTS)
def test_upside_down(segments):
    total, variance, (slope, low, high) = evidence(segments)
    found = evidence([(times, [-value for value in values]) for times, values in segments])
    assert found[:2] == (-total, variance)
    assert found[2][0] == pytest.approx(-slope)
    # The interval ends at whole ranks, so it may differ by one rank.
    assert found[2][1] <= -slope <= found[2][2] and low <= slope <= high


@given(SEGMENTS)
def test_backwards(segments):
    assert (
        stats.mann_kendall([(times, values[::-1]) for times, values in segments]).s
        == -stats.mann_kendall(segments).s
    )


@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=20, unique=True),
    st.floats(-5, 5, allow_nan=False),
)
def test_a_line_is_found(times, slope):
    times = sorted(times)
    segments = [(times, [slope * at for at in times])]
    total, variance, sen = evidence(segments)
    assert sen == pytest.approx((slope,) * 3, abs=1e-9)
    if abs(slope) > 1e-3:
        assert total == int(math.copysign(len(times) * (len(times) - 1) // 2, slope))


@given(SEGMENTS)
def test_p_is_a_probability(segments):
    assert 0 <= stats.p_value(*stats.mann_kendall(segments)) <= 1


def test_nothing():
    assert stats.mann_kendall([]) == (0, 0.0)
    assert stats.p_value(0, 0.0) == 1.0
    for nothing in (lambda: stats.theil_sen([], 1.0), lambda: stats.quantile([], 0.5)):
        with pytest.raises(ValueError, match="^no "):
            nothing()
    assert stats.variance_inflation([], 0.0) == (1.0, 1.0)
    assert stats.variance_inflation([([0, 1], [5, 5])], 0.0) == (1.0, 1.0)


def test_memory_inflates():
    steps = [place // 10 % 2 for place in range(100)]
    assert max(stats.variance_inflation([(list(range(100)), steps)], 0.0)) > 4
