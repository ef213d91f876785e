# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads processes and their memory from /proc, with the standard library only.

Sizes are VmRSS, RssAnon and VmSwap of /proc/PID/status (proc(5), kB of 1024 bytes), in bytes. If a
value cannot be read because the process has exited or belongs to another user, it is None or empty.
"""

from __future__ import annotations

import os
import re
import time

from . import reach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from typing import TypedDict, TypeVar

    T = TypeVar("T")

    class Memory(TypedDict):
        """The memory of one process; ``anon_bytes`` requires Linux 4.5."""

        rss_bytes: int
        anon_bytes: int | None
        swap_bytes: int


# Bytes that one system call reads from a kernel file. Most files fit; a larger buffer would need a
# separate memory mapping.
_CHUNK = 1 << 14
# Far more ancestors than a gateway has: a user may start a chain of thousands of processes.
_MAX_ANCESTORS = 100


def read(path: str, limit: int = 1 << 20) -> str | None:
    """The first ``limit`` bytes of a kernel file."""
    if reach.is_silent(path):
        return None
    # A check reads some hundred files: os.read takes half the time of a file object.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    chunks = []
    left = limit
    try:
        while left > 0:
            chunk = os.read(descriptor, min(left, _CHUNK))
            if not chunk:
                break
            chunks.append(chunk)
            left -= len(chunk)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return b"".join(chunks).decode("utf-8", "replace")


def start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot: field 22 of /proc/PID/stat.

    Together with the pid it identifies a process, because pids are reused.
    """
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def parent(pid: int) -> int | None:
    """The pid of the parent process."""
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def has_ancestor(pid: int, others: Collection[int]) -> bool:
    """Whether one of ``others`` is an ancestor of the process."""
    return any(ancestor in others for ancestor in ancestors(pid))


def ancestors(pid: int) -> Iterator[int]:
    """The ancestors of the process, closest first, without init."""
    ancestor = parent(pid)
    for _generation in range(_MAX_ANCESTORS):
        if not ancestor or ancestor <= 1:
            return
        yield ancestor
        ancestor = parent(ancestor)


def has_terminal(pid: int) -> bool:
    """Whether the process has a controlling terminal; services have none by default."""
    fields = _stat(pid)
    return fields is not None and fields[4] != "0"


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third on."""
    text = read("/proc/%d/stat" % pid)
    # The name in parentheses may contain spaces and parentheses: field 3 follows the last one.
    fields = text.rpartition(")")[2].split() if text else []
    return fields if len(fields) > 19 else None


def seconds_since(ticks: int) -> float:
    """The seconds since a process started at ``ticks``, as returned by start_ticks.

    By the boot clock, which ignores changes of the wall clock.
    """
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))


def work_seconds(pid: int) -> float | None:
    """The CPU time that the threads of a process have used and waited for so far.

    Includes waiting, because a busy process on an overloaded host may get little CPU time. Also
    None on a kernel without CONFIG_SCHED_INFO.
    """
    try:
        threads = os.listdir("/proc/%d/task" % pid)
    except OSError:
        return None
    fields = [
        (read("/proc/%d/task/%s/schedstat" % (pid, thread), 256) or "").split()
        for thread in threads
    ]
    known = [(int(one[0]) + int(one[1])) / 1e9 for one in fields if len(one) >= 2]
    return sum(known) if known else None


def uid(pid: int) -> int | None:
    """The uid that the process runs as; None unless all four of its uids are the same.

    If its real, effective, saved and filesystem uids differ, it may act for another user, and that
    user may have set its command line and environment.
    """
    uids = set(_field(_fields("/proc/%d/status" % pid), "Uid").split())
    return int(uids.pop()) if len(uids) == 1 else None


def of_user(pid: int, user: int, look: Callable[[int], T]) -> T | None:
    """The result of ``look`` if the process belongs to ``user`` before and after it; else None.

    The pid may be reused in between, or the process may execute a program as another user.
    """
    start = start_ticks(pid)
    if uid(pid) != user:
        return None
    found = look(pid)
    return found if uid(pid) == user and start_ticks(pid) == start else None


def exe(pid: int) -> str | None:
    """The path of the process's program; requires permission to trace the process."""
    try:
        path = os.readlink("/proc/%d/exe" % pid)
    except OSError:
        return None
    # An upgrade has replaced the file.
    return path[: -len(" (deleted)")] if path.endswith(" (deleted)") else path


