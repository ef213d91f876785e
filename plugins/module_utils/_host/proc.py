# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes and their memory, from /proc and the cgroup file system, with the standard library alone.

The units are those of the kernel's files, turned into bytes: VmRSS, RssAnon and VmSwap of /proc/PID/status (proc(5), kB of
1024 bytes), memory.current of cgroup v2 or memory.usage_in_bytes of v1. A process that ends while it is read counts as gone.
"""

from __future__ import annotations

import os
import re
import time

CGROUP_ROOT = "/sys/fs/cgroup"


def read(path, limit=1 << 20):
    """The first ``limit`` bytes of a kernel file as str, or None where it cannot be read (the process has ended)."""
    try:
        with open(path, "rb") as handle:
            return handle.read(limit).decode("utf-8", "replace")
    except OSError:
        return None


def number(path):
    """The integer in a kernel file, or None; "max" is None as well."""
    try:
        return int((read(path, 64) or "").strip())
    except ValueError:
        return None


def start_ticks(pid):
    """Field 22 of /proc/PID/stat: when the process started, in clock ticks since boot. With the pid it names a process."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def parent(pid):
    """The pid of the parent, or None."""
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def _stat(pid):
    text = read("/proc/%d/stat" % pid)
    # The name in parentheses may hold spaces and parentheses: what follows the last one starts at field 3.
    fields = text.rpartition(")")[2].split() if text else []
    return fields if len(fields) > 19 else None


def uptime_seconds(pid):
    """How long the process has run, in seconds by the boot clock, which no change of the wall clock moves; or None."""
    ticks = start_ticks(pid)
    if ticks is None:
        return None
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))


def work_seconds(pid):
    """CPU time that the threads of a process have used and waited for so far, in seconds; None where the kernel does not say.

    With the waiting, because on a machine with too much to do a process that falls behind uses little.
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


def owner(pid):
    """The uid that the process runs as, or None."""
    try:
        return os.stat("/proc/%d" % pid).st_uid
    except OSError:
        return None


def argv(pid):
    """The command line (list of str), empty where there is none."""
    text = read("/proc/%d/cmdline" % pid, 1 << 16)
    return text.rstrip("\0").split("\0") if text else []


def environ(pid):
    """The environment (dict) that the process was started with; empty where it cannot be read."""
    text = read("/proc/%d/environ" % pid) or ""
    return dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)


def pids():
    """All pids of this host, in increasing order."""
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def memory(pid):
    """``rss_bytes``, ``anon_bytes`` and ``swap_bytes`` of one process (dict), or None where it has ended."""
    text = read("/proc/%d/status" % pid)
    if not text:
        return None
    values = dict(re.findall(r"^(VmRSS|RssAnon|VmSwap):\s+(\d+) kB", text, re.M))
    if "VmRSS" not in values:
        return None
    return {
        "rss_bytes": int(values["VmRSS"]) * 1024,
        "anon_bytes": int(values["RssAnon"]) * 1024 if "RssAnon" in values else None,
        "swap_bytes": int(values.get("VmSwap", 0)) * 1024,
    }


def descendants(pid):
    """The pids of all children of ``pid``, theirs, and so on, by parent pid."""
    children = {}
    for candidate in pids():
        children.setdefault(parent(candidate), []).append(candidate)
    found = []
    queue = [pid]
    while queue:
        for child in children.get(queue.pop(), ()):
            found.append(child)
            queue.append(child)
    return found


def cgroup_folders(control_group):
    """Where the cgroup (systemd's property ControlGroup) may be mounted: v2, then v1's memory and named hierarchies."""
    if not control_group or not control_group.startswith("/") or "/../" in control_group + "/":
        return []
    return [
        CGROUP_ROOT + mount + control_group for mount in ("", "/memory", "/unified", "/systemd")
    ]


def tree(pid, control_group=None):
    """The pids of the process and all it started: the unit's cgroup where it is readable, else by parent pid.

    The cgroup also holds children whose parent has ended, which a walk over parents misses.
    """
    for folder in cgroup_folders(control_group):
        text = read(folder + "/cgroup.procs")
        if text:
            members = [int(word) for word in text.split()]
            if pid in members:
                return members
    return [pid] + descendants(pid)


def cgroup_memory(control_group):
    """``cgroup_bytes``, ``cgroup_peak_bytes``, ``cgroup_max_bytes`` and ``oom_kills`` (dict; None where unknown).

    v2: memory.current, memory.peak, memory.max, oom_kill of memory.events. v1: memory.usage_in_bytes,
    memory.max_usage_in_bytes, memory.limit_in_bytes (a limit above 2**60 is none), oom_kill of memory.oom_control.
    """
    names = {
        "memory.current": ("memory.peak", "memory.max", "memory.events"),
        "memory.usage_in_bytes": (
            "memory.max_usage_in_bytes",
            "memory.limit_in_bytes",
            "memory.oom_control",
        ),
    }
    for folder in cgroup_folders(control_group):
        for current, (peak, limit, events) in names.items():
            used = number(os.path.join(folder, current))
            if used is None:
                continue
            maximum = number(os.path.join(folder, limit))
            kills = re.search(r"^oom_kill (\d+)", read(os.path.join(folder, events)) or "", re.M)
            return {
                "cgroup_bytes": used,
                "cgroup_peak_bytes": number(os.path.join(folder, peak)),
                "cgroup_max_bytes": maximum if maximum is not None and maximum < 1 << 60 else None,
                "oom_kills": int(kills.group(1)) if kills else None,
            }
    return {
        "cgroup_bytes": None,
        "cgroup_peak_bytes": None,
        "cgroup_max_bytes": None,
        "oom_kills": None,
    }


def host_memory():
    """``total_bytes``, ``available_bytes``, ``swap_total_bytes`` of the host (/proc/meminfo)."""
    values = dict(
        re.findall(
            r"^(MemTotal|MemAvailable|SwapTotal):\s+(\d+) kB", read("/proc/meminfo") or "", re.M
        )
    )
    return {
        "total_bytes": int(values.get("MemTotal", 0)) * 1024,
        "available_bytes": int(values.get("MemAvailable", 0)) * 1024,
        "swap_total_bytes": int(values.get("SwapTotal", 0)) * 1024,
    }
