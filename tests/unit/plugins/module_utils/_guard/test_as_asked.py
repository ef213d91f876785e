# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer to the question of site.yml; tests/faults/test_question.py tests it on real hosts."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import as_asked, host_state
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import guard_program

ASKED = {
    "hermes_restart_timer_every": "12h",
    "hermes_restart_timer_at": [],
    "hermes_watchdog_notify_secret": "hunter2",
    "collection": "c",
}


HERMES = [{"name": "hermes-gateway", "sources": "/opt/h", "files": []}]


@pytest.fixture
def ask(tmp_path, monkeypatch, capsys):
    """ask(QUESTION): the answer of a host whose state is in ask.facts."""
    monkeypatch.setattr(guard_program, "STATE", str(tmp_path))
    facts = {"the unit x": ["loaded"], "the RAM": 1}
    calls = []

    def look(asked, notes, hermes):
        calls.append((notes, hermes))
        return dict(facts)

    monkeypatch.setattr(host_state, "facts", look)

    def run(question):
        text = question if isinstance(question, str) else json.dumps(question)
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert as_asked.main() == 0
        answer = json.loads(capsys.readouterr().out)
        assert answer.pop("to") == hashlib.sha256(text.encode()).hexdigest()
        return answer

    run.facts, run.calls, run.record = facts, calls, tmp_path / guard_program.AS_ASKED
    return run


def question(notes=None, **changed):
    asked = {"asked": dict(ASKED, **changed)}
    return asked if notes is None else dict(asked, notes=notes, hermes=HERMES)


def test_no_run_has_succeeded(ask):
    """A new host, or one whose runs all failed, has no state to compare with."""
    assert ask(question()) == {"same": False, "why": "no run has succeeded yet"}
    assert ask.calls == [] and not ask.record.exists()


def test_same_with_the_warnings_of_the_last_run(ask):
    """The warnings of the last run are repeated until something changes."""
    assert ask(question(notes=["look at this"]))["same"] is True
    assert ask(question()) == {"same": True, "notes": ["look at this"]}
    before = ask.record.read_bytes()
    assert ask(question())["same"] is True
    assert ask.calls[-1] == (["look at this"], HERMES)
    assert ask.record.read_bytes() == before


@pytest.mark.parametrize(
    "changed, why",
    [
        ({"hermes_watchdog_notify_secret": "other"}, "hermes_watchdog_notify_secret has changed"),
        ({"collection": "d"}, "collection has changed"),
        ({"hermes_new": 1}, "hermes_new is new"),
    ],
)
def test_another_question(ask, changed, why):
    """The reason is the first variable that differs; the state of the host is not read."""
    ask(question(notes=[]))
    calls = len(ask.calls)
    assert ask(question(**changed)) == {"same": False, "why": why}
    assert len(ask.calls) == calls


@pytest.mark.parametrize(
    "facts, why",
    [({"the RAM": 2}, "the RAM has changed"), ({"the gateway a": []}, "the gateway a is new")],
)
def test_another_state(ask, facts, why):
    """The reason is the first fact about the host that differs."""
    ask(question(notes=[]))
    ask.facts.update(facts)
    assert ask(question()) == {"same": False, "why": why}
    ask(question(notes=[]))
    assert ask(question())["same"] is True
    ask.facts.pop("the RAM")
    assert ask(question())["why"] == "the RAM is gone"


def test_record_holds_no_secret_and_is_roots(ask):
    """Two hosts with the same secret have different digests, so look-up tables are useless."""
    digests = set()
    for _host in range(2):
        ask(question(notes=[]))
        text = ask.record.read_text()
        assert "hunter2" not in text
        digests.add(json.loads(text)["asked"]["hermes_watchdog_notify_secret"])
    assert len(digests) == 2
    assert stat.S_IMODE(os.stat(ask.record).st_mode) == 0o600


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"asked": {}}', '{"asked": 1}', "[" * 5000]
)
def test_what_is_no_question(ask, text):
    """A question from a newer controller, for example: the answer is no, with the reason."""
    ask(question(notes=[]))
    answer = ask(text)
    assert answer["same"] is False and answer["why"]


@pytest.mark.parametrize("text", ["", "{}", "[]", "x", '{"asked": {}, "key": "zz", "facts": {}}'])
def test_damaged_record(ask, text):
    """A damaged file always leads to the answer no."""
    ask(question(notes=[]))
    ask.record.write_text(text)
    assert ask(question())["same"] is False


@pytest.mark.parametrize(
    "fault, why",
    [
        (
            PermissionError(13, "Permission denied", "/etc/x"),
            "[Errno 13] Permission denied: '/etc/x'",
        ),
        (RecursionError("maximum recursion depth exceeded"), "maximum recursion depth exceeded"),
    ],
)
def test_look_that_fails(ask, monkeypatch, fault, why):
    """systemd does not answer, or a file cannot be read: the host cannot be compared, so the full run follows."""
    ask(question(notes=[]))

    def broken(*_how):
        raise fault

    monkeypatch.setattr(host_state, "facts", broken)
    assert ask(question())["why"] == "this host cannot be compared: " + why


@pytest.mark.parametrize("days, same", [(14, True), (46, False), (-1, True), (-400, False)])
def test_full_run_from_time_to_time(ask, monkeypatch, days, same):
    """A full run repairs invisible changes within weeks; a clock set far back forces one."""
    ask(question(notes=[]))
    now = as_asked.time.time()
    monkeypatch.setattr(as_asked.time, "time", lambda: now + days * 86400)
    assert ask(question())["same"] is same


def test_state_that_is_too_large_to_be_read_again_is_not_stored(ask):
    ask.facts["the gateway a"] = "x" * as_asked.MAX_BYTES
    answer = ask(question(notes=[]))
    assert answer["same"] is False and "is too large to store" in answer["why"]
    assert not ask.record.exists()
