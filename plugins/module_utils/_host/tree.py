# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the memory of a process and its descendants, counting shared pages once.

The RSS of a forked child includes its parent's pages, so the sum of both is too high. The kernel
counts each page of a cgroup once. For processes without their own cgroup, the proportional set size
(PSS) does so, which only root or their user may read.
"""

from __future__ import annotations

from . import cgroup, proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .proc import Memory


class Tree:
    """The memory of the process itself, and the bytes that it and its descendants use."""

    def __init__(self, own: Memory, rss_bytes: int, swap_bytes: int) -> None:
        self.own = own
        self.rss_bytes = rss_bytes
        self.swap_bytes = swap_bytes


def memory(pid: int, control_group: str | None = None) -> Tree | None:
    """The memory of ``pid`` and its descendants in ``control_group``; None if it has exited."""
    own = proc.memory(pid)
    if own is None:
        return None
    others = [one for one in cgroup.processes(pid, control_group) if one != pid]
    known = {one: found for one in others for found in [proc.memory(one)] if found is not None}
    rss = own["rss_bytes"] + sum(one["rss_bytes"] for one in known.values())
    swap = own["swap_bytes"] + sum(one["swap_bytes"] for one in known.values())
    if not known:
        return Tree(own, rss, swap)
    charged, swapped = cgroup.resident(control_group)
    shares = [proc.pss(one) for one in [pid, *known]] if charged is None else []
    if shares and None not in shares:
        charged = sum(one or 0 for one in shares)
    # Pages shared with other cgroups are charged to those, so the result may be too low.
    return Tree(
        own, _within(own["rss_bytes"], charged, rss), _within(own["swap_bytes"], swapped, swap)
    )


def _within(least: int, found: int | None, most: int) -> int:
    """``found``, limited to the range from ``least`` to ``most``; ``most`` if unknown."""
    return most if found is None else max(least, min(found, most))
