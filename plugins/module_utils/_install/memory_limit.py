# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's own limit on the memory of gateways: which amounts, whether this host can hold them, whether they are in force."""

from __future__ import annotations

import time

from .._host import cgroup, display, proc, quantity
from .._host.errors import SettingError

MAX, HIGH, SWAP_MAX = (
    "hermes_memory_limit_max",
    "hermes_memory_limit_high",
    "hermes_memory_limit_swap_max",
)
# option: what stands for it in a drop-in
OPTIONS = {MAX: "MEMORY_MAX", HIGH: "MEMORY_HIGH", SWAP_MAX: "MEMORY_SWAP_MAX"}
IN_FORCE_SECONDS = 5


def amount(option, text, total_bytes):
    """The bytes (int) that ``text`` of ``option`` means, in whole MB as they stand in a drop-in; None for "", which sets no limit.

    SettingError with what is allowed.
    """
    text = str(text).strip()
    if option != MAX and not text:
        return None
    if option == SWAP_MAX and text == "0":
        return 0
    try:
        return max(1, quantity.size(text, total_bytes) // display.MB) * display.MB
    except ValueError as exc:
        raise SettingError("%s: %s" % (option, exc)) from exc


def amounts(asked, thresholds, host):
    """``(limits, notes)``: {option: bytes, or None for no such limit} of a host, and what of it makes no sense there (list of str).

    ``asked`` is {option: str}, ``thresholds`` the watchdog's in bytes by where they were found, ``host`` is proc.host_memory().
    SettingError for what cannot be, before anything is changed.
    """
    total = host["total_bytes"]
    limits = {option: amount(option, asked[option], total) for option in OPTIONS}
    notes = []
    for where, threshold in sorted(thresholds.items()):
        if limits[MAX] <= threshold:
            raise SettingError(
                "%s: %s is %s on this host, which is not above the watchdog's threshold of %s (%s): the kernel would kill the gateway before the watchdog"
                " restarts it; allowed: more than that, or a lower hermes_watchdog_threshold"
                % (
                    MAX,
                    asked[MAX],
                    display.megabytes(limits[MAX]),
                    display.megabytes(threshold),
                    where,
                )
            )
    if limits[HIGH] is not None and limits[HIGH] >= limits[MAX]:
        raise SettingError(
            "%s: %s is not below %s (%s); allowed: less than that"
            % (HIGH, asked[HIGH], MAX, asked[MAX])
        )
    if limits[HIGH] is not None and (not host["swap_total_bytes"] or limits[SWAP_MAX] == 0):
        why = "%s is 0" % SWAP_MAX if host["swap_total_bytes"] else "this host has no swap"
        notes.append(
            "%s is left out: %s, and without swap it would only slow the gateway down until it is killed"
            % (HIGH, why)
        )
        limits[HIGH] = None
    if limits[MAX] >= total:
        notes.append(
            "%s: %s is not less than the %s of RAM of this host, so it is never reached"
            % (MAX, asked[MAX], display.megabytes(total))
        )
    return limits, notes


def words(limits):
    """``limits`` as they stand in a drop-in: {token: "1638M", "0", or None for a line that is left out}."""
    return {
        OPTIONS[option]: None if value is None else "%dM" % (value // display.MB) if value else "0"
        for option, value in limits.items()
    }


def obstacle(gateway):
    """Why the kernel of this host cannot be relied on to hold a limit on ``gateway``, or None where it can."""
    controllers = proc.read(cgroup.ROOT + "/cgroup.controllers")
    if controllers is None:
        return "this host has cgroup v1, where systemd sets MemoryMax= on services of the system at best, and none of the other limits"
    if "memory" not in controllers.split():
        return "the kernel's memory controller is switched off on this host (see cgroup_disable= on the kernel's command line)"
    if gateway.scope == "user":
        folder = "%s/user.slice/user-%d.slice/user@%d.service" % (
            cgroup.ROOT,
            gateway.uid,
            gateway.uid,
        )
        delegated = proc.read(folder + "/cgroup.controllers")
        if delegated is not None and "memory" not in delegated.split():
            return (
                "the memory controller is not delegated to the systemd of %s: user@.service needs Delegate=memory"
                % gateway.user
            )
    return None


def shortfalls(gateways, limits, applied):
    """What this host cannot hold (list of str), and where the limits have been ``applied`` also what is not in force, by the kernel's own word."""
    notes = []
    deadline = time.monotonic() + IN_FORCE_SECONDS
    for gateway in gateways:
        why = obstacle(gateway)
        if why is not None:
            notes.append("%s: the limit cannot be relied on: %s" % (gateway.name, why))
        elif applied and gateway.pid:
            # systemd answers before it has set it.
            while not _in_force(gateway, limits) and time.monotonic() < deadline:
                time.sleep(0.1)
            if not _in_force(gateway, limits):
                notes.append("%s: the limit is not in force before its next restart" % gateway.name)
    return notes


def _in_force(gateway, limits):
    return cgroup.memory(gateway.control_group)["cgroup_max_bytes"] == limits[MAX]
