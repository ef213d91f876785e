# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The separate analysis of the last days."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import (
    evidence,
    samples,
    windows,
)

MB = 1 << 20


def late(run, hours, begins, rate):
    """A run that grows by ``rate`` MB/h from hour ``begins`` on."""
    return samples.of_rows(
        [
            dict(row, rss_bytes=row["rss_bytes"] + int(max(0, place / 12 - begins) * rate * MB))
            for place, row in enumerate(run(hours, 0))
        ]
    )


def test_windows_of_what_ends_higher_than_ever(run):
    series = late(run, 400, 350, 10)
    found = list(windows.of(series, evidence.Evidence(series)))
    assert [round(one.seen_hours) for one in found] == [168, 72, 24]
    assert found[1].slope > 5


def test_no_window_of_what_does_not(run):
    series = late(run, 400, 350, 0)
    assert not list(windows.of(series, evidence.Evidence(series)))


@pytest.mark.parametrize("rate", [8, 20])
def test_a_leak_that_begins_after_two_weeks_is_found(trend, run, rate):
    found = trend(late(run, 400, 330, rate))
    assert found["verdict"] == "leak" and "last" in found["why"]
    assert found["slope_ci"][0] <= rate <= found["slope_ci"][1]
