# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the site playbook by ansible-runner, in parallel slices of the inventory, as AWX slices a job.

Usage: slices.py INVENTORY SLICES [HOSTS_PATTERN]. On several machines, each runs its own slice.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import ansible_runner
import runs


def main(inventory, slices, pattern="all"):
    """Exit code 0 if every host was in exactly one slice, and all runs succeeded."""
    env = {"ANSIBLE_COLLECTIONS_PATH": str(runs.COLLECTIONS), "ANSIBLE_PIPELINING": "1"}
    bin_folder = runs.TOP / ".venv/bin"
    listed = subprocess.run(
        [bin_folder / "ansible-inventory", "-i", inventory, "--list"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    hosts = sorted(json.loads(listed)["_meta"]["hostvars"])
    os.environ["PATH"] = "%s:%s" % (bin_folder, os.environ["PATH"])
    jobs = []
    for number in range(slices):
        folder = runs.OUT / ("slice-%d" % number)
        folder.mkdir(parents=True, exist_ok=True)
        mine = hosts[number::slices]
        # As AWX does it: every SLICES-th host, so that no slice gets all slow hosts of a site.
        jobs.append(
            (
                mine,
                ansible_runner.run_async(
                    private_data_dir=str(folder),
                    playbook="hermes_ops.gateway.site",
                    inventory=os.path.abspath(inventory),
                    limit=",".join(mine),
                    extravars={"hermes_hosts": pattern},
                    envvars=env,
                    quiet=True,
                    settings={"idle_timeout": 600},
                )[:2],
            )
        )
    done = []
    for mine, (thread, runner) in jobs:
        thread.join()
        done += runner.stats["ok"]
        print(
            "slice of %d hosts: %s, %s"
            % (len(mine), runner.status, json.dumps(runner.stats["failures"]))
        )
        if runner.rc != 0:
            raise SystemExit("slices: a slice exited with code %d" % runner.rc)
    if sorted(done) != hosts:
        raise SystemExit(
            "slices: expected the hosts %s, but the slices ran on %s" % (hosts, sorted(done))
        )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:4])
