# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that end at the limit."""

from __future__ import annotations

from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import deaths, samples

MB = 1 << 20


def test_runs_that_end_at_the_limit_are_counted(run):
    rows = [
        row for number in range(6) for row in run(5, 150, start=5 * number, name="run%d" % number)
    ]
    found = deaths.at_limit(samples.of_rows(rows), 1000 * MB)
    # The last run has not ended.
    assert found.many == 5 and 4.8 < found.shortest_hours <= found.usual_hours < 5
    assert deaths.at_limit(samples.of_rows(rows), 2000 * MB) is None
    assert deaths.at_limit(samples.of_rows(rows), None) is None


def test_three_are_a_pattern_and_two_are_not(run):
    def ended(count):
        return samples.of_rows(
            [
                row
                for number in range(count + 1)
                for row in run(5, 150, start=5 * number, name="run%d" % number)
            ]
        )

    assert deaths.at_limit(ended(2), 1000 * MB) is None
    assert deaths.at_limit(ended(3), 1000 * MB).many == 3
