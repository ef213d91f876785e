# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the place of hermes-guard on a lab host: runs the unchanged program, which is killed or held at one step.

A file that only root can write names the step once: "kill STEP" or "hold STEP". Another file shortens the time-outs. The shipped
program knows nothing of them: this is the only file with such a hook, and no role installs it.
"""

import contextlib
import os
import signal
import sys
import time

sys.path.insert(0, "/opt/lab/faults/hermes-guard")
from hermes_guard._guard import cli, history, policy, restart
from hermes_guard._hermes import drain, heartbeat
from hermes_guard._host import systemd

FAULT = "/var/lib/hermes-guard/fault"
HELD = FAULT + ".held"
PATIENCE = FAULT + ".patience"


def step(name):
    """Step ``name``: end here, or wait until the test removes the file."""
    try:
        with open(FAULT, encoding="utf-8") as handle:
            verb, _blank, wanted = handle.read().strip().partition(" ")
    except FileNotFoundError:
        return
    if wanted != name:
        return
    os.unlink(FAULT)
    if verb == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    with open(HELD, "w", encoding="utf-8"):
        pass
    while os.path.exists(HELD):
        time.sleep(0.1)


def around(place, name, before=None, after=None, only=None):
    """Make ``before`` and ``after`` steps around function ``name`` of ``place``; ``only`` where its first own argument is that."""
    real = getattr(place, name)

    def wrapped(*arguments, **named):
        chosen = only is None or arguments[1] == only
        if before and chosen:
            step(before)
        result = real(*arguments, **named)
        if after and chosen:
            step(after)
        return result

    setattr(place, name, wrapped)


around(policy, "refusal", before="locked")
around(history, "append", after="sampled")
around(restart.Restart, "wait_idle", before="waiting")
around(drain, "write", before="before the marker", after="marker written")
around(restart.Restart, "settle", before="drained", after="settled")
around(restart.Restart, "begin", after="begun")
around(systemd.Manager, "call", after="restart asked for", only="try-restart")
around(drain, "remove", after="marker removed")
around(restart.Restart, "wait_up", after="up")
around(restart.Restart, "finish", after="written")

with contextlib.suppress(FileNotFoundError), open(PATIENCE, encoding="utf-8") as text:
    heartbeat.FROZEN_SECONDS = float(text.read())

if __name__ == "__main__":
    sys.exit(cli.main())
