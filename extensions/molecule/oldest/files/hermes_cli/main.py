"""A stand-in for a gateway on hosts on which a real one cannot be installed.

It has the same command line and state file, and the same answer to SIGUSR1.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

STATE = os.path.join(os.environ["HERMES_HOME"], "gateway_state.json")


def say(state):
    """Write the state file as the real one does."""
    with open("/proc/self/stat", encoding="utf-8") as stat:
        start = int(stat.read().rpartition(")")[2].split()[19])
    with open(STATE + ".new", "w", encoding="utf-8") as out:
        json.dump(
            {
                "pid": os.getpid(),
                "start_time": start,
                "gateway_state": state,
                "active_agents": 0,
                "platforms": {},
            },
            out,
        )
    os.rename(STATE + ".new", STATE)


def end(_number, _frame):
    """A planned restart: exit code 75."""
    say("stopped")
    sys.exit(75)


signal.signal(signal.SIGUSR1, end)
ballast = bytearray(60 << 20)
say("running")
while True:
    time.sleep(60)
