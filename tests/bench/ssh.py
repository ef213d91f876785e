# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the repeat of the site playbook over real SSH, with and without Ansible's options that save connections."""

from __future__ import annotations

import statistics
import sys

import runs

PREFIX = "hermes-bench-ssh"
HOSTS = ("alpha", "beta")
CASES = (
    ("pipelining, ControlPersist", {}),
    ("no pipelining", {"ANSIBLE_PIPELINING": "0"}),
    ("no ControlPersist", {"ANSIBLE_SSH_ARGS": "-C -o ControlMaster=no -o ControlPath=none"}),
    (
        "neither",
        {
            "ANSIBLE_PIPELINING": "0",
            "ANSIBLE_SSH_ARGS": "-C -o ControlMaster=no -o ControlPath=none",
        },
    ),
)


def run(options):
    """A row for each case; the cases take turns, so that a disturbance affects all of them."""
    found = {label: [] for label, _settings in CASES}
    with runs.lab(PREFIX, *HOSTS) as inventory:
        runs.playbook("hermes_ops.gateway.site", inventory)
        for number in range(options.repeats):
            sys.stderr.write("bench: ssh: round %d of %d\n" % (number + 1, options.repeats))
            for label, settings in CASES:
                found[label].append(runs.playbook("hermes_ops.gateway.site", inventory, **settings))
    rows = []
    for label, done in found.items():
        total = {
            key: sum(figures[key] for figures in done[0].tally.values())
            for key in ("round_trips", "bytes_sent")
        }
        rows.append(
            {
                "case": label,
                "hosts": len(HOSTS),
                "runs": len(done),
                "wall_seconds": statistics.median(one.wall for one in done),
                "controller_cpu_seconds": statistics.median(one.cpu for one in done),
                "commands_a_host": total["round_trips"] / len(HOSTS),
                "kb_sent_a_host": round(total["bytes_sent"] / len(HOSTS) / 1000),
            }
        )
    return rows
