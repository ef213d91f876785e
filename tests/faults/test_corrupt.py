# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the guard contain garbage."""

from __future__ import annotations

import json

import pytest
from machine import NAME, STATE, WATCHDOG

GARBAGE = (
    """
cd %s
printf 'a\\000b\\377,,,\\n{"time":' >> memory.csv
head -c 4096 /dev/urandom >> memory.csv
printf '{"time": "soon"}\\n[1]\\n{"time": NaN, "event": "restart"}\\n{"time": 1e300, "event": "restart"}\\n{"event":' > ledger.jsonl
head -c 4096 /dev/urandom >> ledger.jsonl
for name in identity life request; do head -c 512 /dev/urandom > $name.json; done
head -c 4096 /dev/urandom > ../code
"""
    % STATE
)


@pytest.mark.fault("history and ledger corrupt")
def test_corrupt(alpha):
    """Only the garbage lines are lost: the next sample is stored, the restart happens and is in the ledger, and every command answers."""
    before = alpha.sh("head -n 2 %s/memory.csv" % STATE)
    alpha.sh(GARBAGE)
    alpha.run("systemctl", "start", WATCHDOG)
    assert alpha.sh("tail -n 1 %s/memory.csv" % STATE).split(",")[1] == alpha.life()
    for command in ("status", "doctor", "trend"):
        alpha.sh("hermes-guard " + command)
    entry = alpha.operator()
    assert (entry["event"], entry["mode"], alpha.starts()) == ("restart", "drain", 1)
    assert alpha.operator()["code"] == "cooldown"
    status = json.loads(alpha.sh("hermes-guard status --json"))
    assert [one["last_restart"]["reason"] for one in status["gateways"] if one["name"] == NAME] == [
        "operator"
    ]
    assert json.loads(alpha.sh("hermes-guard trend --gateway %s --json" % NAME))["verdict"]
    assert alpha.sh("head -n 2 %s/memory.csv" % STATE) == before
