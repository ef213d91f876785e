# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits that a gateway's memory is compared with.

Three limits answer three questions:

- the watchdog's threshold, which the operator sets: above it, the gateway should be restarted;
- the kernel's limit: at it, the OOM killer acts or the gateway is throttled for good, so near it a
  restart no longer waits. It is the lowest limit of the unit, its parent cgroups, and the RAM;
- the limit of a forecast: the first that the growth will reach. An operator who set a threshold
  wants to know when the watchdog will restart the gateway, not when the RAM would be full.
"""

from __future__ import annotations

from .._host import cgroup, display, proc
from . import history, sampling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._hermes.discovery import Gateway
    from .config import Settings
    from .managed import ManagedGateway

# Above this share of the kernel's limit, the OOM killer may act before the gateway is idle, or even
# before the next sample.
EMERGENCY = 0.95
# Above this share, an open alert is raised a second time.
NEAR = 0.9
# The same for the host: below this share of its RAM, the kernel may choose any process.
AVAILABLE = 0.05
# Part of the source of a limit for one user or all users: "MemoryMax of user-1000.slice".
_OF_USER = " of user"


def above_threshold(settings: Settings, row: dict[str, Any]) -> bool:
    """Whether sample ``row`` is above the watchdog's threshold; False if none is set."""
    return settings.threshold is not None and sampling.footprint(row) > settings.threshold


def breached(gateway: ManagedGateway, row: dict[str, Any]) -> tuple[int, int]:
    """How many of the last samples are above the threshold: (count, samples considered).

    Only samples of this run of the gateway count. ``row`` is the newest one.
    """
    settings = gateway.settings
    most = settings.breaches[1]
    try:
        past = history.tail(settings.folder, most)
    except OSError:
        past = []
    past = [one for one in past if _same_run(one, gateway) and one["timestamp"] != row["timestamp"]]
    samples = (past + [row])[-most:]
    return len([one for one in samples if above_threshold(settings, one)]), len(samples)


def _same_run(row: dict[str, Any], gateway: ManagedGateway) -> bool:
    if gateway.invocation_id:
        return row["invocation_id"] == gateway.invocation_id
    return row["pid"] == gateway.pid


def near_kernel_limit(gateway: Gateway, row: dict[str, Any], limit: int) -> bool:
    """Whether sample ``row`` is too close to the kernel's ``limit`` for a restart to wait."""
    return _is_above(EMERGENCY * limit, gateway, row)


def is_near(gateway: Gateway, row: dict[str, Any]) -> bool:
    """Whether sample ``row`` is above NEAR of the kernel's limit."""
    return _is_above(NEAR * kernel_limit(gateway), gateway, row)


def _is_above(limit: float, gateway: Gateway, row: dict[str, Any]) -> bool:
    # Swapped-out memory does not count against these limits.
    used = resident(row)
    # Only a unit in user scope can be below such a limit: others are spared this read.
    least = cgroup_limit(gateway) if "/user" in (gateway.control_group or "") else None
    if least is not None and _OF_USER in least.source:
        # The limit applies to everything in the user's slice, so the workers count too.
        used += _workers_bytes(gateway)
    # The limit is 0 if the amount of RAM is unknown.
    return 0 < limit < used


def resident(row: dict[str, Any]) -> int:
    """The bytes of sample ``row`` that count against the kernel's limit."""
    return sampling.footprint(dict(row, swap_bytes=0))


def _workers_bytes(gateway: Gateway) -> int:
    # Imported here because it is rarely needed, and a check runs up to 1,440 times a day.
    from .._hermes import workers

    return workers.memory_bytes(gateway)


def emergency(
    gateway: Gateway, row: dict[str, Any], limit: int, host: dict[str, int] | None = None
) -> str | None:
    """Why a restart after sample ``row`` must not wait for anything; None if it may wait.

    ``limit`` is the kernel's, ``host`` is proc.host_memory() if the caller has it.
    """
    used = sampling.footprint(row)
    if near_kernel_limit(gateway, row, limit):
        return "%s is above %d %% of the limit of %s" % (
            display.megabytes(resident(row)),
            round(100 * EMERGENCY),
            display.megabytes(limit),
        )
    host = host or proc.host_memory()
    line = AVAILABLE * host["total_bytes"]
    if host["available_bytes"] >= line:
        return None
    # Late, because finding the workers means reading all processes of the user.
    beside = _workers_bytes(gateway)
    # Restarting a gateway that is smaller than the missing memory would not help.
    if line < used + beside:
        text = "only %s of RAM is available on this host, and the gateway uses %s" % (
            display.megabytes(host["available_bytes"]),
            display.megabytes(used),
        )
        return text + (", its workers %s" % display.megabytes(beside) if beside else "")
    return None


def cgroup_limit(gateway: Gateway, host: dict[str, int] | None = None) -> cgroup.Limit | None:
    """The lowest limit of the gateway's cgroup and its parents; None if it is not below the RAM."""
    least = cgroup.limit(gateway.control_group)
    if least is None:
        return None
    total = (host or proc.host_memory())["total_bytes"]
    return None if total and least.bytes >= total else least


def kernel_limit(gateway: Gateway, host: dict[str, int] | None = None) -> int:
    """The number of bytes at which the kernel acts: the lowest cgroup limit, or the RAM.

    ``host`` is proc.host_memory() if the caller has it.
    """
    host = host or proc.host_memory()
    least = cgroup_limit(gateway, host)
    return least.bytes if least else host["total_bytes"]


def forecast_limit(settings: Settings, gateway: Gateway | None, used: float) -> cgroup.Limit:
    """The limit of a forecast in bytes, and its source.

    This is the cgroups' limit, or the watchdog's threshold if that is lower and the watchdog
    restarts: runs then end at the threshold. Without a cgroup limit, it is the threshold, else the
    available RAM plus the ``used`` bytes that the gateway already has. ``gateway`` is None if it
    does not run.
    """
    most = cgroup_limit(gateway) if gateway else None
    ends = settings.threshold if settings.action == "restart" else None
    if most and (ends is None or most.bytes <= ends):
        return most
    if settings.threshold is not None:
        return cgroup.Limit(settings.threshold, "the watchdog's threshold")
    return cgroup.Limit(int(proc.host_memory()["available_bytes"] + used), "available RAM")
