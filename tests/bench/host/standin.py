# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a gateway: installed as hermes_cli/main.py, it writes a gateway's state and heartbeat."""

from __future__ import annotations

import json
import os
import time

HOME = os.environ["HERMES_HOME"]
BEAT_SECONDS = 30


def main():
    """Write the state once and the heartbeat forever, as Hermes 0.19 does."""
    with open("/proc/self/stat", encoding="utf-8") as handle:
        ticks = int(handle.read().rpartition(")")[2].split()[19])
    platforms = {"api_server": {"state": "connected", "error_code": None, "error_message": None}}
    write(
        "gateway_state.json",
        kind="hermes-gateway",
        start_time=ticks,
        gateway_state="running",
        active_agents=0,
        platforms=platforms,
    )
    while True:
        write("state/gateway.heartbeat", monotonic=time.monotonic(), start_time=time.time())
        time.sleep(BEAT_SECONDS)


def write(name, **content):
    """Replace a file of the home."""
    path = os.path.join(HOME, name)
    with open(path + ".tmp", "w", encoding="utf-8") as handle:
        json.dump(dict(content, pid=os.getpid()), handle)
    os.replace(path + ".tmp", path)


if __name__ == "__main__":
    main()