def pid_levels(pid: int) -> int | None:
    """The number of nested pid namespaces of the process, counted from that of this /proc."""
    found = re.search(r"^NSpid:(.*)$", read("/proc/%d/status" % pid, 1 << 14) or "", re.M)
    return len(found.group(1).split()) if found else None


def cgroup(pid: int) -> str | None:
    """The cgroup of the process as systemd names it, from v2 or systemd's own hierarchy."""
    lines = re.findall(
        r"^\d+:(name=systemd)?:(.*)$", read("/proc/%d/cgroup" % pid, 1 << 14) or "", re.M
    )
    # The hybrid layout has both, and only systemd's own hierarchy always contains the units.
    return max(lines)[1] if lines else None


def argv(pid: int) -> list[str]:
    """The command line; empty for a kernel thread."""
    text = read("/proc/%d/cmdline" % pid, 1 << 16)
    return text.rstrip("\0").split("\0") if text else []


def environ(pid: int) -> dict[str, str]:
    """The environment that the process was started with."""
    text = read("/proc/%d/environ" % pid) or ""
    return dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)


def pids() -> list[int]:
    """All pids of this host, in increasing order."""
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def memory(pid: int) -> Memory | None:
    """The memory of one process."""
    fields = _fields("/proc/%d/status" % pid)
    rss = _bytes(fields, "VmRSS")
    if rss is None:
        return None
    return {
        "rss_bytes": rss,
        "anon_bytes": _bytes(fields, "RssAnon"),
        "swap_bytes": _bytes(fields, "VmSwap") or 0,
    }


def pss(pid: int) -> int | None:
    """The proportional set size: a page that n processes share counts as 1/n.

    Requires permission to trace the process.
    """
    text = read("/proc/%d/smaps_rollup" % pid, 1 << 14) or ""
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.M)
    return int(found.group(1)) * 1024 if found else None


def descendants(pid: int) -> list[int]:
    """The pids of all descendants of ``pid``, by parent pid."""
    children: dict[int | None, list[int]] = {}
    for candidate in pids():
        children.setdefault(parent(candidate), []).append(candidate)
    found: list[int] = []
    queue = [pid]
    while queue:
        for child in children.get(queue.pop(), ()):
            found.append(child)
            queue.append(child)
    return found


def host_memory() -> dict[str, int]:
    """``total_bytes``, ``available_bytes`` and ``swap_total_bytes`` of the host (/proc/meminfo)."""
    fields = _fields("/proc/meminfo")
    return {
        "total_bytes": _bytes(fields, "MemTotal") or 0,
        "available_bytes": _bytes(fields, "MemAvailable") or 0,
        "swap_total_bytes": _bytes(fields, "SwapTotal") or 0,
    }


def _fields(path: str) -> str:
    """A kernel file of ``NAME: VALUE`` lines, with a line break before each line."""
    return "\n" + (read(path, 1 << 14) or "")


def _field(fields: str, name: str) -> str:
    """The value of ``name``; empty if missing."""
    # Faster than a regular expression, which would be compiled for each field.
    return fields.partition("\n%s:" % name)[2].partition("\n")[0].strip()


def _bytes(fields: str, name: str) -> int | None:
    """A size that the kernel shows in kB of 1024 bytes; None if missing."""
    number, _space, unit = _field(fields, name).partition(" ")
    return int(number) * 1024 if unit == "kB" and number.isdigit() else None
