# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Growth in stairs."""

from __future__ import annotations

import random

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import stairs


def baseline(*levels, bins=48):
    """Several bins at each level, with a little noise."""
    chance = random.Random(1)
    return [level + chance.gauss(0, 3) for level in levels for _bin in range(bins)]


@pytest.mark.parametrize(
    ("levels", "count"),
    [
        ((200,), 0),
        ((200, 300), 0),
        ((200, 300, 400), 0),
        ((200, 300, 400, 500), 3),
        ((200, 300, 400, 500, 600, 700), 5),
        # Released.
        ((200, 300, 400, 500, 200), 0),
        ((200, 300, 200, 300, 200, 300), 0),
        # The rises of a filling cache get smaller: they are not stairs.
        ((200, 400, 440, 450), 0),
        # 20 MB are lost in the daily rhythm.
        ((200, 220, 240, 260), 0),
    ],
)
def test_stairs(levels, count):
    assert stairs.count(baseline(*levels)) == count
