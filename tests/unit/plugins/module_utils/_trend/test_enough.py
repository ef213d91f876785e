# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether there is enough data for the verdict leak."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import enough


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ([], False),
        ([23.9], False),
        ([24.0], True),
        ([12.0] * 3, False),
        ([12.0] * 4, True),
        # Shorter runs than 6 h do not count, however many there are.
        ([5.9] * 100, False),
        ([6.0] * 7, False),
        ([6.0] * 8, True),
    ],
)
def test_one_long_run_or_several_shorter_ones(hours, expected):
    assert enough.long_enough(hours) is expected


def test_a_rise_must_stand_out_the_more_the_shorter_it_was_seen():
    assert enough.clear(rise=100, hours=24, noise=10)
    assert not enough.clear(rise=99, hours=24, noise=10)
    assert enough.clear(rise=34, hours=72, noise=10)


def test_hours_until_clear_lead_to_clear():
    slope, hours, noise = 2.0, 24.0, 10.0
    left = enough.hours_until_clear(slope, hours, noise)
    assert left > 0 and not enough.clear(slope * hours, hours, noise)
    assert enough.clear(slope * (hours + left + 0.01), hours + left + 0.01, noise)
    assert enough.hours_until_clear(slope, 100.0, noise) == 0
