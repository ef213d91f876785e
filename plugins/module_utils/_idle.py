# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether anybody is talking to a gateway: when the last message of a user came in, from Hermes's own database."""
from __future__ import annotations

import os
import sys
import time

from . import _run

QUIET_SECONDS = 60

# Run as the gateway's user, by the guard's own Python: read-only, and with no schema but the two columns that are asked for.
_ASK = """
import pathlib, sqlite3, sys
base = sqlite3.connect(pathlib.Path(sys.argv[1]).as_uri() + "?mode=ro", uri=True, timeout=2)
print(base.execute("SELECT max(timestamp) FROM messages WHERE role = 'user'").fetchone()[0] or 0)
"""


def seconds_since_message(gateway):
    """How long ago, in seconds, the last message of a user came in; None where the database does not say."""
    path = os.path.join(gateway.home, "state.db")
    try:
        done = _run.run([sys.executable or "python3", "-IS", "-c", _ASK, path], user=gateway.account, timeout=10)
        return max(0.0, time.time() - float(done.out)) if done.rc == 0 else None
    except (_run.RunError, ValueError):
        return None
