# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the processes, memory and limits of a unit's cgroup, for cgroup v1 and v2.

A cgroup is named as in systemd's property ControlGroup:
"/system.slice/hermes-gateway.service".
"""

from __future__ import annotations

import functools
import os
from collections import namedtuple

from . import display, proc

ROOT = "/sys/fs/cgroup"
FIELDS = ("cgroup_bytes", "cgroup_peak_bytes", "cgroup_max_bytes", "oom_kills", "high_events")
# Mount points below ROOT: v2; systemd's own hierarchy in the hybrid and in the legacy layout, which
# contain all processes; the memory controller of v1.
_MEMORY_V1 = "/memory"
_MOUNTS = ("", "/unified", "/systemd", _MEMORY_V1)
# The files with usage, peak, limit and events: v2, then v1.
_FILES = ("memory.current", "memory.peak", "memory.max", "memory.events")
_FILES_V1 = (
    "memory.usage_in_bytes",
    "memory.max_usage_in_bytes",
    "memory.limit_in_bytes",
    "memory.oom_control",
)
# Limit files, each with the directive of systemd.resource-control(5) that sets it. v1 does not
# support memory.high.
_LIMITS = (("memory.max", "MemoryMax"), ("memory.high", "MemoryHigh"))
_LIMITS_V1 = (("memory.limit_in_bytes", "MemoryMax"),)
# v1 shows "no limit" as the largest multiple of the page size in 63 bits; no host has an exbibyte.
NO_LIMIT = 1 << 60


# A limit in bytes and its source: "MemoryMax" or "MemoryHigh" for the cgroup itself,
# "MemoryMax of hermes.slice" for a parent.
Limit = namedtuple("Limit", "bytes source")


def directories(control_group: str | None) -> list[str]:
    """The directories that may contain the files of the cgroup, the most likely first."""
    if not control_group or not control_group.startswith("/") or "/../" in control_group + "/":
        return []
    # If the memory controller is mounted below the root, the root itself is not a hierarchy.
    mounts = _MOUNTS[1:] if _memory_mount(ROOT) else _MOUNTS
    return [ROOT + mount + control_group for mount in mounts]


@functools.lru_cache(maxsize=None)
def _memory_mount(root: str) -> str:
    """The entry of _MOUNTS that has the memory controller; only one hierarchy can have it.

    The root of v2 contains cgroup.controllers; in other layouts the root is not a hierarchy.
    """
    if not os.path.exists(root + "/cgroup.controllers"):
        for mount in (_MEMORY_V1, "/unified"):
            if os.path.isdir(root + mount):
                return mount
    return ""


def members(control_group: str | None) -> list[int]:
    """The pids of all processes in a cgroup and its children; empty if it cannot be read."""
    return next(filter(None, map(_below, directories(control_group))), [])


def _below(directory: str) -> list[int]:
    return [
        int(word)
        for place, _directories, _files in os.walk(directory)
        for word in (proc.read(os.path.join(place, "cgroup.procs")) or "").split()
    ]


def processes(pid: int, control_group: str | None = None) -> list[int]:
    """The pids of a process and its descendants.

    Uses the cgroup if it can be read: unlike a search by parent pid, it includes children whose
    parent has exited.
    """
    for directory in directories(control_group):
        found = _below(directory)
        if pid in found:
            return found
    return [pid] + proc.descendants(pid)


def memory(control_group: str | None) -> dict[str, int | None]:
    """The memory of a cgroup by FIELDS; unknown values are None.

    ``cgroup_max_bytes`` is also None if no limit is set. ``oom_kills`` is the event counter
    oom_kill: processes that the OOM killer ended since the cgroup was created. ``high_events``
    counts how often the cgroup was throttled at memory.high (v2 only).
    """
    if not control_group or not directories(control_group):
        return dict.fromkeys(FIELDS)
    mount = _memory_mount(ROOT)
    directory = ROOT + mount + control_group
    current, peak, limit_file, events = _FILES_V1 if mount == _MEMORY_V1 else _FILES
    used = _number(os.path.join(directory, current))
    if used is None:
        return dict.fromkeys(FIELDS)
    maximum = _number(os.path.join(directory, limit_file))
    if maximum is not None and maximum >= NO_LIMIT:
        maximum = None
    found = _values(os.path.join(directory, events))
    return {
        "cgroup_bytes": used,
        "cgroup_peak_bytes": _number(os.path.join(directory, peak)),
        "cgroup_max_bytes": maximum,
        "oom_kills": found.get("oom_kill"),
        "high_events": found.get("high"),
    }


def resident(control_group: str | None) -> tuple[int | None, int | None]:
    """(bytes in RAM, bytes in swap) of the processes of a cgroup; None if unknown.

    Counts each page once: anonymous memory and mapped files, not the rest of the page cache.
    """
    if not control_group or not directories(control_group):
        return None, None
    directory = ROOT + _memory_mount(ROOT) + control_group
    values = _values(os.path.join(directory, "memory.stat"))
    for anonymous, mapped in (("anon", "file_mapped"), ("total_rss", "total_mapped_file")):
        if anonymous in values:
            swap = values.get("total_swap")
            if swap is None:
                swap = _number(os.path.join(directory, "memory.swap.current"))
            return values[anonymous] + values.get(mapped, 0), swap
    return None, None


def own_limit(control_group: str | None) -> int | None:
    """``memory.high`` of a cgroup, else its maximum, else those of the root cgroup, in bytes.

    None if no limit is set. In a container, the root cgroup is the container's.
    """
    for directory in [*directories(control_group), *directories("/")]:
        for name in ("memory.high", "memory.max", "memory.limit_in_bytes"):
            size = _number(os.path.join(directory, name))
            if size is not None and 0 < size < NO_LIMIT:
                return size
    return None


def limit(control_group: str | None) -> Limit | None:
    """The lowest limit of a cgroup and its parents, or None if no limit is set.

    At ``memory.max`` the kernel kills, at ``memory.high`` it throttles: memory cannot grow past
    either. In a container, the topmost cgroup is the container's.
    """
    if not control_group or not directories(control_group):
        return None
    found = []
    mount = _memory_mount(ROOT)
    place = control_group.rstrip("/")
    while True:
        for name, directive in _LIMITS_V1 if mount == _MEMORY_V1 else _LIMITS:
            size = _number(ROOT + mount + place + "/" + name)
            if size is not None and 0 < size < NO_LIMIT:
                found.append(Limit(size, _source(directive, place, control_group)))
        if not place:
            break
        place = place.rpartition("/")[0]
    return min(found, key=lambda one: one.bytes) if found else None


def _source(directive: str, place: str, control_group: str) -> str:
    if place == control_group.rstrip("/"):
        return directive
    above = display.printable(place.rpartition("/")[2], 80) or "the container"
    return "%s of %s" % (directive, above)


def _values(path: str) -> dict[str, int]:
    """The values in a kernel file with a name and a number on each line."""
    pairs = [line.split() for line in (proc.read(path) or "").splitlines()]
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _number(path: str) -> int | None:
    """The integer in a kernel file; None for "max" and for a file that cannot be read."""
    try:
        return int((proc.read(path, 64) or "").strip())
    except ValueError:
        return None
