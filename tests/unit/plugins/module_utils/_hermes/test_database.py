# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hermes's database: its values, which are unknown if it is locked, hostile or has another schema."""

from __future__ import annotations

import json
import os
import pwd
import time
from types import SimpleNamespace

import pytest

sqlite3 = pytest.importorskip("sqlite3")

from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import database, discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import command, confined

ME = pwd.getpwuid(os.getuid())


def test_silence(systemd, settings, tmp_path):
    systemd.add_gateway(tmp_path / "my home")
    gateway = discovery.refresh([settings(home=tmp_path / "my home")])["hermes-gateway"]
    assert database.seconds_since_message(gateway) is None
    path = tmp_path / "my home/state.db"
    base = sqlite3.connect(str(path))
    base.execute("CREATE TABLE messages (role TEXT, timestamp REAL)")
    now = time.time()
    base.executemany(
        "INSERT INTO messages VALUES (?, ?)",
        [("user", now - 500), ("user", now - 100), ("assistant", now - 5)],
    )
    base.commit()
    assert 100 <= database.seconds_since_message(gateway) < 130
    base.execute("INSERT INTO messages VALUES ('user', ?)", (now + 5000,))
    base.commit()
    base.close()
    # A clock that was set back: as if it had just come in.
    assert database.seconds_since_message(gateway) == 0
    path.write_bytes(b"no database")
    assert database.seconds_since_message(gateway) is None


def process(home, *profiles):
    """This process as a gateway with this home, which serves these profiles too."""
    if profiles:
        state = {"pid": os.getpid(), "served_profiles": ["default", *profiles]}
        (home / "gateway_state.json").write_text(json.dumps(state))
    return SimpleNamespace(
        home=str(home), account=ME, uid=ME.pw_uid, pid=os.getpid(), start_ticks=1
    )


def make(home, rows, columns="session_id TEXT, role TEXT, content TEXT, timestamp REAL"):
    home.mkdir(parents=True, exist_ok=True)
    base = sqlite3.connect(str(home / "state.db"))
    base.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, %s)" % columns)
    base.executemany(
        "INSERT INTO messages (session_id, role, content, timestamp) VALUES (?, ?, 'secret', ?)",
        rows,
    )
    base.commit()
    return base


def count(home):
    return database.activity(process(home))


def test_messages_and_sessions(tmp_path):
    now = time.time()
    rows = [
        ("a", "user", now - 60),
        ("a", "user", now - 120),
        ("a", "assistant", now - 90),
        ("b", "user", now - 7200),
        ("c", "user", now - 100000),
    ]
    make(tmp_path, rows).close()
    assert count(tmp_path) == {
        "messages": 3,
        "messages_per_hour": 0.12,
        "busiest_hour": 2,
        "active_sessions": 2,
        "active_sessions_last_hour": 1,
        "note": None,
    }


def test_times_as_text(tmp_path):
    base = make(tmp_path, [], "session_id TEXT, role TEXT, content TEXT, timestamp TEXT")
    base.execute(
        "INSERT INTO messages (session_id, role, timestamp) VALUES ('a', 'user', datetime('now', '-5 minutes'))"
    )
    base.commit()
    base.close()
    assert count(tmp_path)["messages"] == 1


def test_no_messages(tmp_path):
    make(tmp_path, []).close()
    assert count(tmp_path)["messages_per_hour"] == 0 and count(tmp_path)["note"] is None


def unknown(found, why):
    assert why in found["note"] and found["note"].startswith("state.db ")
    assert all(value is None for key, value in found.items() if key != "note")


def test_a_database_that_is_locked(tmp_path):
    base = make(tmp_path, [("a", "user", time.time())])
    base.execute("BEGIN EXCLUSIVE")
    unknown(count(tmp_path), "locked")
    base.rollback()
    assert count(tmp_path)["messages"] == 1
    base.close()


