# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts task results, modules and bytes of the site playbook on a host; more than the budget is an error.

Time in Ansible is tasks times hosts, and counts do not depend on the machine. A fresh host of the lab with a real gateway is used:
its first run installs psutil too. The last line is the answer, as JSON.
"""

from __future__ import annotations

import json
import sys

import runs

# The cost of a task occurs on every host of every fleet: raise these figures only for a good reason.
BUDGET = {
    "task_results_first": 10,
    "task_results_repeat": 1,
    "remote_modules_first": 5,
    "remote_modules_repeat": 0,
    "round_trips_repeat": 1,
    "bytes_sent_repeat": 10_000,
}
PREFIX = "hermes-budget"
HOST = "alpha"


def main():
    """Exit code 0 if the counts are within the budget."""
    counts = {}
    with runs.alone("budget"), runs.lab(PREFIX, HOST) as inventory:
        runs.snapshot("budget")
        for name in ("first", "repeat"):
            tally = runs.playbook("hermes_ops.gateway.site", inventory).tally[HOST]
            counts.update({"%s_%s" % (key, name): value for key, value in tally.items()})
    if tally["changed"]:
        raise SystemExit("budget: the second run changed something, so its counts mean nothing")
    over = [
        "%s is %d, the budget %d" % (name, counts[name], most)
        for name, most in BUDGET.items()
        if counts[name] > most
    ]
    print(json.dumps({name: counts[name] for name in BUDGET}))
    if over:
        sys.exit("budget: " + "; ".join(over))


if __name__ == "__main__":
    main()
