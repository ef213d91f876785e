# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rises of the cgroup's counter, and the kills that only they show."""

from __future__ import annotations

from ansible_collections.hermes_ops.gateway.plugins.module_utils._oom import counter
from ansible_collections.hermes_ops.gateway.plugins.module_utils._oom.counter import Reading, Rise
from ansible_collections.hermes_ops.gateway.plugins.module_utils._oom.kill import SYSTEMD, Kill


def sample(moment, count, uptime=100000, run=None):
    return Reading(moment, count, uptime, run)


def test_a_new_run_has_a_new_counter():
    first = [sample(1000, 0, 100, "a"), sample(1300, 1, 100, "a")]
    for count in (1, 3):
        found = counter.rises(first + [sample(1600, count, 100, "b")])
        assert [rise.kills for rise in found] == [1, count]


def test_counter_as_rises():
    rows = [
        sample(1000, 0),
        sample(1300, 2),
        sample(1600, None),
        sample(1900, 2),
        sample(2200, 1, 100),
        sample(2500, 1),
        sample(2800, 4),
    ]
    assert counter.rises(rows) == [(1000, 1300, 2), (2100, 2200, 1), (2500, 2800, 3)]


def test_a_kill_explains_one_step_of_the_counter(gateway):
    kills = [Kill(gateway(), 1000.0, SYSTEMD)]
    counter.add(kills, [Rise(900, 1005, 1), Rise(1005, 1300, 1)], gateway())
    assert [kill.source for kill in kills] == ["systemd", "counter"]
