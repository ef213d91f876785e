# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three limits that memory is compared with."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import limits
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import cgroup

GATEWAY = SimpleNamespace(control_group="/system.slice/hermes-gateway.service", pid=None)


def row(size, swap=0):
    return {"rss_bytes": 1, "tree_rss_bytes": size - swap, "swap_bytes": swap}


@pytest.fixture
def host(monkeypatch):
    """A host with 1000 bytes of RAM, 600 of them available; call it with the limit of the
    cgroup.
    """
    monkeypatch.setattr(
        limits.proc, "host_memory", lambda: {"total_bytes": 1000, "available_bytes": 600}
    )

    def make(cgroup_limit):
        least = cgroup_limit and cgroup.Limit(cgroup_limit, "MemoryMax")
        monkeypatch.setattr(limits.cgroup, "limit", lambda group: least)

    return make


@pytest.mark.parametrize(
    ("threshold", "size", "above"), [(None, 999, False), (500, 500, False), (500, 501, True)]
)
def test_threshold(threshold, size, above):
    assert limits.above_threshold(SimpleNamespace(threshold=threshold), row(size)) is above


@pytest.mark.parametrize(
    ("cgroup_limit", "limit", "size", "near"),
    [
        (None, 1000, 950, False),
        (None, 1000, 951, True),
        (400, 400, 381, True),
        (400, 400, 380, False),
        # The RAM is full before that, and the kernel acts.
        (5000, 1000, 951, True),
    ],
)
def test_kernel_limit_is_the_cgroups_or_all_ram(host, cgroup_limit, limit, size, near):
    host(cgroup_limit)
    assert limits.kernel_limit(GATEWAY) == limit
    assert limits.near_kernel_limit(GATEWAY, row(size), limit) is near
    # Swapped-out memory does not count towards memory.max, and is not in RAM.
    assert not limits.near_kernel_limit(GATEWAY, row(size, swap=size // 3), limit)


@pytest.mark.parametrize(
    ("cgroup_limit", "threshold", "action", "gateway", "expected"),
    [
        (400, 300, "restart", GATEWAY, (300, "the watchdog's threshold")),
        (300, 400, "restart", GATEWAY, (300, "MemoryMax")),
        # An alert ends no run.
        (400, 300, "alert", GATEWAY, (400, "MemoryMax")),
        (None, 300, "alert", GATEWAY, (300, "the watchdog's threshold")),
        (400, None, "restart", GATEWAY, (400, "MemoryMax")),
        (5000, 300, "restart", GATEWAY, (300, "the watchdog's threshold")),
        (None, 300, "restart", GATEWAY, (300, "the watchdog's threshold")),
        (None, None, "restart", GATEWAY, (650, "available RAM")),
        # It does not run, so it has no cgroup with a limit.
        (400, 300, "restart", None, (300, "the watchdog's threshold")),
    ],
)
def test_forecast_goes_to_the_first_limit_that_ends_a_run(
    host, cgroup_limit, threshold, action, gateway, expected
):
    host(cgroup_limit)
    settings = SimpleNamespace(threshold=threshold, action=action)
    assert limits.forecast_limit(settings, gateway, 50) == expected


@pytest.mark.parametrize(
    ("cgroup_limit", "available", "size", "word"),
    [
        (None, 600, 900, None),
        (None, 600, 951, "95 % of the limit"),
        (400, 600, 381, "95 % of the limit"),
        (400, 600, 380, None),
        (None, 50, 900, None),
        (None, 49, 900, "of RAM is available on this host"),
        # Ending it would not free enough memory.
        (None, 49, 50, None),
    ],
)
def test_emergency(host, monkeypatch, cgroup_limit, available, size, word):
    host(cgroup_limit)
    memory = {"total_bytes": 1000, "available_bytes": available}
    monkeypatch.setattr(limits.proc, "host_memory", lambda: memory)
    found = limits.emergency(GATEWAY, row(size), limits.kernel_limit(GATEWAY))
    assert found is None if word is None else word in found


def test_host_that_does_not_say_how_much_memory_it_has(host, monkeypatch):
    """As in a container without /proc/meminfo: unknown is not an emergency."""
    host(None)
    monkeypatch.setattr(
        limits.proc, "host_memory", lambda: {"total_bytes": 0, "available_bytes": 0}
    )
    assert limits.emergency(GATEWAY, row(900), limits.kernel_limit(GATEWAY)) is None
    host(400)
    assert limits.kernel_limit(GATEWAY) == 400
