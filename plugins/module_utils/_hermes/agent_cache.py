# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From how much memory on Hermes evicts cached chats by itself, which 0.20.1 and later do.

Its anonymous memory, with that of its children if its cgroup has a limit, is compared with a budget
(gateway/agent_cache_pressure.py of Hermes). That should be the first line of defence: what it
evicts is read from the database again at the next message, and no turn is interrupted.
"""

from __future__ import annotations

from .._host import cgroup, display, proc

KEY = "agent.agent_cache.memory_high_mb"
# What "auto", its default, makes of memory.high, memory.max or the RAM, and from which budget on.
SHARE = 0.65
LEAST = 512 * display.MB
_OFF = ("", "off", "none", "false", "disabled")
# Of the watchdog's threshold: the rest is for what cannot be evicted at once, such as the chats of
# which a turn is under way, and for memory that is not anonymous.
SHARE_OF_THRESHOLD = 0.8
# A gateway of 0.22 takes 225 MB after its first turn: below that it would evict all the time.
SMALLEST = 256 * display.MB


def automatic(control_group: str) -> tuple[int, int]:
    """(the budget in bytes that "auto" means, the limit that it is taken from).

    A budget below LEAST is not in effect.
    """
    limit = cgroup.own_limit(control_group) or proc.host_memory()["total_bytes"]
    return int(limit * SHARE), limit


def literal(value: object) -> int | None:
    """The bytes that a ``value`` of KEY means; 0 switches the eviction off, None is "auto"."""
    if value is None or value is True:
        return None
    if isinstance(value, str):
        word = value.strip().lower()
        if word == "auto":
            return None
        value = 0 if word in _OFF or not word.isdigit() else int(word)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return 0
    return max(0, int(value)) * display.MB


def advised(threshold: int | None, limit: int) -> int:
    """The budget in bytes for a gateway with a watchdog's ``threshold`` (None: without one).

    ``limit`` is the least of the kernel's limits and the RAM.
    """
    most = limit * SHARE if threshold is None else threshold * SHARE_OF_THRESHOLD
    return max(SMALLEST, int(most) // display.MB * display.MB)
