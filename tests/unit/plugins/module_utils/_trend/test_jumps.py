# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a baseline jumps, and how far it falls."""

from __future__ import annotations

import random

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import jumps
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend.stats import Segment


def noise(count, *steps):
    """A baseline of 200 MB with a little noise, which jumps by the MB of ``steps`` (place, MB)."""
    chance = random.Random(count)
    return [
        200 + chance.gauss(0, 1) + sum(height for place, height in steps if index >= place)
        for index in range(count)
    ]


def test_a_step_is_found_at_its_place():
    (found,) = jumps.find(noise(60, (25, 100)))
    assert abs(found.place - 25) <= 1
    assert found.height == pytest.approx(100, abs=4)
    (found,) = jumps.find(noise(60, (40, -80)))
    assert found.height == pytest.approx(-80, abs=4)


def test_jumps_come_in_order_of_time_and_are_three_at_most():
    every = [(20, 60), (40, 300), (60, 90), (80, 200)]
    found = jumps.find(noise(100, *every))
    assert [round(one.place, -1) for one in found] == [40, 60, 80]


@pytest.mark.parametrize("count", [0, 1, 9])
def test_too_short_to_jump(count):
    assert jumps.find(noise(count, (count // 2, 500))) == []


def test_pieces_of_a_step_do_not_rise():
    values = noise(60, (30, 100))
    pieces = jumps.cut(Segment(list(range(60)), values))
    assert [value for piece in pieces for value in piece.values] == values
    assert all(
        max(piece.values) - min(piece.values) < 10 for piece in pieces if len(piece.times) > 2
    )


def test_lasting_is_the_difference_of_the_levels():
    assert jumps.lasting([10, 11, 10, 40, 41, 40], 3) == 30


def test_given_back_is_a_fall_that_lasts():
    climb = list(range(0, 100, 5))
    assert jumps.given_back(climb, 2) == 0
    # From 75, the lowest value within 2 bins of the highest such place.
    assert jumps.given_back(climb + [0] * 10, 2) == 75
    # The end of a burst that is shorter than the reach is not a fall.
    assert jumps.given_back([50] * 10 + [400, 400] + [50] * 10, 2) == 0
