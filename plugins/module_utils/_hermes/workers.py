# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the workers of a gateway: commands that Hermes 0.20 and later runs in separate scopes.

Their memory is not charged to the gateway's unit, and its growth is not a leak of the gateway. Even
so, all workers together can exhaust the memory of a host (issue 111326 of Hermes).
"""

from __future__ import annotations

import collections
import os
import re

from .._host import cgroup, proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from .gateway import Gateway

    class Worker(NamedTuple):
        """The name of a scope, and its memory including swap, in bytes."""

        name: str
        memory_bytes: int
else:
    Worker = collections.namedtuple("Worker", "name memory_bytes")

_SCOPE = r"hermes-worker-[A-Za-z0-9:_.@\\-]{1,200}\.scope\Z"
# Slices in which `systemd-run --user --scope` creates scopes; the second since systemd 246 or so.
_PLACES = ("", "/app.slice")
# Scopes of one user. A user can create any number, and reading the processes of each takes time.
_MOST = 200


def of(gateway: Gateway) -> list[Worker]:
    """The workers of a running gateway, sorted by name.

    A worker whose gateway has ended is counted for every gateway of its user, because no other
    process ends it.
    """
    if gateway.pid is None or gateway.scope == "container":
        return []
    found = []
    for group in _scopes(gateway.uid):
        pids = cgroup.members(group)
        if any(proc.has_ancestor(pid, {gateway.pid}) for pid in pids) or _left_over(pids):
            resident, swap = cgroup.resident(group)
            if resident is None:
                each = [one for one in map(proc.memory, pids) if one is not None]
                resident = sum(one["rss_bytes"] for one in each)
                swap = sum(one["swap_bytes"] for one in each)
            found.append(Worker(group.rpartition("/")[2], resident + (swap or 0)))
    return sorted(found)


def memory_bytes(gateway: Gateway) -> int:
    """The memory and swap of all workers of a gateway, in bytes."""
    return sum(one.memory_bytes for one in of(gateway))


def _scopes(uid: int) -> list[str]:
    """The cgroups of the workers of a user."""
    above = "/user.slice/user-%d.slice/user@%d.service" % (uid, uid)
    found: set[str] = set()
    for place in _PLACES:
        for directory in cgroup.directories(above + place):
            try:
                names = os.listdir(directory)
            except OSError:
                continue
            found.update(above + place + "/" + name for name in names if re.match(_SCOPE, name))
    return sorted(found)[:_MOST]


def _left_over(pids: list[int]) -> bool:
    """Whether the parent of a scope's processes has ended, so that init or systemd adopted them.

    Returns False for a scope without processes.
    """
    inside = set(pids)
    parents = {proc.parent(pid) for pid in pids} - inside - {None}
    return bool(pids) and all(one == 1 or _is_systemd(one) for one in parents if one)


def _is_systemd(pid: int) -> bool:
    return os.path.basename((proc.argv(pid) or [""])[0]) == "systemd"