def test_databases_that_are_none(tmp_path):
    unknown(count(tmp_path / "nowhere"), "No such file")
    (tmp_path / "rubbish").mkdir()
    (tmp_path / "rubbish/state.db").write_text(
        "this is not a database, and long enough to be taken for one" * 100
    )
    unknown(count(tmp_path / "rubbish"), "cannot be read")
    (tmp_path / "fifo").mkdir()
    os.mkfifo(str(tmp_path / "fifo/state.db"))
    unknown(count(tmp_path / "fifo"), "not a regular file")


def test_another_schema(tmp_path):
    base = sqlite3.connect(str(tmp_path / "state.db"))
    base.execute("CREATE TABLE messages (id INTEGER, at REAL)")
    base.close()
    unknown(count(tmp_path), "unknown schema: the table messages lacks role, timestamp")


def test_the_database_is_not_written(tmp_path):
    make(tmp_path, [("a", "user", time.time())]).close()
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(str(tmp_path))}
    count(tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(str(tmp_path))} == before


def test_an_answer_of_rubbish_is_none(tmp_path, monkeypatch):
    for out in (
        "",
        "[1]",
        "[" * 100000,
        '{"messages": "many", "messages_per_hour": true, "busiest_hour": -1, "note": 5}',
        '[{"rows": [[]]}]',
        '[{"rows": []}]',
        '[{"rows": [["timestamp,role,session_id"]]}]',
        '[{"rows": [["timestamp,role,session_id"]]}, {}]',
    ):
        monkeypatch.setattr(
            confined, "run_within", lambda *asked, out=out: command.Result(0, out, "")
        )
        found = count(tmp_path)
        assert all(value is None for key, value in found.items() if key != "note")


def test_counts_that_are_none(tmp_path, monkeypatch):
    answers = ['[{"rows": [["timestamp,role,session_id"]]}]', '[{"rows": [["many"], [true, -1]]}]']
    monkeypatch.setattr(
        confined, "run_within", lambda *asked: command.Result(0, answers.pop(0), "")
    )
    found = count(tmp_path)
    assert set(found.values()) == {None} and answers == []


def test_without_sessions(tmp_path):
    columns = "session_id TEXT, role TEXT, content TEXT, timestamp REAL"
    base = make(tmp_path, [(None, "user", time.time() - 60)] * 2, columns)
    base.close()
    assert count(tmp_path)["active_sessions"] == 1
    (tmp_path / "state.db").unlink()
    base = sqlite3.connect(str(tmp_path / "state.db"))
    base.execute("CREATE TABLE messages (role TEXT, timestamp REAL)")
    base.execute("INSERT INTO messages VALUES ('user', ?)", (time.time() - 60,))
    base.commit()
    base.close()
    found = count(tmp_path)
    assert (found["messages"], found["active_sessions"], found["note"]) == (1, None, None)


def test_a_query_is_given_up_shortly_before_the_child_is_killed(tmp_path, monkeypatch):
    seen = []

    def run(argv, user, env, stdin, limits):
        seen.append((limits.seconds, float(argv[-1])))
        return command.Result(0, "{}", "")

    monkeypatch.setattr(confined, "run_within", run)
    gateway = process(tmp_path)
    database.seconds_since_message(gateway)
    database.activity(gateway)
    assert seen == [(10, 8.0), (30, 28.0)]


NEW = (
    "session_id TEXT, role TEXT, content TEXT, timestamp REAL, message_uid TEXT,"
    " active INTEGER DEFAULT 1, compacted INTEGER DEFAULT 0, _compressed_summary INTEGER DEFAULT 0"
)


def test_each_message_counts_once_after_compression(tmp_path):
    """Hermes keeps copies of compressed messages, and a summary in the user's name."""
    now = time.time()
    said = [("a", "user", now - 60 * number - 1) for number in range(28)]
    base = make(tmp_path, said + said[:18], NEW)
    base.execute("UPDATE messages SET compacted = 1, active = 0 WHERE id > 28")
    base.execute(
        "INSERT INTO messages (session_id, role, timestamp, _compressed_summary)"
        " VALUES ('a', 'user', ?, 1), ('a', 'user', ?, 1)",
        (now - 5, now - 6),
    )
    base.commit()
    base.close()
    found = count(tmp_path)
    assert (found["messages"], found["active_sessions"], found["note"]) == (28, 1, None)
    assert found["busiest_hour"] == 28


