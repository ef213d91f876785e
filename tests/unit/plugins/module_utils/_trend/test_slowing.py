# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line and a logarithm."""

from __future__ import annotations

import math
import random

from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import slowing
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend.segments import BinnedRun


def binned(hours, size):
    run, chance = BinnedRun(), random.Random(2)
    run.times = [1 + place / 2 for place in range(int(hours * 2))]
    run.baseline = [size(at) + chance.gauss(0, 2) for at in run.times]
    return run


def test_a_logarithm_slows_and_a_line_does_not():
    assert slowing.slows([binned(48, lambda age: 60 * math.log(1 + age))])
    assert not slowing.slows([binned(48, lambda age: 5 * age)])


def test_a_line_after_a_cache_has_filled_does_not_slow():
    assert not slowing.slows([binned(48, lambda age: 5 * age - 100 * math.exp(-age / 2))])
