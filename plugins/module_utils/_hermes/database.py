# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a gateway's last message, pending answers and activity from Hermes's databases.

Each profile that the process serves has its own database. A child process that runs as its owner
opens it read-only and returns only numbers and column names: message texts are never read.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import namedtuple

from .._host import command, confined, display, json_text
from .._host.errors import HermesError, RunError
from . import state_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .discovery import Gateway

# The answer of one database: the first row of each query, or None and a note with the reason;
# ``missing`` if the file does not exist, as before the first message.
Answer = namedtuple("Answer", "rows note missing")
# The counts of one database: {hours ago: messages}, and the number of sessions with a message, in
# total and in the last hour; each None if unknown.
Counts = namedtuple("Counts", "hourly sessions of_last_hour")

HOURS = 24
# Bytes: a few numbers and a note for each profile.
MAX_ANSWER = 64 << 10
# Seconds. The arbiter waits for TIMEOUT; a report may count a table that spans years.
TIMEOUT = 10
COUNT_TIMEOUT = 30
# A query is aborted this many seconds earlier, so that the child can still report it.
_LAST_WORD = 2
# After this many seconds without a message, the gateway counts as idle.
QUIET_SECONDS = 60

# Run as the owner by the system's Python, because the owner may be unable to read ours. It takes a
# number of seconds, and on stdin JSON: a list of [path, queries]; queries is a list of
# [SQL, parameters]. Only a regular file is opened, since a FIFO would block; a locked database or a
# long scan is abandoned. The directory is read-only in the sandbox of our units, so a database that
# no process has open can be opened only as immutable.
_ASK = r"""
import json, os, sqlite3, stat, sys, time
end = time.time() + float(sys.argv[1])
def rows(path, queries, more=""):
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("is not a regular file")
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    patience = max(0.0, min(2.0, end - time.time()))
    base = sqlite3.connect("file:%s?mode=ro%s" % (quoted, more), uri=True, timeout=patience)
    try:
        base.set_progress_handler(lambda: time.time() > end, 100000)
        return [base.execute(*query).fetchone() for query in queries]
    finally:
        base.close()
def rows_of_any(path, queries):
    try:
        return rows(path, queries)
    except sqlite3.OperationalError as exc:
        if "locked" in str(exc) or os.path.exists(path + "-wal"):
            raise
        return rows(path, queries, "&immutable=1")
def answer(path, queries):
    try:
        return json.dumps({"rows": rows_of_any(path, queries)})
    except OSError as exc:
        note, missing = "cannot be opened: %s" % exc.strerror, isinstance(exc, FileNotFoundError)
    except Exception as exc:
        note, missing = str(exc), False
        if note != "is not a regular file":
            note = "cannot be read: %s" % note
    return json.dumps({"note": note, "missing": missing})
print("[%s]" % ", ".join([answer(*one) for one in json.load(sys.stdin)]))
"""
_LAST = "SELECT max(timestamp) FROM messages WHERE role = 'user'"
# From Hermes 0.19 on. Only for this process: the answers of an earlier one are retried separately.
_OWED = (
    "SELECT count(*) FROM delivery_obligations"
    " WHERE state IN ('pending', 'attempting') AND owner_pid = CAST(? AS INTEGER)"
)
_RECORDED = "SELECT count(*) FROM delivery_obligations WHERE owner_pid = CAST(? AS INTEGER)"
_COLUMNS = "SELECT group_concat(name) FROM pragma_table_info('messages')"
# Older releases stored times as text. A message without a session counts as a separate session.
# Placeholders: "DISTINCT", the session, and one more condition.
_RECENT = (
    "WITH recent AS ("
    "SELECT CAST((:now - moment) / 3600 AS INTEGER) AS age, session FROM ("
    "SELECT %s CASE typeof(timestamp)"
    " WHEN 'text' THEN CAST(strftime('%%s', timestamp) AS REAL) ELSE timestamp END AS moment,"
    " coalesce(%s, '') AS session FROM messages WHERE role = 'user'%s)"
    " WHERE moment > :now - :hours * 3600 AND moment <= :now) "
)
_SESSIONS = (
    "SELECT count(DISTINCT session), count(DISTINCT CASE age WHEN 0 THEN session END) FROM recent"
)
# "0:5,3:1" for five messages in the last hour and one three hours before it.
_HOURLY = (
    "SELECT group_concat(age || ':' || messages)"
    " FROM (SELECT age, count(*) AS messages FROM recent GROUP BY age)"
)
# From Hermes 0.19 on, a session may be compressed in place: copies of its messages remain, with
# their times. Later releases also add a summary as a user message.
_COPIES = {"compacted", "_compressed_summary"}
_NO_SUMMARY = " AND coalesce(_compressed_summary, 0) = 0"


