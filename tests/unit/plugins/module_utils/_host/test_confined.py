# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a program of a hostile user: its resources, and what it leaves behind.

Here as a child of ours, as on a host without systemd. The unit that systemd makes of it is tried on
hosts of the lab: tests/faults.
"""

from __future__ import annotations

import os
import pwd
import sys
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    command,
    confined,
    proc,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import RunError

NOBODY = pwd.getpwnam("nobody")
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
# In the command lines of what a test starts: other Pythons run these tests at the same time.
MARK = "g-%d-" % os.getpid()
# The system's Python: the user nobody may be unable to read the one that runs the tests.
PYTHON = command.system_python()


@pytest.fixture(autouse=True)
def without_systemd(monkeypatch):
    monkeypatch.setattr(confined, "SYSTEMD", "/nonexistent")


def of_nobody(code):
    """The pids of nobody's processes whose command line has ``code`` in it."""
    return [
        pid
        for pid in proc.pids()
        if proc.uid(pid) == NOBODY.pw_uid and any(code in word for word in proc.argv(pid))
    ]


def run(code, timeout=20.0, stdin=None):
    return confined.run([PYTHON, "-c", code], NOBODY, stdin=stdin, timeout=timeout)


def test_as_ourselves():
    me = pwd.getpwuid(os.getuid())
    done = confined.run(["sh", "-c", "cat; echo err >&2; exit 3"], me, stdin="in\u00e9")
    assert (done.rc, done.out, done.err) == (3, "in\u00e9", "err\n")


@ROOT_ONLY
def test_becomes_the_user_with_limits():
    done = run("import os, resource as r; print(os.getuid(), r.getrlimit(r.RLIMIT_CORE)[1])")
    assert done.out == "%d 0\n" % NOBODY.pw_uid


@ROOT_ONLY
def test_memory_has_a_limit():
    done = run("x = bytearray(2 << 30)")
    assert done.rc == 1 and "MemoryError" in done.err


@ROOT_ONLY
def test_session_of_its_own_is_not_left_running():
    """command.run kills the process group: a child with a session of its own is not in it."""
    code = (
        "import os, time\n"
        "mark = '" + MARK + "setsid'\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        os.closerange(0, 3)\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
        "print('answer')\n"
    )
    assert run(code).out == "answer\n"
    assert of_nobody(MARK + "setsid") == []


@ROOT_ONLY
def test_thousands_of_processes_are_not_made_and_none_is_left():
    code = (
        "import os, time\n"
        "mark, count = '" + MARK + "many', 0\n"
        "try:\n"
        "    while count < 2000:\n"
        "        if os.fork() == 0:\n"
        "            os.setsid()\n"
        "            os.closerange(0, 3)\n"
        "            time.sleep(600)\n"
        "        count += 1\n"
        "except OSError:\n"
        "    pass\n"
        "print(count)\n"
    )
    # The kernel counts for each user: what other suites of this user have just ended makes room.
    assert int(run(code, timeout=60).out) < 8 * confined.TASKS
    assert of_nobody(MARK + "many") == []


@ROOT_ONLY
def test_program_that_never_answers():
    start = time.monotonic()
    with pytest.raises(RunError, match=r"python3 did not end within 0\.5 s"):
        run("import time; mark = '%snever'; time.sleep(600)" % MARK, timeout=0.5)
    assert time.monotonic() - start < 200
    assert of_nobody(MARK + "never") == []


@ROOT_ONLY
def test_program_that_prints_for_ever():
    limits = command.Limits(60, 100000)
    with pytest.raises(RunError, match="yes printed more than 100000 bytes"):
        confined.run_within(["yes", MARK + "prints"], NOBODY, None, None, limits)
    assert of_nobody(MARK + "prints") == []


