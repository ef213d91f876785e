# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Hermes's own database says of a gateway: the last message, answers due, how much it does.

The database is the owner's and its schema is Hermes's. It is opened read-only, in a child process
that runs as the owner, and only numbers and names of columns come back: no message is ever read.
"""

from __future__ import annotations

import json
import os
import time

from .._host import command
from .._host.errors import HermesError, RunError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .discovery import Gateway

HOURS = 24
# Seconds. The arbiter waits for an answer; a table of years is counted for a report.
TIMEOUT = 10
COUNT_TIMEOUT = 30
# How many seconds before that it gives a query up, so that it can still say so.
_LAST_WORD = 2
# Without a message for this many seconds, nobody is talking to the gateway.
QUIET_SECONDS = 60

# Run as the owner by the system's own Python: ours may be where the owner may not read. It takes
# the path, a number of seconds, and queries as JSON: a list of [SQL, parameters]. A FIFO would
# never answer, so only a regular file is opened; a locked database, or a long scan, is given up.
_ASK = r"""
import json, os, sqlite3, stat, sys, time
path, seconds, queries = sys.argv[1], float(sys.argv[2]), json.loads(sys.argv[3])
def answer():
    try:
        kind = os.stat(path).st_mode
    except OSError as exc:
        return {"note": "cannot be opened: %s" % exc.strerror}
    if not stat.S_ISREG(kind):
        return {"note": "is not a regular file"}
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    base = sqlite3.connect("file:%s?mode=ro" % quoted, uri=True, timeout=2)
    end = time.time() + seconds
    base.set_progress_handler(lambda: time.time() > end, 100000)
    return {"rows": [base.execute(*query).fetchone() for query in queries]}
try:
    found = json.dumps(answer())
except (sqlite3.Error, ValueError, TypeError) as exc:
    found = json.dumps({"note": "cannot be read: %s" % exc})
print(found)
"""
_LAST = "SELECT max(timestamp) FROM messages WHERE role = 'user'"
# From Hermes 0.19 on. Of this process only: what an earlier one left has its own retries.
_OWED = (
    "SELECT count(*) FROM delivery_obligations"
    " WHERE state IN ('pending', 'attempting') AND owner_pid = CAST(? AS INTEGER)"
)
_COLUMNS = "SELECT group_concat(name) FROM pragma_table_info('messages')"
# Older releases wrote times as text. A message without a session counts as one of its own session.
_RECENT = (
    "WITH recent AS ("
    "SELECT CAST((:now - moment) / 3600 AS INTEGER) AS age, session FROM ("
    "SELECT CASE typeof(timestamp)"
    " WHEN 'text' THEN CAST(strftime('%%s', timestamp) AS REAL) ELSE timestamp END AS moment,"
    " coalesce(%s, '') AS session FROM messages WHERE role = 'user')"
    " WHERE moment > :now - :hours * 3600 AND moment <= :now) "
)
_COUNTS = (
    "SELECT count(*), count(DISTINCT session), count(DISTINCT CASE age WHEN 0 THEN session END)"
    " FROM recent"
)
_BUSIEST = "SELECT max(messages) FROM (SELECT count(*) AS messages FROM recent GROUP BY age)"


def seconds_since_message(gateway: Gateway) -> float | None:
    """How long ago, in seconds, the last message of a user came in; None if unknown."""
    last = _number(gateway, _LAST)
    return None if last is None else max(0.0, time.time() - last)


def owed(gateway: Gateway) -> float | None:
    """How many answers the process still has to deliver; None if unknown."""
    return _number(gateway, _OWED, str(gateway.pid))


def activity(gateway: Gateway) -> dict[str, Any]:
    """How much the gateway had to do in the last HOURS.

    ``messages``, ``messages_per_hour``, ``busiest_hour``, ``active_sessions`` and
    ``active_sessions_last_hour``, each None if unknown; and ``note``, a sentence if something is.
    """
    found: dict[str, Any] = dict.fromkeys(
        (
            "messages",
            "messages_per_hour",
            "active_sessions",
            "active_sessions_last_hour",
            "busiest_hour",
        )
    )
    try:
        found.update(_counts(gateway), note=None)
    except HermesError as exc:
        found["note"] = "state.db %s" % str(exc)[:200]
    return found


def _counts(gateway: Gateway) -> dict[str, Any]:
    columns = str(_rows(gateway, [[_COLUMNS, []]], COUNT_TIMEOUT)[0][0] or "").split(",")
    missing = sorted({"timestamp", "role"}.difference(columns))
    if missing:
        raise HermesError("has another schema: messages has no %s" % ", ".join(missing))
    known = "session_id" in columns
    recent = _RECENT % ("session_id" if known else "NULL")
    values = {"now": time.time(), "hours": HOURS}
    counts, busiest = _rows(
        gateway, [[recent + _COUNTS, values], [recent + _BUSIEST, values]], COUNT_TIMEOUT
    )
    if len(counts) != 3 or len(busiest) != 1:
        raise HermesError("gave no usable answer")
    messages, sessions, of_last_hour = (_count(value) for value in counts)
    return {
        "messages": messages,
        "messages_per_hour": None if messages is None else round(messages / float(HOURS), 2),
        "busiest_hour": _count(busiest[0] or 0),
        "active_sessions": sessions if known else None,
        "active_sessions_last_hour": of_last_hour if known else None,
    }


def _count(value: object) -> int | None:
    """A count of the child's, whose word is the owner's: None for what cannot be one."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < 1 << 53 else None


def _number(gateway: Gateway, query: str, *parameters: str) -> float | None:
    try:
        return float(_rows(gateway, [[query, parameters]], TIMEOUT)[0][0] or 0)
    except (HermesError, IndexError, TypeError, ValueError, OverflowError):
        return None


def _rows(gateway: Gateway, queries: list[Any], timeout: int) -> list[list[Any]]:
    """The first row of each of the queries; HermesError if there are none: "state.db" ...."""
    path = os.path.join(gateway.home, "state.db")
    asked = [path, str(timeout - _LAST_WORD), json.dumps(queries)]
    try:
        done = command.run(
            [command.system_python(), "-IS", "-B", "-c", _ASK, *asked],
            user=gateway.account,
            timeout=timeout,
        )
        answer = json.loads(done.out) if done.rc == 0 else None
    except RunError as exc:
        raise HermesError("cannot be read: %s" % exc) from exc
    except (ValueError, RecursionError) as exc:
        raise HermesError("gave no usable answer") from exc
    if done.rc != 0:
        raise HermesError("cannot be read: exit code %d" % done.rc)
    if isinstance(answer, dict) and isinstance(answer.get("note"), str):
        raise HermesError(answer["note"])
    rows = answer.get("rows") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or len(rows) != len(queries):
        raise HermesError("gave no usable answer")
    if not all(isinstance(row, list) and row for row in rows):
        raise HermesError("gave no usable answer")
    return rows
