# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks, compared within one run: `make bench`, or `python3 tests/bench/bench.py converge --hosts 1 10`.

The results are in .build/bench: results.json, and results.md with the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time

import converge
import guard
import report
import runs
import simulated
import ssh
import trend

PARTS = {"guard": guard, "trend": trend, "report": report, "ssh": ssh, "converge": converge}


def machine():
    """A general description of the machine."""
    with open("/proc/meminfo", encoding="utf-8") as handle:
        memory = int(handle.readline().split()[1]) >> 20
    system = platform.freedesktop_os_release()
    core = subprocess.run(
        [runs.TOP / ".venv/bin/ansible", "--version"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.split("\n")[0]
    return {
        "cores": os.cpu_count(),
        "memory_gb": memory + 1,
        "system": "%s %s" % (system.get("NAME"), system.get("VERSION_ID")),
        "ansible": core,
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
        "load_before": [round(value, 1) for value in os.getloadavg()],
    }


def main():
    """Run the requested parts, and write their results; results of other parts are kept from earlier runs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help="of %s (default: all)" % ", ".join(PARTS)
    )
    parser.add_argument(
        "--hosts",
        nargs="+",
        type=int,
        default=[1, 10, 100],
        help="sizes of the simulated fleet (default: 1 10 100; 1000 takes 40 minutes)",
    )
    parser.add_argument("--forks", type=int, default=2 * os.cpu_count())
    parser.add_argument(
        "--repeats",
        type=int,
        default=5,
        help="number of runs for the median, for short measurements (default: 5)",
    )
    parser.add_argument(
        "--against",
        metavar="COMMIT",
        help="converge: instead of all else, compare a repeated run with the code of this commit and the current code",
    )
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench: the simulated hosts and the lab need root")
    simulated.own_mounts([sys.executable] + sys.argv)
    lock = runs.alone("bench")
    runs.snapshot("bench")
    results = runs.OUT / "results.json"
    found = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    for name in options.parts or PARTS:
        state = machine()
        started = time.monotonic()
        rows = PARTS[name].run(options)
        load = [round(value, 1) for value in os.getloadavg()]
        found[name] = {
            "rows": rows,
            "machine": dict(state, load_after=load, seconds=round(time.monotonic() - started)),
        }
        results.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = "\n".join(_section(name, found[name]) for name in PARTS if name in found)
    (runs.OUT / "results.md").write_text(text, encoding="utf-8")
    print(text)
    lock.close()


def _section(name, part):
    state = part["machine"]
    columns = list(dict.fromkeys(key for row in part["rows"] for key in row))
    lines = [
        "### %s" % name,
        "",
        "%(cores)d cores, %(memory_gb)d GB, %(system)s, %(ansible)s, Python %(python)s, %(date)s; it took %(seconds)d s"
        % state
        + "; load %s before, %s after"
        % tuple("/".join(map(str, state[when])) for when in ("load_before", "load_after")),
        "",
        "| %s |" % " | ".join(column.replace("_", " ") for column in columns),
        "|%s" % (" --- |" * len(columns)),
    ]
    lines += [
        "| %s |" % " | ".join(_cell(row.get(column)) for column in columns) for row in part["rows"]
    ]
    return "\n".join(lines) + "\n"


def _cell(value):
    return (
        ""
        if value is None
        else "%.3g" % value
        if isinstance(value, float) and value < 100
        else "%.0f" % value
        if isinstance(value, float)
        else str(value)
    )


if __name__ == "__main__":
    main()
