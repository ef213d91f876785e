# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much a gateway has to do: messages per hour and active sessions, counted in Hermes's own database and never read.

The database is the owner's and its schema is Hermes's. So it is opened read-only, in a child process that runs as the owner, and
what comes back is a few numbers, or the reason why there are none.
"""

from __future__ import annotations

import json
import os

from .._host import command
from .._host.errors import RunError

HOURS = 24
TIMEOUT = 30.0
_KEYS = (
    "messages",
    "messages_per_hour",
    "active_sessions",
    "active_sessions_last_hour",
    "busiest_hour",
)

# Runs under python3 -IS as the owner. A FIFO would never answer, so what is no regular file is not opened; a database that is
# locked, or a scan that takes too long, is given up.
_COUNT = r"""
import json, os, sqlite3, stat, sys, time
path, hours = sys.argv[1], int(sys.argv[2])
def answer():
    try:
        kind = os.stat(path).st_mode
    except OSError as exc:
        return {"note": "cannot be opened: %s" % exc.strerror}
    if not stat.S_ISREG(kind):
        return {"note": "is not a regular file"}
    now = time.time()
    base = sqlite3.connect("file:%s?mode=ro" % path.replace("%", "%25").replace("?", "%3f").replace("#", "%23"), uri=True, timeout=3)
    base.set_progress_handler(lambda: time.time() > now + 15, 100000)
    columns = {row[1] for row in base.execute("PRAGMA table_info(messages)")}
    missing = {"timestamp", "role"} - columns
    if missing:
        return {"note": "has another schema: messages has no %s" % ", ".join(sorted(missing))}
    moment = "CASE typeof(timestamp) WHEN 'text' THEN CAST(strftime('%s', timestamp) AS REAL) ELSE timestamp END"
    session = "session_id" if "session_id" in columns else "NULL"
    rows = base.execute(
        "SELECT CAST((? - moment) / 3600 AS INTEGER) AS age, session, COUNT(*) FROM (SELECT %s AS moment, %s AS session FROM messages WHERE role = 'user')"
        " WHERE moment > ? AND moment <= ? GROUP BY age, session" % (moment, session), (now, now - hours * 3600, now)).fetchall()
    by_hour = {}
    for age, name, count in rows:
        by_hour[age] = by_hour.get(age, 0) + count
    total = sum(by_hour.values())
    known = "session_id" in columns
    return {
        "messages": total, "messages_per_hour": round(total / float(hours), 2), "busiest_hour": max(by_hour.values()) if by_hour else 0,
        "active_sessions": len({row[1] for row in rows}) if known else None,
        "active_sessions_last_hour": len({row[1] for row in rows if row[0] == 0}) if known else None,
    }
try:
    found = answer()
except (sqlite3.Error, ValueError, TypeError) as exc:
    found = {"note": "cannot be read: %s" % exc}
print(json.dumps(found))
"""


def activity(gateway):
    """``messages``, ``messages_per_hour``, ``busiest_hour``, ``active_sessions`` and ``active_sessions_last_hour`` (numbers, None where unknown) of the
    last 24 hours, and ``note`` (a sentence or None)."""
    path = os.path.join(gateway.home, "state.db")
    found = dict.fromkeys(_KEYS)
    try:
        done = command.run(
            ["python3", "-IS", "-B", "-c", _COUNT, path, str(HOURS)],
            user=gateway.account,
            timeout=TIMEOUT,
        )
        answer = (
            json.loads(done.out)
            if done.rc == 0
            else {"note": "cannot be read: exit code %d" % done.rc}
        )
        if not isinstance(answer, dict):
            raise ValueError("no object")
    except RunError as exc:
        answer = {"note": "cannot be read: %s" % str(exc).replace(_COUNT, "...")}
    except (ValueError, RecursionError):
        answer = {"note": "gave no usable answer"}
    for key in _KEYS:
        value = answer.get(key)
        found[key] = (
            value
            if isinstance(value, (int, float))
            and not isinstance(value, bool)
            and 0 <= value < 1 << 53
            else None
        )
    note = answer.get("note")
    found["note"] = "state.db %s" % note[:200] if isinstance(note, str) else None
    return found
