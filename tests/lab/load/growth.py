# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory and CPU time of one process, from /proc, and its growth."""

from __future__ import annotations

import os
import re
import statistics

MB = 1 << 20


def memory_mb(pid):
    """(RSS now, its peak so far) in MB of 2^20 bytes."""
    with open("/proc/%d/status" % pid, encoding="utf-8") as status:
        fields = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status.read(), re.MULTILINE))
    return int(fields["VmRSS"]) / 1024, int(fields["VmHWM"]) / 1024


def cpu_seconds(pid):
    """CPU time of the process so far, without its children."""
    with open("/proc/%d/stat" % pid, encoding="utf-8") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def maps(pid, word):
    """Whether ``word`` is in the name of a file that the process has mapped."""
    with open("/proc/%d/maps" % pid, encoding="utf-8") as handle:
        return any(word in line for line in handle)


def per_thousand(samples, warm_up):
    """MB of growth per 1,000 turns: the slope through ``samples``, a list of (turns so far, MB), without those of the first ``warm_up`` turns.

    None where fewer than ten samples are left, or no turn lies between them.
    """
    kept = [(turns, mb) for turns, mb in samples if turns >= warm_up]
    if len(kept) < 10 or kept[0][0] == kept[-1][0]:
        return None
    return (
        statistics.linear_regression(
            [turns for turns, _mb in kept], [mb for _turns, mb in kept]
        ).slope
        * 1000
    )
