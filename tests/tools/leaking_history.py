# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A made-up week of memory samples for the gateway of a lab host, in which it leaks.

Usage:
  leaking_history.py put HOST GATEWAY           replace the gateway's history with it
  leaking_history.py back HOST GATEWAY          restore the gateway's history, and keep the samples since
  leaking_history.py tell HOST GATEWAY REPORT   print what report.json says; exit code 1 unless the verdict is leak
"""

from __future__ import annotations

import csv
import io
import json
import pathlib
import random
import sys
import textwrap

import lab_host

sys.path.insert(0, str(lab_host.TOP / "tests/trend"))

# The simulator that the verdict is measured with (tests/trend).
import gateway as simulator  # noqa: E402  # the path has to be set first

HISTORY = "/var/lib/hermes-guard/%s/memory.csv"
OWN = ".own"
HOURS = 7 * 24
LEAK_MB_PER_HOUR = 8
# This seed shows bursts of memory too.
SEED = 7
# Columns that are copied from the newest real sample.
IDENTITY = ("invocation_id", "pid", "provider", "model", "version")


def run_on(host: str, *command: str, content: str = "") -> str:
    """Run a command on the host, with ``content`` on its standard input; return its output."""
    return lab_host.output(host, *command, content=content.encode()).decode()


def samples(content: str) -> tuple[list[str], list[dict[str, str]]]:
    """Return the columns and rows of a history."""
    reader = csv.DictReader(io.StringIO(content))
    rows = list(reader)
    return list(reader.fieldnames or []), rows


def text(columns: list[str], rows: list[dict[str, str]]) -> str:
    """Return a history as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write(host: str, path: str, content: str) -> None:
    """Replace a file on the host atomically."""
    script = 'cat > "$0.new" && chmod 644 "$0.new" && mv "$0.new" "$0"'
    run_on(host, "sh", "-c", script, path, content=content)


def put(host: str, gateway: str) -> None:
    """Replace the history with the made-up one."""
    path = HISTORY % gateway
    run_on(host, "sh", "-c", '[ -e "$0%s" ] || cp -p "$0" "$0%s"' % (OWN, OWN), path)
    columns, own = samples(run_on(host, "cat", path + OWN))
    if not own:
        sys.exit("leaking_history: %s on %s has no sample yet" % (gateway, host))
    model = simulator.Gateway(leak=simulator.Leak(hourly=LEAK_MB_PER_HOUR))
    rows = simulator.simulate(model, HOURS, random.Random(SEED)).rows
    # It ends at the time of the newest real sample.
    shift = int(own[-1]["timestamp"]) - rows[-1]["timestamp"]
    for row in rows:
        row["timestamp"] += shift
        row.update({name: own[-1][name] for name in IDENTITY})
    write(host, path, text(columns, rows))
    print(
        "%s on %s: %d made-up samples of %d days, in which it leaks %d MB an hour"
        % (gateway, host, len(rows), HOURS // 24, LEAK_MB_PER_HOUR)
    )


def back(host: str, gateway: str) -> None:
    """Restore the gateway's history."""
    path = HISTORY % gateway
    columns, own = samples(run_on(host, "cat", path + OWN))
    newest = int(own[-1]["timestamp"])
    _columns, now = samples(run_on(host, "cat", path))
    write(host, path, text(columns, own + [row for row in now if int(row["timestamp"]) > newest]))
    run_on(host, "rm", path + OWN)
    print("%s on %s: its history is restored" % (gateway, host))


def tell(host: str, gateway: str, report: str) -> int:
    """Print the verdict and the advice of the report; return the exit code."""
    rows = json.loads(pathlib.Path(report).read_text(encoding="utf-8"))["rows"]
    row = next(row for row in rows if (row["host"], row["gateway"]) == (host, gateway))
    for title, words in (
        ("Verdict:  ", "%s on %s: %s. %s" % (gateway, host, row["verdict"], row["why"])),
        ("To do:    ", "; ".join(row["advice"])),
    ):
        print(textwrap.fill(words, 150, initial_indent=title, subsequent_indent=" " * len(title)))
    if row["verdict"] != "leak":
        print("demo: the report does not say that %s leaks" % gateway, file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """Run one command; return the exit code."""
    words = sys.argv[1:]
    known = {("put", 3): put, ("back", 3): back, ("tell", 4): tell}
    action = known.get((words[0] if words else "", len(words)))
    if action is None:
        sys.exit(__doc__)
    return action(*words[1:]) or 0


if __name__ == "__main__":
    sys.exit(main())
