# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of a process with all that it started, in which a page that they share counts once.

A child that was forked has its parent's pages in its own RSS: the sum of both is too much. The
kernel counts each page of a cgroup once; of processes without a cgroup of their own, the
proportional set size (PSS) does, which only root or their user may read.
"""

from __future__ import annotations

from . import cgroup, proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .proc import Memory


class Tree:
    """What the process itself uses, and in bytes what it and all that it started use."""

    def __init__(self, own: Memory, rss_bytes: int, swap_bytes: int) -> None:
        self.own = own
        self.rss_bytes = rss_bytes
        self.swap_bytes = swap_bytes


def memory(pid: int, control_group: str | None = None) -> Tree | None:
    """The memory of the tree of ``pid``, whose cgroup is that; None if it has just ended."""
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
    # What they share with others is charged to those: it is no less than the process itself has.
    return Tree(
        own, _within(own["rss_bytes"], charged, rss), _within(own["swap_bytes"], swapped, swap)
    )


def _within(least: int, found: int | None, most: int) -> int:
    """``found``, but between these two; ``most`` if it is not known."""
    return most if found is None else max(least, min(found, most))
