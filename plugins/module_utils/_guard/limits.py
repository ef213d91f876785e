# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gateway's memory is compared with, and when it is too much.

Three limits, for three questions:

- the watchdog's threshold, which the operator sets: above it the gateway should be restarted;
- the kernel's limit: there the OOM killer acts, so near it nothing waits any more;
- the limit of a forecast: the first of all that the growth will reach. An operator who set a
  threshold wants to know when the watchdog will restart the gateway, not when the RAM of the host
  would be full.
"""

from __future__ import annotations

from .._host import cgroup, proc
from . import sampling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._hermes.discovery import Gateway
    from .config import Settings

# Above this share of the kernel's limit, waiting for a quiet moment risks the OOM killer.
EMERGENCY = 0.95


def above_threshold(settings: Settings, row: dict[str, Any]) -> bool:
    """Whether sample ``row`` is above the watchdog's threshold; False if none is set."""
    return settings.threshold is not None and sampling.footprint(row) > settings.threshold


def near_kernel_limit(gateway: Gateway, row: dict[str, Any]) -> bool:
    """Whether sample ``row`` is so near the kernel's limit that a restart must not wait."""
    return sampling.footprint(row) > EMERGENCY * kernel_limit(gateway)


def cgroup_limit(gateway: Gateway) -> int | None:
    """The limit in bytes that the gateway's cgroup sets (``MemoryMax=``), or None."""
    return cgroup.memory(gateway.control_group)["cgroup_max_bytes"]


def kernel_limit(gateway: Gateway) -> int:
    """At how many bytes the OOM killer acts: the cgroup's limit, else the RAM of the host."""
    return cgroup_limit(gateway) or proc.host_memory()["total_bytes"]


def forecast_limit(settings: Settings, gateway: Gateway | None, used: float) -> tuple[int, str]:
    """(bytes that a forecast looks ahead to, what sets them).

    The cgroup's limit, else the watchdog's threshold, else the RAM that is left: what the host has
    available, and the ``used`` bytes that the gateway has of it already. ``gateway`` is None if it
    does not run.
    """
    most = cgroup_limit(gateway) if gateway else None
    if most:
        return most, "MemoryMax"
    if settings.threshold is not None:
        return settings.threshold, "the watchdog's threshold"
    return int(proc.host_memory()["available_bytes"] + used), "available RAM"
