# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway of the fleet that does not come up again."""

from __future__ import annotations

import pytest
from machine import NAME, UNIT

# Hermes exits with this code if it cannot start with its configuration; its unit then prevents another try.
BROKEN = "[Service]\nExecStart=\nExecStart=/bin/sh -c 'exit 78'\n"
DROPIN = "/etc/systemd/system/%s.d/lab.conf" % UNIT


@pytest.mark.fault("restart.yml: a gateway of the second batch does not come up")
def test_restart_stops_at_the_batch_that_fails(alpha, delta, epsilon, playbook):
    """One host first, then the one that fails; the third is not changed."""
    lives = {host.name: host.life() for host in (alpha, delta, epsilon)}
    delta.put(DROPIN, BROKEN)
    delta.run("systemctl", "daemon-reload")
    try:
        done = playbook(
            "restart", "-e", "hermes_restart_pause=1", "-e", "hermes_restart_reason=fleet"
        )
    finally:
        delta.sh("rm -r $(dirname %s); systemctl daemon-reload" % DROPIN)
    assert done.returncode != 0
    recap = dict(
        line.split(":", 1)
        for line in done.stdout.rpartition("PLAY RECAP")[2].splitlines()
        if " : " in line
    )
    recap = {name.strip(): counts for name, counts in recap.items()}
    assert sorted(recap) == ["alpha", "delta"], done.stdout
    assert "failed=0" in recap["alpha"] and "failed=1" in recap["delta"]
    assert "alpha: %s restarted" % NAME in done.stdout, done.stdout
    assert (alpha.life() != lives["alpha"], alpha.ledger("restart")[0]["reason"]) == (True, "fleet")
    assert [entry["event"] for entry in delta.ledger("restart", "failed")] == ["failed"]
    assert (epsilon.life(), epsilon.ledger()) == (lives["epsilon"], [])
    delta.sh("systemctl reset-failed %s; systemctl start %s" % (UNIT, UNIT))
