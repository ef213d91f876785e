# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes and their memory, from /proc, with the standard library alone.

Sizes are the kernel's, turned into bytes: VmRSS, RssAnon and VmSwap of /proc/PID/status (proc(5), kB of 1024 bytes). A
process that ends while it is read counts as gone.
"""

from __future__ import annotations

import os
import re
import time


def read(path, limit=1 << 20):
    """The first ``limit`` bytes of a kernel file as str, or None where it cannot be read (the process has ended)."""
    try:
        with open(path, "rb") as handle:
            return handle.read(limit).decode("utf-8", "replace")
    except OSError:
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
