# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The workers of a gateway: commands that Hermes runs in scopes of their own, from 0.20 on.

Their memory is not charged to the gateway's unit, and its growth is no leak of the gateway. Their
sum can take a host down all the same (issue 111326 of Hermes).
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
        """The name of a scope, and its memory and swap in bytes."""

        name: str
        memory_bytes: int
else:
    Worker = collections.namedtuple("Worker", "name memory_bytes")

_SCOPE = r"hermes-worker-[A-Za-z0-9:_.@\\-]{1,200}\.scope\Z"
# Where `systemd-run --user --scope` puts them: the second since systemd 246 or so.
_PLACES = ("", "/app.slice")
# Of one user. More can be made by the user, and each costs a look at its processes.
_MOST = 200


def of(gateway: Gateway) -> list[Worker]:
    """The workers of a running gateway, by name.

    One whose gateway has ended counts for every gateway of its user: nobody else ends it.
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
    """The memory and swap of all workers of a gateway."""
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
    """Whether what started the processes of a scope has ended: they are init's, or their systemd's.

    A scope without a process is none.
    """
    inside = set(pids)
    parents = {proc.parent(pid) for pid in pids} - inside - {None}
    return bool(pids) and all(one == 1 or _is_systemd(one) for one in parents if one)


def _is_systemd(pid: int) -> bool:
    return os.path.basename((proc.argv(pid) or [""])[0]) == "systemd"
