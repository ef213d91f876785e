# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""stretch.py FACTOR FROM TO: stretches a history in time, so that minutes count as hours.

Each sample is FACTOR times as far from the last one, and each process FACTOR times as old.
"""

from __future__ import annotations

import csv
import sys


def main() -> None:
    factor, source, target = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    with open(source, newline="") as handle:
        table = csv.DictReader(handle)
        columns = list(table.fieldnames or [])
        rows = list(table)
    last = int(rows[-1]["timestamp"]) if rows else 0
    for row in rows:
        row["timestamp"] = str(last - factor * (last - int(row["timestamp"])))
        if row["uptime_seconds"]:
            row["uptime_seconds"] = str(factor * int(row["uptime_seconds"]))
    with open(target, "w", newline="") as handle:
        writer = csv.DictWriter(handle, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
