# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel memory limit of gateways: sizes, obstacles, and whether it is in effect."""

from __future__ import annotations

import functools
import time

from .._hermes import discovery
from .._host import cgroup, display, proc, quantity, waiting
from .._host.errors import SettingError

MAX, HIGH, SWAP_MAX = (
    "hermes_memory_limit_max",
    "hermes_memory_limit_high",
    "hermes_memory_limit_swap_max",
)
# The directive of systemd.resource-control(5) that each option sets.
OPTIONS = {MAX: "MemoryMax", SWAP_MAX: "MemorySwapMax", HIGH: "MemoryHigh"}
# systemd answers before it sets the cgroup's limits; this usually takes less than a second.
IN_FORCE_SECONDS = 5


def amount(option: str, text: object, total_bytes: int) -> int | None:
    """The value ``text`` of ``option`` in bytes, rounded down to MB; None for "" (no limit).

    Raises SettingError for an invalid size.
    """
    words = str(text).strip()
    if option != MAX and not words:
        return None
    if option == SWAP_MAX and words == "0":
        return 0
    try:
        quantity.check_size_unit(words)
        return max(1, quantity.size(words, total_bytes) // display.MB) * display.MB
    except ValueError as exc:
        raise SettingError("%s: %s" % (option, exc)) from exc


def amounts(
    asked: dict[str, object], thresholds: dict[str, int], host: dict[str, int]
) -> tuple[dict[str, int | None], list[str]]:
    """The limits of a host in bytes by option (None: no limit), and notes on useless limits.

    ``asked`` are the options as given, ``thresholds`` the watchdog's in bytes by their source,
    ``host`` is proc.host_memory(). Raises SettingError for values that contradict each other.
    """
    total = host["total_bytes"]
    limits = {option: amount(option, asked[option], total) for option in OPTIONS}
    most, high = limits[MAX] or 0, limits[HIGH]
    notes = []
    for source, threshold in sorted(thresholds.items()):
        if most <= threshold:
            raise SettingError(
                "%s: %s is %s on this host, not above the watchdog's threshold of %s (%s): the"
                " kernel would kill the gateway before the watchdog restarts it: expected a higher"
                " limit, or a lower hermes_watchdog_threshold"
                % (MAX, asked[MAX], display.megabytes(most), display.megabytes(threshold), source)
            )
    if high is not None and high >= most:
        raise SettingError(
            "%s: invalid size %s: expected less than %s (%s)" % (HIGH, asked[HIGH], MAX, asked[MAX])
        )
    if high is not None and (not host["swap_total_bytes"] or limits[SWAP_MAX] == 0):
        why = "%s is 0" % SWAP_MAX if host["swap_total_bytes"] else "this host has no swap"
        notes.append(
            "%s is not applied: %s; without swap it would only slow the gateway down until it is"
            " OOM-killed" % (HIGH, why)
        )
        limits[HIGH] = None
    if most >= total:
        notes.append(
            "%s: %s is never reached: this host has %s of RAM"
            % (MAX, asked[MAX], display.megabytes(total))
        )
    return limits, notes


def directives(limits: dict[str, int | None]) -> dict[str, str]:
    """The directives of a drop-in, such as {"MemoryMax": "1638M"}; unset limits are omitted."""
    return {
        OPTIONS[option]: "%dM" % (size // display.MB) if size else "0"
        for option, size in limits.items()
        if size is not None
    }


def obstacle(gateway: discovery.Gateway) -> str | None:
    """Why the kernel may not enforce a limit on ``gateway``; None if it does."""
    controllers = proc.read(cgroup.ROOT + "/cgroup.controllers")
    if controllers is None:
        return (
            "this host uses cgroup v1: systemd applies at most MemoryMax=, to system services only,"
            " and no other limit"
        )
    if "memory" not in controllers.split():
        return (
            "the kernel's memory controller is disabled on this host (see cgroup_disable= on the"
            " kernel command line)"
        )
    if gateway.scope == "user":
        folder = "%s/user.slice/user-%d.slice/user@%d.service" % (
            cgroup.ROOT,
            gateway.uid,
            gateway.uid,
        )
        delegated = proc.read(folder + "/cgroup.controllers")
        if delegated is not None and "memory" not in delegated.split():
            return (
                "the memory controller is not delegated to the systemd manager of %s:"
                " user@.service needs Delegate=memory" % gateway.user
            )
    return None


def shortfalls(
    gateways: list[discovery.Gateway], limits: dict[str, int | None], applied: bool
) -> list[str]:
    """Notes on limits that the kernel cannot enforce or, if ``applied``, that are not in effect."""
    notes = []
    deadline = time.monotonic() + IN_FORCE_SECONDS
    for gateway in gateways:
        why = obstacle(gateway)
        if why is not None:
            notes.append("%s: the limit may not be enforced: %s" % (gateway.name, why))
        elif applied and gateway.pid:
            # See IN_FORCE_SECONDS.
            left = max(0.0, deadline - time.monotonic())
            if not waiting.wait_until(functools.partial(_in_force, gateway, limits), left, 0.1):
                notes.append("%s: the limit takes effect at its next restart" % gateway.name)
    return notes


def _in_force(gateway: discovery.Gateway, limits: dict[str, int | None]) -> bool:
    return cgroup.memory(gateway.control_group)["cgroup_max_bytes"] == limits[MAX]