def seconds_since_message(gateway: Gateway) -> float | None:
    """Seconds since the last message of a user arrived; None if unknown."""
    last = _numbers(gateway, _LAST)
    return max(0.0, time.time() - max(last)) if last else None


def owed(gateway: Gateway) -> float | None:
    """The number of answers that the process has not delivered yet; None if unknown."""
    counts = _numbers(gateway, _OWED, str(gateway.pid))
    return sum(counts) if counts else None


def records(gateway: Gateway) -> bool:
    """Whether the process records pending answers, judged by earlier records."""
    return any(_numbers(gateway, _RECORDED, str(gateway.pid)))


def activity(gateway: Gateway) -> dict[str, Any]:
    """The gateway's activity in the last HOURS.

    ``messages``, ``messages_per_hour``, ``busiest_hour``, ``active_sessions`` and
    ``active_sessions_last_hour``, each None if unknown; ``note`` gives the reason, or is None.
    """
    notes: list[str] = []
    try:
        found = _total(_counted(gateway, notes))
    except HermesError as exc:
        found = _total([])
        notes = ["state.db %s" % exc]
    return dict(found, note="; ".join(notes)[:400] or None)


def _counted(gateway: Gateway, notes: list[str]) -> list[Counts]:
    """The counts of each readable database; adds a sentence to ``notes`` for each other one."""
    paths = _paths(gateway)
    columns = _ask(gateway, [(path, [[_COLUMNS, []]]) for path in paths], COUNT_TIMEOUT)
    asked = []
    for path, answer in zip(paths, columns):
        if answer.missing and path != paths[0]:
            # This profile has not received a message yet.
            continue
        queries, note = _queries(answer)
        if queries:
            asked.append((path, queries))
        else:
            notes.append("%s %s" % (_title(paths, path), note))
    found = []
    for (path, _queries_of_it), answer in zip(asked, _ask(gateway, asked, COUNT_TIMEOUT)):
        if answer.rows is None:
            notes.append("%s %s" % (_title(paths, path), answer.note))
        else:
            found.append(_counts(*answer.rows))
    return found


def _title(paths: list[str], path: str) -> str:
    """The name of a database in a note; the one in the gateway's own home needs no directory."""
    if path == paths[0]:
        return "state.db"
    return "state.db in %s" % os.path.dirname(path)


def _queries(columns: Answer) -> tuple[list[Any], str]:
    """The queries for a table with these columns; none, and the reason, for an unknown schema."""
    if columns.rows is None:
        return [], columns.note
    names = set(str(columns.rows[0][0] or "").split(","))
    missing = sorted({"timestamp", "role"}.difference(names))
    if missing:
        return [], "has an unknown schema: the table messages lacks %s" % ", ".join(missing)
    known = "session_id" in names
    recent = _RECENT % (
        "DISTINCT" if known and names & _COPIES else "",
        "session_id" if known else "NULL",
        _NO_SUMMARY if "_compressed_summary" in names else "",
    )
    values = {"now": time.time(), "hours": HOURS}
    sessions = [recent + _SESSIONS, values] if known else ["SELECT NULL, NULL", []]
    return [[recent + _HOURLY, values], sessions], ""


