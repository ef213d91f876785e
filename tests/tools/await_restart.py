"""Wait until the watchdog of a lab host has restarted a gateway, or has refused to so soon after
the last time.

Usage: await_restart.py HOST GATEWAY SINCE (epoch seconds)
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

COOLDOWN = 1800


def ledger(host, gateway):
    """The ledger of the gateway (list of dict)."""
    command = [
        "tests/lab/lab",
        "ssh",
        host,
        "cat",
        "/var/lib/hermes-guard/%s/ledger.jsonl" % gateway,
    ]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    host, gateway, since = sys.argv[1], sys.argv[2], float(sys.argv[3])
    deadline = time.time() + 180
    while time.time() < deadline:
        for entry in reversed(ledger(host, gateway)):
            if (
                entry["event"] == "restart"
                and entry["trigger"] == "watchdog"
                and entry["time"] >= since
            ):
                print(
                    "the watchdog restarted %s: %s; down for %.1f s"
                    % (gateway, entry["reason"], entry["downtime_seconds"])
                )
                return 0
            if (
                entry["event"] == "refused"
                and entry["code"] == "cooldown"
                and entry["trigger"] == "watchdog"
                and entry["time"] >= since - COOLDOWN
            ):
                print(
                    "the watchdog saw the breach and refused to restart %s again so soon: %s"
                    % (gateway, entry["reason"])
                )
                return 0
        time.sleep(3)
    print("the watchdog of %s has not acted within 180 s" % host, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
