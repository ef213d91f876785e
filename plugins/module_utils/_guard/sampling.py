# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes one sample of one gateway: a row of memory.csv."""

from __future__ import annotations

import time

from .._hermes import state_file
from .._host import cgroup, tree
from . import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .managed import ManagedGateway


def take(gateway: ManagedGateway) -> dict[str, Any] | None:
    """The row of a running gateway, by column of history; None if its process has just exited.

    ``tree_rss_bytes`` and ``swap_bytes`` include the process and its descendants, which the RSS of
    one process does not. Shared pages count once.
    """
    row = measured(gateway)
    if row is not None:
        complete(row, state_file.runtime(gateway), identity.known(gateway))
    return row


def measured(gateway: ManagedGateway) -> dict[str, Any] | None:
    """The row without the values from the home; None as for take."""
    if gateway.pid is None:
        return None
    used = tree.memory(gateway.pid, gateway.control_group)
    if used is None:
        return None
    unit = cgroup.memory(gateway.control_group)
    return {
        "timestamp": int(time.time()),
        "invocation_id": gateway.invocation_id,
        "pid": gateway.pid,
        "uptime_seconds": None if gateway.uptime_seconds is None else int(gateway.uptime_seconds),
        "rss_bytes": used.own["rss_bytes"],
        "anon_bytes": used.own["anon_bytes"],
        "swap_bytes": used.swap_bytes,
        "tree_rss_bytes": used.rss_bytes,
        "cgroup_bytes": unit["cgroup_bytes"],
        "oom_kills": unit["oom_kills"],
        "active_agents": None,
    }


def complete(row: dict[str, Any], said: dict[str, Any], known: dict[str, str | None]) -> None:
    """Add to ``row`` the values ``said`` by the home (see state_file.runtime) and the identity."""
    row["active_agents"] = said["active_agents"]
    row.update(known)
    if said["version"] is not None:
        # The home has the running version; Hermes's Python reports the installed one.
        row["version"] = said["version"]


def footprint(row: dict[str, Any]) -> int:
    """The bytes that count against a threshold: resident memory and swap of the whole tree."""
    return (row["tree_rss_bytes"] or row["rss_bytes"] or 0) + (row["swap_bytes"] or 0)
