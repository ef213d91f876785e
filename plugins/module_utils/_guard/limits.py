# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gateway's memory is compared with, and when it is too much.

Three limits, for three questions:

- the watchdog's threshold, which the operator sets: above it the gateway should be restarted;
- the kernel's limit: there the OOM killer acts or the gateway is slowed down for good, so near it
  nothing waits any more. It is the least of the unit, of all above it, and of the RAM;
- the limit of a forecast: the first of all that the growth will reach. An operator who set a
  threshold wants to know when the watchdog will restart the gateway, not when the RAM of the host
  would be full.
"""

from __future__ import annotations

from .._host import cgroup, display, proc
from . import sampling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._hermes.discovery import Gateway
    from .config import Settings

# Above this share of the kernel's limit, waiting for a quiet moment risks the OOM killer, and so
# does waiting for the next sample.
EMERGENCY = 0.95
# Above this share an open alarm is raised a second time.
NEAR = 0.9
# The same for the host: below this share of its RAM, the kernel may choose any process.
AVAILABLE = 0.05
# In the source of a limit of a user, or of all users: "MemoryMax of user-1000.slice".
_OF_USER = " of user"


def above_threshold(settings: Settings, row: dict[str, Any]) -> bool:
    """Whether sample ``row`` is above the watchdog's threshold; False if none is set."""
    return settings.threshold is not None and sampling.footprint(row) > settings.threshold


def near_kernel_limit(gateway: Gateway, row: dict[str, Any], limit: int) -> bool:
    """Whether sample ``row`` is so near the kernel's ``limit`` that a restart must not wait."""
    return _is_above(EMERGENCY * limit, gateway, row)


def is_near(gateway: Gateway, row: dict[str, Any]) -> bool:
    """Whether sample ``row`` is above NEAR of the kernel's limit."""
    return _is_above(NEAR * kernel_limit(gateway), gateway, row)


def _is_above(limit: float, gateway: Gateway, row: dict[str, Any]) -> bool:
    # What is swapped out counts for none of these limits.
    used = resident(row)
    # Only a unit of a user's systemd can be below such a limit: for the others it is read once.
    least = cgroup_limit(gateway) if "/user" in (gateway.control_group or "") else None
    if least is not None and _OF_USER in least.source:
        # What the user's systemd runs is below that limit, and so are the workers.
        used += _workers_bytes(gateway)
    # 0: a host that does not say how much RAM it has.
    return 0 < limit < used


def resident(row: dict[str, Any]) -> int:
    """The bytes of sample ``row`` that count against the kernel's limit."""
    return sampling.footprint(dict(row, swap_bytes=0))


def _workers_bytes(gateway: Gateway) -> int:
    # Seldom needed, by what is started up to 1,440 times a day.
    from .._hermes import workers

    return workers.memory_bytes(gateway)


def emergency(gateway: Gateway, row: dict[str, Any], limit: int) -> str | None:
    """Why a restart must not wait after sample ``row``, for anything; None if it may.

    ``limit`` is the kernel's.
    """
    used = sampling.footprint(row)
    if near_kernel_limit(gateway, row, limit):
        return "%s is above %d %% of the limit of %s" % (
            display.megabytes(resident(row)),
            round(100 * EMERGENCY),
            display.megabytes(limit),
        )
    host = proc.host_memory()
    line = AVAILABLE * host["total_bytes"]
    if host["available_bytes"] >= line:
        return None
    # Only now: they cost a look at the processes of all scopes of the user.
    beside = _workers_bytes(gateway)
    # The end of a gateway that is smaller than what is missing would not help.
    if line < used + beside:
        text = "only %s of the memory of this host is available, and it uses %s" % (
            display.megabytes(host["available_bytes"]),
            display.megabytes(used),
        )
        return text + (", its workers %s" % display.megabytes(beside) if beside else "")
    return None


def cgroup_limit(gateway: Gateway) -> cgroup.Limit | None:
    """The least limit of the gateway's cgroup and of those above it, or None.

    One that is above the RAM of the host is none.
    """
    least = cgroup.limit(gateway.control_group)
    if least is None:
        return None
    total = proc.host_memory()["total_bytes"]
    return None if total and least.bytes >= total else least


def kernel_limit(gateway: Gateway) -> int:
    """At how many bytes the kernel acts: the least limit, of the cgroups and of the RAM."""
    least = cgroup_limit(gateway)
    return least.bytes if least else proc.host_memory()["total_bytes"]


def forecast_limit(settings: Settings, gateway: Gateway | None, used: float) -> tuple[int, str]:
    """(bytes that a forecast looks ahead to, what sets them).

    The cgroups' limit, else the watchdog's threshold, else the RAM that is left: what the host has
    available, and the ``used`` bytes that the gateway has of it already. ``gateway`` is None if it
    does not run.
    """
    most = cgroup_limit(gateway) if gateway else None
    if most:
        return most.bytes, most.source
    if settings.threshold is not None:
        return settings.threshold, "the watchdog's threshold"
    return int(proc.host_memory()["available_bytes"] + used), "available RAM"
