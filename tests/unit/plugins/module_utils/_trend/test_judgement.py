# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict with its rate."""

from __future__ import annotations

import math

from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import judgement, samples

MB = 1 << 20


def judge(rows):
    return judgement.judge(samples.of_rows(rows))


def test_too_little_data_has_no_rate(run):
    for rows in ([], run(2, 0)):
        found = judge(rows)
        assert (found.verdict, found.rate, found.grows) == ("insufficient", None, False)


def test_the_rate_of_what_does_not_grow_is_that_of_the_whole(run):
    found = judge(run(72, 0))
    whole = found.evidence.whole
    assert not found.grows and found.rate == (whole.slope, whole.low, whole.high)


def test_the_interval_of_growth_holds_that_of_the_second_halves(runs):
    """Each run takes 80 MB more in its first hours: the second halves are slower.

    Runs of 12 h cannot tell that from a leak, so the interval reaches further down still.
    """
    rows = [
        dict(row, rss_bytes=row["rss_bytes"] + int(80 * MB * (1 - math.exp(-(place % 144) / 6))))
        for place, row in enumerate(runs(14, 12, 40))
    ]
    found = judge(rows)
    whole, late = found.evidence.whole, found.evidence.late
    assert found.grows and late.slope < whole.slope
    assert (
        found.rate.low < min(whole.low, late.low) and max(whole.high, late.high) < found.rate.high
    )
    assert found.rate.low < 40 < found.rate.high