def _counts(hourly: list[Any], sessions: list[Any]) -> Counts:
    words = [] if hourly[0] is None else str(hourly[0])[:1000].split(",")
    pairs = [re.match(r"([0-9]{1,2}):([0-9]{1,15})\Z", word) for word in words]
    found = {int(pair.group(1)): int(pair.group(2)) for pair in pairs if pair}
    known = [_count(value) for value in sessions] if len(sessions) == 2 else [None, None]
    return Counts(found if len(found) == len(words) else None, *known)


def _total(counted: list[Counts]) -> dict[str, Any]:
    """The totals of all databases; None for each value that is unknown in one of them."""
    by_hour: dict[int, int] | None = {} if counted else None
    for one in counted:
        if by_hour is None or one.hourly is None:
            by_hour = None
            break
        for age, messages in one.hourly.items():
            by_hour[age] = by_hour.get(age, 0) + messages
    messages = None if by_hour is None else sum(by_hour.values())
    return {
        "messages": messages,
        "messages_per_hour": None if messages is None else round(messages / float(HOURS), 2),
        "busiest_hour": None if by_hour is None else max(by_hour.values(), default=0),
        "active_sessions": _sum([one.sessions for one in counted]),
        "active_sessions_last_hour": _sum([one.of_last_hour for one in counted]),
    }


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _count(value: object) -> int | None:
    """A count from the child, which the owner controls; None if it is not a valid count."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < 1 << 53 else None


def _numbers(gateway: Gateway, query: str, *parameters: str) -> list[float]:
    """The result of a query for one number, for each readable database."""
    found = []
    try:
        asked = [(path, [[query, parameters]]) for path in _paths(gateway)]
        answers = _ask(gateway, asked, TIMEOUT)
    except HermesError:
        return []
    for answer in answers:
        try:
            if answer.rows is not None:
                found.append(float(answer.rows[0][0] or 0))
        except (TypeError, ValueError, OverflowError):
            continue
    return found


def _paths(gateway: Gateway) -> list[str]:
    return [os.path.join(home, "state.db") for home in state_file.homes(gateway)]


def _ask(gateway: Gateway, asked: list[tuple[str, list[Any]]], timeout: int) -> list[Answer]:
    """The answers to [(path, queries), ...]. Raises HermesError; its text follows "state.db"."""
    if not asked:
        return []
    try:
        done = confined.run_within(
            [command.system_python(), "-IS", "-B", "-c", _ASK, str(timeout - _LAST_WORD)],
            gateway.account,
            None,
            json.dumps(asked),
            command.Limits(timeout, MAX_ANSWER),
        )
        answers = json_text.loads(done.out) if done.rc == 0 else None
    except RunError as exc:
        raise HermesError("cannot be read: %s" % exc) from exc
    except ValueError as exc:
        raise HermesError("gave no usable answer") from exc
    if done.rc != 0:
        raise HermesError("cannot be read: exit code %d" % done.rc)
    if not isinstance(answers, list) or len(answers) != len(asked):
        raise HermesError("gave no usable answer")
    return [_answer(one, len(queries)) for one, (_path, queries) in zip(answers, asked)]


def _answer(one: object, count: int) -> Answer:
    """The child's answer on one database, which must have ``count`` rows; the owner controls it."""
    if not isinstance(one, dict):
        return Answer(None, "gave no usable answer", False)
    if isinstance(one.get("note"), str):
        return Answer(None, display.printable(one["note"], 200), one.get("missing") is True)
    rows = one.get("rows")
    if not isinstance(rows, list) or len(rows) != count:
        return Answer(None, "gave no usable answer", False)
    if not all(isinstance(row, list) and row for row in rows):
        return Answer(None, "gave no usable answer", False)
    return Answer(rows, "", False)
