# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wall clock is changed. Lab hosts share the machine's clock, so the stored times are moved instead, which has the same effect."""

from __future__ import annotations

import pytest
from machine import STATE, WATCHDOG

# Every time that the guard stores, moved by this many seconds.
MOVE = """
import json, re, sys
by = int(sys.argv[1])
path = "%s/ledger.jsonl"
entries = [json.loads(line) for line in open(path)]
open(path, "w").write("".join(json.dumps(dict(one, time=one["time"] + by)) + "\\n" for one in entries))
path = "%s/memory.csv"
text = open(path).read()
open(path, "w").write(re.sub(r"(?m)^[0-9]+(?=,)", lambda found: str(int(found.group()) + by), text))
""" % (STATE, STATE)


@pytest.mark.fault("clock forward a day, and back an hour")
def test_clock(alpha):
    """A gateway that stays above its threshold is restarted once, whatever time the clock shows."""
    alpha.configure(threshold="40M", breaches="1 of 1", startup_grace="10min", cooldown="10min")
    assert alpha.operator()["event"] == "restart"
    alpha.run("cp", "-p", STATE + "/memory.csv", STATE + "/memory.kept")
    samples = alpha.sh("wc -l < %s/memory.csv" % STATE)
    # A day ago by the wall clock. The uptime of the process is measured by the boot clock, which cannot be set.
    alpha.run("python3", "-c", MOVE, "-86400")
    alpha.run("systemctl", "start", WATCHDOG)
    assert alpha.ledger("refused")[-1]["code"] == "young"
    # In an hour by the clock, which was set back after the restart.
    alpha.configure(threshold="40M", breaches="1 of 1", cooldown="10min")
    alpha.run("python3", "-c", MOVE, "90000")
    alpha.run("systemctl", "start", WATCHDOG)
    assert alpha.ledger("refused")[-1]["code"] == "cooldown"
    assert alpha.starts() == 1
    assert int(alpha.sh("wc -l < %s/memory.csv" % STATE)) == int(samples) + 2
    # The next test must not find a time in the future.
    alpha.run("mv", STATE + "/memory.kept", STATE + "/memory.csv")
    alpha.configure()
