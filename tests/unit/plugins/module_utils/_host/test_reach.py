# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detecting directories that do not answer: each access may wait forever."""

from __future__ import annotations

import fcntl
import os
import signal
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import processes
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import proc, reach


@pytest.fixture(params=["shell", "copy"])
def way(request, monkeypatch):
    """What looks at directories: a shell, or a copy of this process if a shell cannot."""
    if request.param == "copy":
        monkeypatch.setattr(reach, "_SHELL", "/no/such/shell")


@pytest.fixture
def touched(monkeypatch, tmp_path, dead, way):
    """Paths with "dead" in them never answer; the paths that were looked at, by all children."""
    seen = dead("*dead*")

    def touch(path):
        with open(tmp_path / "looked-at", "a", encoding="utf-8") as out:
            out.write(path + "\n")
        time.sleep(60 if "dead" in path else 0)

    monkeypatch.setattr(reach, "touch", touch)
    return seen


def test_all_answer(tmp_path, monkeypatch, way):
    """A missing directory, or one without permission, counts as an answer too."""
    children = []
    start = reach._start
    monkeypatch.setattr(
        reach, "_start", lambda paths: children.append(start(paths)) or children[-1]
    )
    assert reach.unanswered({}) == {}
    odd = str(tmp_path / "it's \n $(touch x) *")
    assert reach.unanswered({odd: "a", "/no/such/home": "b", "/etc/passwd/x": "c"}) == {}
    assert len(children) == 1
    with pytest.raises(ChildProcessError):
        os.waitpid(children[0].pid, os.WNOHANG)


def test_more_paths_than_a_command_line_holds(tmp_path):
    """A home may have a name of 4,096 bytes; a command line of Linux has 2 MB, or less."""
    assert reach.unanswered({"/%d/%s" % (n, "long" * 1000): "a" for n in range(3000)}) == {}
    assert reach.unanswered({"/" + "long" * 50000: "a"}) == {}


def test_first_one_that_does_not_answer_costs_its_user_alone(touched):
    silent = reach.unanswered({"/a": "ann", "/dead": "bob", "/b": "bob", "/c": "cleo"})
    assert set(silent) == {"/dead", "/b"} and len(set(silent.values())) == 1
    assert sorted(touched()) == ["/a", "/c", "/dead"]


def test_what_did_not_answer_is_not_asked_again(touched):
    assert reach.answers("/good", "ann") and not reach.answers("/dead", "bob")
    assert reach.is_silent("/dead") and reach.is_silent("/dead/.hermes/config.yaml")
    assert not reach.is_silent("/deadly") and not reach.is_silent("/")
    before = touched()
    assert not reach.answers("/dead/.hermes", "bob")
    assert touched() == before


def test_user_with_many_directories_that_do_not_answer(touched):
    """After three of them, no other directory of this user is looked at."""
    assert [reach.answers("/dead%d" % number, "bob") for number in range(6)] == [False] * 6
    assert not reach.answers("/b", "bob")
    assert reach.is_silent("/dead5") and reach.is_silent("/b/x")
    assert touched() == ["/dead0", "/dead1", "/dead2"]
    assert reach.answers("/a", "ann")


def test_process_whose_words_cannot_be_read(touched, monkeypatch):
    """Its memory may be a file on a server that is gone; its user's others are not read either."""
    pids = [os.getpid(), 1]
    look = reach.touch
    monkeypatch.setattr(
        reach, "touch", lambda path: look("/dead" if path == "/proc/%d" % pids[0] else path)
    )
    monkeypatch.setattr(proc, "pids", lambda: pids)
    monkeypatch.setattr(processes.launch, "gateway", lambda words: words or None)
    monkeypatch.setattr(proc, "uid", lambda pid: pid)
    assert list(processes.candidates_of()) == [1]
    assert proc.argv(pids[0]) == [] and proc.environ(pids[0]) == {}
    assert proc.argv(1) != []


def test_thousands_of_users_take_few_processes(touched, monkeypatch):
    monkeypatch.setattr(reach, "_MOST_CHILDREN", 5)
    sizes = []
    start = reach._start
    monkeypatch.setattr(reach, "_start", lambda paths: sizes.append(len(paths)) or start(paths))
    owners = {"/dead/%d" % n: "d%d" % n for n in range(2)}
    owners.update(("/good/%d" % n, "g%d" % n) for n in range(2000))
    assert set(reach.unanswered(owners)) == {"/dead/0", "/dead/1"}
    # All of them; five groups without the first that was silent; the rest of the second one's.
    assert len(sizes) == 1 + 5 + 5 and max(sizes) == 2002


def test_time_has_an_end(touched, monkeypatch):
    """Nothing is said of the rest, so it is left alone."""
    monkeypatch.setattr(reach, "_MOST_CHILDREN", 1)
    monkeypatch.setattr(reach, "_ROUNDS", 3)
    owners = {"/dead/%d" % n: "d%d" % n for n in range(20)}
    assert set(reach.unanswered(dict(owners, **{"/good": "good"}))) == {*owners, "/good"}
    assert len(touched()) == 3


def test_several_users_take_two_times_the_limit(touched):
    owners = {"/dead/%d" % n: "user%d" % (n % 20) for n in range(40)}
    started = time.monotonic()
    silent = reach.unanswered(dict(owners, **{"/good": "good"}))
    assert set(silent) == set(owners)
    # Two times half a second, and a slow machine.
    assert time.monotonic() - started < 10


def test_what_waits_keeps_nothing_open(touched, tmp_path, monkeypatch):
    """A lock or a pipe that it had would be held for as long as it waits."""
    monkeypatch.setattr(reach.os, "kill", lambda *_: None)
    ours, theirs = os.pipe()
    with open(tmp_path / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pid = reach.unanswered({"/dead": "bob"})["/dead"]
    os.close(theirs)
    monkeypatch.undo()
    try:
        with open(tmp_path / "lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert os.read(ours, 1) == b""
    finally:
        os.close(ours)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_no_process_can_be_started(monkeypatch):
    """Then no directory counts as unanswered, and the check continues."""

    def fork():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(reach.os, "fork", fork)
    monkeypatch.setattr(reach, "_SHELL", "/no/such/shell")
    assert reach.unanswered({"/a": "ann"}) == {}


def test_zero_byte_in_a_path(way):
    """Nothing can be accessed there, so nothing waits; the other paths are checked."""
    assert reach.unanswered({"/a": "ann", "/a\0b": "bob", "/c": "cleo"}) == {}
