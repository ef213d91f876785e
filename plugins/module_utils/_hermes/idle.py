# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether anybody is talking to a gateway, from Hermes's own database: when the last message of a user came in, and which answers are on their way."""

from __future__ import annotations

import os
import sys
import time

from .._host import command
from .._host.errors import RunError

QUIET_SECONDS = 60

# Run as the gateway's user, by the guard's own Python: read-only, and with no schema but the columns that are asked for.
_ASK = """
import pathlib, sqlite3, sys
base = sqlite3.connect(pathlib.Path(sys.argv[1]).as_uri() + "?mode=ro", uri=True, timeout=2)
print(base.execute(sys.argv[2], sys.argv[3:]).fetchone()[0] or 0)
"""
_LAST = "SELECT max(timestamp) FROM messages WHERE role = 'user'"
# From Hermes 0.19 on. Of this process only: what an earlier one left has its own retries.
_OWED = "SELECT count(*) FROM delivery_obligations WHERE state IN ('pending', 'attempting') AND owner_pid = CAST(? AS INTEGER)"


def seconds_since_message(gateway):
    """How long ago, in seconds, the last message of a user came in; None where the database does not say."""
    last = _ask(gateway, _LAST)
    return None if last is None else max(0.0, time.time() - last)


def owed(gateway):
    """How many answers the process still has to deliver; None where the database does not say."""
    return _ask(gateway, _OWED, str(gateway.pid))


def _ask(gateway, *words):
    path = os.path.join(gateway.home, "state.db")
    try:
        done = command.run(
            [sys.executable or "python3", "-IS", "-c", _ASK, path] + list(words),
            user=gateway.account,
            timeout=10,
        )
        return float(done.out) if done.rc == 0 else None
    except (RunError, ValueError):
        return None
