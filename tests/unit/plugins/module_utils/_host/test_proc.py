# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a process is, of real processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import command, proc

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
WAIT = "print(flush=True); input()"


@pytest.fixture
def waiting():
    """Starts a program that prints a line and then waits; its pid."""
    started = []

    def start(*argv):
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline()
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.communicate()


@ROOT_ONLY
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], 0),
        (["--reuid=nobody"], 65534),
        # As a program of root's that is set-uid has it, and as one that has put it aside.
        (["--ruid=nobody"], None),
        (["--euid=nobody"], None),
    ],
)
def test_uid_is_that_of_a_process_whose_uids_are_all_the_same(waiting, options, expected):
    pid = waiting("setpriv", *options, "--keep-groups", command.system_python(), "-c", WAIT)
    assert proc.uid(pid) == expected


def test_uid_of_a_process_that_is_gone():
    assert proc.uid(1 << 30) is None


def test_what_a_process_says_counts_if_it_is_the_users_before_and_after(monkeypatch):
    own, me = os.getpid(), os.getuid()
    assert proc.of_user(own, me, proc.argv) == proc.argv(own)
    assert proc.of_user(own, me + 1, proc.argv) is None
    ticks = iter([1, 2])
    monkeypatch.setattr(proc, "start_ticks", lambda pid: next(ticks))
    assert proc.of_user(own, me, proc.argv) is None


def test_program_that_was_replaced(waiting, tmp_path):
    assert proc.exe(os.getpid()) == os.path.realpath(sys.executable)
    assert proc.exe(1 << 30) is None
    program = tmp_path / "cat"
    shutil.copy(shutil.which("cat"), str(program))
    process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        process.stdin.write(b"x\n")
        process.stdin.flush()
        process.stdout.readline()
        program.unlink()
        assert proc.exe(process.pid) == str(program)
    finally:
        process.communicate()
