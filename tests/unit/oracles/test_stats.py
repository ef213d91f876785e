# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our statistics against those of scipy and pymannkendall."""

from __future__ import annotations

import random

import pytest

numpy = pytest.importorskip("numpy")
stats = pytest.importorskip("scipy.stats")
pymannkendall = pytest.importorskip("pymannkendall")

from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import stats as stats_module

SIZES = (3, 4, 5, 8, 12, 40, 101, 240)


def series(size, slope=0.0, memory=0.0, digits=None):
    """Values with a trend and a memory (AR(1)); rounded to ``digits``, they have ties."""
    chance = random.Random("%d %s %s %s" % (size, slope, memory, digits))
    values, last = [], 0.0
    for place in range(size):
        last = memory * last + chance.gauss(0, 1)
        values.append(last + slope * place)
    return [round(value, digits) for value in values] if digits is not None else values


CASES = [
    (size, slope, memory) for size in SIZES for slope in (0.0, 0.05, -0.3) for memory in (0.0, 0.8)
]


@pytest.mark.parametrize(("size", "slope", "memory"), CASES)
@pytest.mark.parametrize("digits", [None, 1, 0])
def test_mann_kendall(size, slope, memory, digits):
    values = series(size, slope, memory, digits)
    oracle = pymannkendall.original_test(values)
    total, variance = stats_module.mann_kendall([(list(range(size)), values)])
    assert total == oracle.s
    assert variance == pytest.approx(oracle.var_s)
    assert stats_module.p_value(total, variance) == pytest.approx(oracle.p, abs=1e-12)


@pytest.mark.parametrize(("size", "slope", "memory"), CASES)
@pytest.mark.parametrize("digits", [None, 1])
def test_sen(size, slope, memory, digits):
    values = series(size, slope, memory, digits)
    chance = random.Random(size)
    times = numpy.cumsum([chance.uniform(0.1, 2) for dummy in values]).tolist()
    oracle = stats.theilslopes(values, times, 0.95)
    variance = stats_module.mann_kendall([(times, values)]).variance
    found = stats_module.theil_sen(stats_module.pairwise_slopes([(times, values)]), variance)
    assert found == pytest.approx((oracle.slope, oracle.low_slope, oracle.high_slope), abs=1e-9)


@pytest.mark.parametrize(("size", "slope", "memory"), [case for case in CASES if case[0] >= 5])
def test_hamed_rao(size, slope, memory):
    values = series(size, slope, memory)
    oracle = pymannkendall.hamed_rao_modification_test(values)
    segments = [([float(place) for place in range(size)], values)]
    total, variance = stats_module.mann_kendall(segments)
    middle = stats_module.theil_sen(stats_module.pairwise_slopes(segments), variance).slope
    assert variance * stats_module.variance_inflation(segments, middle).hamed_rao == pytest.approx(
        oracle.var_s
    )


@pytest.mark.parametrize("seasons", [2, 7, 12])
def test_sum_over_segments(seasons):
    """Hirsch and Slack's sum over groups that are not compared.

    The seasons of pymannkendall are our segments.
    """
    values = series(seasons * 20, 0.02)
    oracle = pymannkendall.seasonal_test(values, period=seasons)
    segments = [(list(range(20)), values[season::seasons]) for season in range(seasons)]
    total, variance = stats_module.mann_kendall(segments)
    assert (total, variance) == (oracle.s, pytest.approx(oracle.var_s))
    assert stats_module.theil_sen(
        stats_module.pairwise_slopes(segments), variance
    ).slope == pytest.approx(oracle.slope)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("size", [1, 2, 6, 7])
def test_quantile(size, share):
    values = series(size)
    assert stats_module.quantile(values, share) == pytest.approx(
        float(numpy.quantile(values, share))
    )


@pytest.mark.parametrize("hours", [72, 240, 720])
def test_longer_bins_give_the_same_slope(hours):
    """Long histories get longer bins, so that pairs stay few.

    Compared with Sen's slope over all half-hours.
    """
    from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import (
        evidence,
        samples,
        segments,
    )

    chance = random.Random(hours)
    rows = [
        {
            "timestamp": place * 300,
            "invocation_id": "a",
            "rss_bytes": (300 + 3 * place / 12 + chance.gauss(0, 10)) * 2**20,
        }
        for place in range(hours * 12)
    ]
    read = samples.of_rows(rows)
    found = evidence.Evidence(read)
    times, baseline = segments.runs_in_bins(read, read.rss)[0].segment
    assert found.bins <= 300
    assert found.whole.slope == pytest.approx(stats.theilslopes(baseline, times).slope, rel=0.01)
