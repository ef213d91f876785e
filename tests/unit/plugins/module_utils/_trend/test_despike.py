# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Short dips and bursts are removed, steps and slopes are kept."""

from __future__ import annotations

from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import despike

TIMES = [index / 2 for index in range(60)]


def test_a_dip_and_a_burst_of_two_hours_are_replaced():
    values = [300.0 + index % 3 for index in range(60)]
    spoilt = list(values)
    spoilt[20:24] = [30.0] * 4
    spoilt[40] = 900.0
    cleaned = despike.hampel(TIMES, spoilt)
    assert max(abs(one - other) for one, other in zip(cleaned, values)) <= 2


def test_a_step_and_a_slope_stay():
    step = [300.0] * 30 + [700.0] * 30
    slope = [300.0 + 50 * index for index in range(60)]
    assert despike.hampel(TIMES, step) == step
    assert despike.hampel(TIMES, slope) == slope


def test_of_few_values_none_is_known_to_be_wrong():
    assert despike.hampel([0, 6, 12, 18], [300, 20, 300, 310]) == [300, 20, 300, 310]
