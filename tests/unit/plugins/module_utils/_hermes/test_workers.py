# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers of a gateway, which Hermes runs in scopes outside of its unit."""

from __future__ import annotations

import os
import pwd

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import limits
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery, workers
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import cgroup, proc

MB = 1 << 20
ABOVE = "user.slice/user-%d.slice/user@%d.service" % (os.getuid(), os.getuid())


@pytest.fixture
def gateway(tmp_path, monkeypatch):
    """A gateway with the pid 20 of a user whose systemd is 5; scopes are made with scope()."""
    parents = {20: 1, 5: 1}
    monkeypatch.setattr(cgroup, "ROOT", str(tmp_path))
    monkeypatch.setattr(proc, "parent", parents.get)
    monkeypatch.setattr(
        proc, "argv", lambda pid: ["/lib/systemd/systemd", "--user"] if pid == 5 else []
    )
    one = discovery.Gateway("g", "user", pwd.getpwuid(os.getuid()), str(tmp_path), "g.service")
    one.pid = 20

    def scope(name, pids, size, place="/app.slice"):
        folder = tmp_path / (ABOVE + place) / name
        folder.mkdir(parents=True)
        parents.update(pids)
        (folder / "cgroup.procs").write_text("".join("%d\n" % pid for pid in pids))
        if size is not None:
            (folder / "memory.stat").write_text("anon %d\n" % (size * MB))
            (folder / "memory.swap.current").write_text("%d\n" % MB)

    one.scope_made = scope
    return one


def test_scopes_of_the_gateways_own_children(gateway):
    gateway.scope_made("hermes-worker-ab12.scope", {30: 20, 31: 30}, 700)
    gateway.scope_made("hermes-worker-x.scope", {32: 20}, 99, place="")
    # Another gateway's, another program's, and one that has ended.
    gateway.scope_made("hermes-worker-other.scope", {40: 41, 41: 42}, 500)
    gateway.scope_made("run-u7.scope", {33: 20}, 300)
    gateway.scope_made("hermes-worker-gone.scope", {}, 300)
    assert [tuple(one) for one in workers.of(gateway)] == [
        ("hermes-worker-ab12.scope", 701 * MB),
        ("hermes-worker-x.scope", 100 * MB),
    ]
    assert workers.memory_bytes(gateway) == 801 * MB


@pytest.mark.parametrize("parent", [1, 5])
def test_worker_that_its_gateway_has_left_over(gateway, parent):
    """It uses memory of the host until it ends, and no other process ends it."""
    gateway.scope_made("hermes-worker-old.scope", {30: parent, 31: 30}, 700)
    assert [one.name for one in workers.of(gateway)] == ["hermes-worker-old.scope"]


def test_worker_without_a_memory_controller(gateway, monkeypatch):
    gateway.scope_made("hermes-worker-a.scope", {30: 20, 31: 30}, None)
    memory = {"rss_bytes": 2 * MB, "anon_bytes": None, "swap_bytes": MB}
    monkeypatch.setattr(proc, "memory", lambda pid: memory if pid == 30 else None)
    assert workers.memory_bytes(gateway) == 3 * MB


def test_gateway_without_workers(gateway):
    assert workers.of(gateway) == []
    gateway.scope_made("hermes-worker-ab12.scope", {30: 20}, 700)
    gateway.pid = None
    assert workers.of(gateway) == []


@pytest.mark.parametrize(
    ("worker", "available", "expected"),
    [(700, 20, True), (700, 60, False), (10, 20, False), (0, 20, False)],
)
def test_workers_count_for_the_danger(gateway, monkeypatch, worker, available, expected):
    """The host runs out of memory; the gateway alone, with 30 MB of 1,000, would be no reason."""
    host = {"total_bytes": 1000 * MB, "available_bytes": available * MB}
    monkeypatch.setattr(proc, "host_memory", lambda: host)
    if worker:
        gateway.scope_made("hermes-worker-ab12.scope", {30: 20}, worker - 1)
    row = {"rss_bytes": 30 * MB, "tree_rss_bytes": 30 * MB, "swap_bytes": 0}
    why = limits.emergency(gateway, row, limits.kernel_limit(gateway))
    assert bool(why) == expected
    if expected:
        assert why.endswith(
            "is available on this host, and the gateway uses 30 MB, its workers 700 MB"
        )


@pytest.mark.parametrize(
    ("source", "expected"),
    [("MemoryMax", False), ("MemoryMax of user-1000.slice", True), ("MemoryMax of a.slice", False)],
)
def test_workers_count_for_the_limit_of_their_user(gateway, monkeypatch, source, expected):
    """Their own scopes are below that limit too, and outside of the unit's."""
    gateway.control_group = "/user.slice/user-1000.slice/user@1000.service/a.slice/h.service"
    limit = cgroup.Limit(800 * MB, source)
    monkeypatch.setattr(cgroup, "limit", lambda group: limit)
    gateway.scope_made("hermes-worker-ab12.scope", {30: 20}, 700)
    row = {"rss_bytes": 90 * MB, "tree_rss_bytes": 90 * MB, "swap_bytes": 0}
    assert limits.near_kernel_limit(gateway, row, limit.bytes) == expected