def test_two_sessions_may_get_a_message_at_the_same_time(tmp_path):
    now = time.time() - 60
    make(tmp_path, [("a", "user", now), ("b", "user", now)], NEW).close()
    assert count(tmp_path)["messages"] == 2


def test_old_schema_has_no_copies(tmp_path):
    """Its times may be of whole seconds."""
    now = time.time() - 60
    make(tmp_path, [("a", "user", now)] * 2).close()
    assert count(tmp_path)["messages"] == 2


def test_message_to_another_profile_of_the_process_is_one(tmp_path):
    """One process may serve several profiles, each with a database of its own."""
    now = time.time()
    make(tmp_path, [("a", "user", now - 900), ("a", "user", now - 901)]).close()
    make(tmp_path / "profiles/coder", [("b", "user", now - 9), ("c", "user", now - 4000)]).close()
    assert database.seconds_since_message(process(tmp_path)) > 800
    gateway = process(tmp_path, "coder", "fresh")
    assert database.seconds_since_message(gateway) < 60
    assert database.activity(gateway) == {
        "messages": 4,
        "messages_per_hour": 0.17,
        "busiest_hour": 3,
        "active_sessions": 3,
        "active_sessions_last_hour": 2,
        "note": None,
    }


def test_answers_owed_in_any_profile(tmp_path):
    for home in (tmp_path, tmp_path / "profiles/coder"):
        base = make(home, [])
        base.execute("CREATE TABLE delivery_obligations (owner_pid INTEGER, state TEXT)")
        base.execute("INSERT INTO delivery_obligations VALUES (?, 'pending')", (os.getpid(),))
        base.commit()
        base.close()
    assert database.owed(process(tmp_path)) == 1
    assert database.owed(process(tmp_path, "coder", "fresh")) == 2


def test_profile_whose_database_is_none_is_named(tmp_path):
    make(tmp_path, [("a", "user", time.time() - 5)]).close()
    (tmp_path / "profiles/coder").mkdir(parents=True)
    (tmp_path / "profiles/coder/state.db").write_bytes(b"no database" * 999)
    gateway = process(tmp_path, "coder")
    assert database.seconds_since_message(gateway) < 60
    found = database.activity(gateway)
    assert found["messages"] == 1
    assert found["note"].startswith("state.db in %s/profiles/coder cannot be read: " % tmp_path)


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE TABLE messages (role, timestamp, session_id, _compressed_summary)",
        "CREATE TABLE messages (role PRIMARY KEY, timestamp, compacted) WITHOUT ROWID",
        "CREATE VIEW messages AS SELECT 1 AS role",
        "CREATE VIEW messages AS SELECT * FROM messages",
        "CREATE VIEW messages AS SELECT 'user' AS role, x'ff' AS timestamp, x'fe' AS session_id",
        "CREATE VIEW messages AS SELECT 'user' AS role, 9e999 AS timestamp, 1 AS compacted",
        'CREATE TABLE messages ("role,timestamp" TEXT)',
        "CREATE TABLE other (name)",
        "CREATE TABLE messages (role TEXT, timestamp TEXT, session_id BLOB, compacted TEXT)",
    ],
)
def test_schema_that_nobody_thought_of(tmp_path, schema):
    base = sqlite3.connect(str(tmp_path / "state.db"))
    base.execute(schema)
    base.commit()
    base.close()
    found = count(tmp_path)
    assert found["note"] or found["messages"] == 0
    silence = database.seconds_since_message(process(tmp_path))
    assert silence is None or silence >= 0
    assert database.owed(process(tmp_path)) is None
