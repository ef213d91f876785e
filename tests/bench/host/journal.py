# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a lab host: counts the journal lines of checks with nothing to do, and extrapolates to a day."""

from __future__ import annotations

import json
import subprocess
import time

CHECKS = 12
A_DAY = 288


def lines(since, *arguments):
    """The number of journal lines since then."""
    subprocess.run(["journalctl", "--sync"], check=True)
    text = subprocess.run(
        ["journalctl", "--quiet", "--no-pager", "--output=cat", "--since=@%f" % since, *arguments],
        stdout=subprocess.PIPE,
        check=True,
    )
    return len(text.stdout.splitlines())


def main():
    """A JSON list with one row for the guard and one for a unit of the article's kind."""
    rows = []
    for label, unit in (
        ("hermes-guard check", "hermes-mem-watchdog.service"),
        ("the article's script", "bench-article.service"),
    ):
        if unit.startswith("bench"):
            with open("/etc/systemd/system/" + unit, "w", encoding="ascii") as handle:
                handle.write("[Service]\nType=oneshot\nExecStart=/opt/bench/article.sh\n")
            subprocess.run(["systemctl", "daemon-reload"], check=True)
        time.sleep(1.1)
        since = time.time()
        for _number in range(CHECKS):
            # In a few seconds they exceed systemd's rate limit, but not in a day.
            subprocess.run(
                ["systemctl", "reset-failed", unit], check=False, stderr=subprocess.DEVNULL
            )
            subprocess.run(["systemctl", "start", unit], check=True)
        found = lines(since, "UNIT=" + unit, "+", "_SYSTEMD_UNIT=" + unit)
        rows.append(
            {
                "program": label + ", as a unit",
                "checks": CHECKS,
                "journal_lines": found,
                "journal_lines_a_day": found * A_DAY // CHECKS,
            }
        )
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