@ROOT_ONLY
def test_other_children_of_ours_live_on():
    other = command.as_user(
        [PYTHON, "-c", "import time; mark = '%sother'; time.sleep(600)" % MARK], NOBODY
    )
    pid = os.posix_spawnp(other[0], other, {"PATH": command.PATH})
    try:
        deadline = time.monotonic() + 60
        while pid not in of_nobody(MARK + "other") and time.monotonic() < deadline:
            time.sleep(0.01)
        assert run("print(1)").out == "1\n"
        assert of_nobody(MARK + "other") == [pid]
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


FAKE = """#!%s
import json, sys
json.dump(sys.argv[1:], sys.stdout)
"""


@pytest.fixture
def systemd_run(tmp_path, monkeypatch):
    """A host with systemd, whose `systemd-run` prints its arguments."""
    monkeypatch.setattr(confined, "by_systemd", lambda: True)
    monkeypatch.setattr(command, "PATH", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))

    def make(text=FAKE % sys.executable):
        (tmp_path / "systemd-run").write_text(text)
        (tmp_path / "systemd-run").chmod(0o755)

    make()
    return make


def test_unit_of_its_own_in_the_slice_of_the_user(systemd_run):
    import json

    limits = command.Limits(29.5, 100000)
    done = confined.run_within(
        ["/p/python", "-c", "a $HOME ${x} %n"], NOBODY, {"A": "$"}, None, limits
    )
    words = json.loads(done.out)
    before, after = words[: words.index("--")], words[words.index("--") + 1 :]
    assert {"--wait", "--pipe", "--collect", "--quiet"} <= set(before)
    unit = [word for word in before if word.startswith("--unit=")]
    # A unit that is called like a gateway's would be taken for one.
    assert unit and not unit[0].startswith("--unit=hermes")
    for one in (
        "User=%d" % NOBODY.pw_uid,
        "Slice=user-%d.slice" % NOBODY.pw_uid,
        "OOMScoreAdjust=0",
        "NoNewPrivileges=yes",
        "RuntimeMaxSec=32s",
        "MemoryMax=%d" % confined.MEMORY_BYTES,
        "TasksMax=%d" % confined.TASKS,
    ):
        assert "--property=" + one in before
    # systemd would put the values of variables there; the environment has nothing but these.
    assert after[:2] == ["/usr/bin/env", "-i"] and "A=$$" in after
    assert after[-3:] == ["/p/python", "-c", "a $$HOME $${x} %n"]


def test_without_room_for_a_unit_it_is_a_child(systemd_run, tmp_path, monkeypatch):
    """With a full /run systemd starts nothing, and a restart still has to be drained."""
    monkeypatch.setattr(command, "PATH", "%s:/usr/bin:/bin" % tmp_path)
    monkeypatch.setenv("PATH", command.PATH)
    systemd_run("#!/bin/sh\necho 'Failed to start transient service unit: No.' >&2; exit 1\n")
    assert confined.run(["/bin/echo", "child"], NOBODY).out == "child\n"


def test_program_that_says_so_itself_stays_in_its_unit(systemd_run):
    """Else a user's program would choose to have weaker limits."""
    systemd_run(
        "#!/bin/sh\ncase $* in *--pipe*) echo 'Failed to start, I say' >&2; exit 1 ;; esac\n"
    )
    done = confined.run(["/bin/echo", "child"], NOBODY)
    assert (done.rc, done.out) == (1, "")


def test_unit_is_stopped_if_it_does_not_end(systemd_run, tmp_path):
    systemd_run("#!/bin/sh\nexec /bin/sleep 600\n")
    (tmp_path / "systemctl").write_text('#!/bin/sh\necho "$@" > %s/stopped\n' % tmp_path)
    (tmp_path / "systemctl").chmod(0o755)
    with pytest.raises(RunError, match=r"/p/python did not end within 0\.3 s"):
        confined.run(["/p/python"], NOBODY, timeout=0.3)
    assert (tmp_path / "stopped").read_text().startswith("stop -- run-by-hermes-guard-")
