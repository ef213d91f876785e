# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a lab host: measures one check of each program in turn. Usage: measure.py GATEWAYS RUNS"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time

GATEWAYS, RUNS = int(sys.argv[1]), int(sys.argv[2])
# The shortest psutil program that does the same as the article's script, and counts children.
PSUTIL = """
import subprocess, sys, psutil
units = subprocess.run(["systemctl", "show", "--property=MainPID", "--value", "hermes-gateway*.service"], stdout=subprocess.PIPE, text=True).stdout.split()
for pid in units:
    process = psutil.Process(int(pid))
    if sum(one.memory_info().rss for one in [process] + process.children(recursive=True)) > 2 << 30:
        print("above")
"""
BORROWED = ["env", "LD_LIBRARY_PATH=/opt/bench/lib"]
KEPT = "/var/lib/hermes-guard/*/life.json"
MONIT = "/etc/bench.monitrc"
IDENTITY = "hermes-guard-identity.service"


def units():
    """The gateways' main processes, by unit."""
    text = subprocess.run(
        ["systemctl", "show", "--property=Id,MainPID", "hermes-gateway*.service"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines())
        for block in text.strip().split("\n\n")
    ]
    return {block["Id"]: block["MainPID"] for block in blocks if block["MainPID"] != "0"}


def monit():
    """The settings of monit: one process for each gateway, with the memory of its children."""
    lines = [
        "set daemon 300",
        "set pidfile /run/bench-monit.pid",
        "set statefile /run/bench-monit.state",
        "set idfile /run/bench-monit.id",
    ]
    for name, pid in units().items():
        with open("/run/bench-%s.pid" % name, "w", encoding="ascii") as handle:
            handle.write(pid)
        lines.append(
            "check process %s with pidfile /run/bench-%s.pid\n  if total memory > 2 GB for 3 cycles then alert"
            % (name.replace(".service", ""), name)
        )
    with open(MONIT, "w", encoding="utf-8") as handle:
        handle.write("\n".join(lines) + "\n")
    os.chmod(MONIT, 0o600)


def once(argv):
    """(CPU seconds, wall seconds, peak in MB) of one run of ``argv`` and all it waits for."""
    started = time.monotonic()
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    # monit validate also exits with 1 if it finds no failure.
    if status and argv[-1] != "validate":
        raise SystemExit("%s ended with %d" % (argv, status))
    return usage.ru_utime + usage.ru_stime, time.monotonic() - started, usage.ru_maxrss / 1024


def calls(argv):
    """The number of system calls, if strace is installed."""
    if not os.path.exists("/opt/bench/strace"):
        return None
    trace = BORROWED + ["/opt/bench/strace", "-f", "-c", "-o", "/run/bench-strace"]
    subprocess.run(trace + argv, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open("/run/bench-strace", encoding="ascii") as handle:
        # The last line: 100.00 seconds usecs calls [errors] total.
        return int(handle.read().splitlines()[-1].split()[3])


def settle():
    """The first checks, and the end of what they start: after each start of a gateway its Hermes is asked once.

    Each of them judges the memory of one gateway, once in an hour: as many checks as there are gateways.
    """
    for _gateway in range(GATEWAYS):
        subprocess.run(["hermes-guard", "check"], check=False)
    state = ["systemctl", "show", "--property=ActiveState", "--value", IDENTITY]
    while "activating" in subprocess.check_output(state, text=True):
        time.sleep(1)


def main():
    """A JSON list of rows."""
    programs = {
        "hermes-guard check": ["hermes-guard", "check"],
        "hermes-guard check, nothing kept from the last": [
            "sh",
            "-c",
            "rm -f %s; exec hermes-guard check" % KEPT,
        ],
        "the article's script": [
            "sh",
            "-c",
            "n=%d; while [ $n -gt 0 ]; do /opt/bench/article.sh; n=$((n-1)); done" % GATEWAYS,
        ],
        "Python with psutil": ["python3", "-c", PSUTIL],
        "an empty Python program": ["python3", "-ISB", "-c", ""],
    }
    if os.path.exists("/opt/bench/monit"):
        monit()
        programs["monit, one cycle"] = BORROWED + ["/opt/bench/monit", "-c", MONIT, "validate"]
    settle()
    found = {name: [] for name in programs}
    # In turn, so that a disturbance affects all of them.
    for _number in range(RUNS):
        for name, argv in programs.items():
            found[name].append(once(argv))
    rows = []
    for name, values in found.items():
        cpu, wall, peak = zip(*values)
        rows.append(
            {
                "program": name,
                "gateways": len(units()),
                "runs": RUNS,
                "cpu_ms": round(1000 * statistics.median(cpu), 1),
                "least_cpu_ms": round(1000 * min(cpu), 1),
                "wall_ms": round(1000 * statistics.median(wall), 1),
                "peak_mb": round(statistics.median(peak), 1),
                "system_calls": calls(programs[name]),
            }
        )
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
