# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The age of a process and the time of day."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import (
    daytime,
    judgement,
    samples,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend.segments import BinnedRun

MB = 1 << 20


def binned(hours, size, born=0.0):
    """A run of ``hours``, of ``size(clock, age)`` MB, in bins of half an hour."""
    run = BinnedRun()
    for place in range(2, int(hours * 2)):
        age = place / 2 + 0.25
        run.times.append(age)
        run.clocks.append(born + age)
        run.baseline.append(size(born + age, age))
        run.tops.append(run.baseline[-1])
    return run


def by_day(clock, age):
    """100 MB more from 8 to 20 o'clock, in a slope."""
    return 200 + 100 * min(max(clock % 24 - 8, 0), 12) / 12


def test_a_cache_that_fills_by_day_rests_at_night():
    runs = [binned(12, by_day, born) for born in range(0, 168, 12)]
    assert min(daytime.parts_of(runs).rates) == 0


def test_a_leak_climbs_in_each_part_of_the_day():
    runs = [binned(12, lambda clock, age: 200 + 5 * age, born) for born in range(0, 168, 12)]
    parts = daytime.parts_of(runs)
    assert parts.rates == pytest.approx([5] * 8) and parts.mean == pytest.approx(5)


@pytest.mark.parametrize("days", [45, 90, 365])
def test_a_leak_in_a_long_history_climbs_in_each_part_of_the_day(run, days):
    """Long histories have longer bins, of which a part of the day has too few for a rate."""
    rows = [row for day in range(days) for row in run(24, 10, 24 * day, "run%d" % day, step=15)]
    judged = judgement.judge(samples.of_rows(rows))
    assert judged.evidence.width > 0.5 and judged.verdict == "leak"
    assert min(judged.evidence.parts.rates) == pytest.approx(10, abs=1)


@pytest.mark.parametrize(
    ("size", "verdict"),
    [(by_day, "suspected"), (lambda clock, age: 100 * abs(clock / 12 - 1), "flat")],
)
def test_daily_traffic_in_a_long_history_is_no_leak(run, size, verdict):
    rows = [
        dict(row, rss_bytes=row["rss_bytes"] + int(size(place / 4, 0) * MB))
        for day in range(90)
        for place, row in enumerate(run(24, 0, 24 * day, "run%d" % day, step=15))
    ]
    judged = judgement.judge(samples.of_rows(rows))
    assert judged.evidence.parts is not None and judged.verdict == verdict


def test_a_part_of_the_day_that_was_never_seen():
    assert daytime.parts_of([binned(12, by_day)]) is None


def test_each_day_lies_above_the_one_before():
    run = binned(97, lambda clock, age: by_day(clock, age) + 3 * age)
    assert daytime.days(run) == pytest.approx([72, 72, 72], abs=1)
    assert daytime.days(binned(97, by_day)) == pytest.approx([0, 0, 0], abs=1)
    assert daytime.days(binned(30, by_day)) == []


def test_the_time_of_day_cancels_out_over_whole_days():
    """A daily rhythm has no gain over two runs of 12 h a day."""

    def size(clock, age):
        return 200 + 50 * abs((clock % 24) / 12 - 1)

    runs = [binned(12, size, born) for born in range(0, 240, 12)]
    assert daytime.balance(runs).rate == pytest.approx(0, abs=0.1)
    leaking = [
        binned(12, lambda clock, age: size(clock, age) + 4 * age, born)
        for born in range(0, 240, 12)
    ]
    assert daytime.balance(leaking).rate == pytest.approx(4, abs=0.1)
    assert daytime.balance([binned(2, size)]) is None
