# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Computes the memory budget above which Hermes 0.20.1 and later evict cached chats.

Hermes compares its anonymous memory with the budget; if its cgroup has a limit, its children count
too (gateway/agent_cache_pressure.py of Hermes). Eviction should be the first line of defence: an
evicted chat is read from the database at its next message, and no turn is interrupted.
"""

from __future__ import annotations

from .._host import cgroup, display, proc

KEY = "agent.agent_cache.memory_high_mb"
# The default "auto" is this share of memory.high, memory.max or the RAM. Below LEAST, it is off.
SHARE = 0.65
LEAST = 512 * display.MB
_OFF = ("", "off", "none", "false", "disabled")
# The rest of the watchdog's threshold is for memory that cannot be evicted immediately, such as
# chats with a turn in flight, and for memory that is not anonymous.
SHARE_OF_THRESHOLD = 0.8
# A gateway of 0.22 uses 225 MB after its first turn: with less, it would evict continuously.
SMALLEST = 256 * display.MB


def automatic(control_group: str) -> tuple[int, int]:
    """The budget of "auto" and the limit from which it is computed, both in bytes.

    A budget below LEAST is not in effect.
    """
    limit = cgroup.own_limit(control_group) or proc.host_memory()["total_bytes"]
    return int(limit * SHARE), limit


def literal(value: object) -> int | None:
    """A ``value`` of KEY in bytes; 0 disables the eviction, None is "auto"."""
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
    """The recommended budget in bytes, below the watchdog's ``threshold`` (None: no watchdog).

    ``limit`` is the lowest of the kernel's limits and the RAM.
    """
    most = limit * SHARE if threshold is None else threshold * SHARE_OF_THRESHOLD
    return max(SMALLEST, int(most) // display.MB * display.MB)
