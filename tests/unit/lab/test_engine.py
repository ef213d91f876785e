# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab on a new machine, where stages side by side look for a container engine that one of them is installing."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

MAIN = Path(__file__).resolve().parents[2] / "lab/main.py"
# It answers once the file of its name with .ready is there, and then has no container.
PODMAN = """#!/bin/sh
test -e "$0.ready" || exit 125
if [ "$1" = info ]; then echo 4.3.1; fi
"""


@pytest.fixture
def machine(tmp_path):
    """The environment of a machine whose programs are in the directory bin."""
    (tmp_path / "bin").mkdir()
    return dict(os.environ, PATH=str(tmp_path / "bin"), XDG_CACHE_HOME=str(tmp_path))


def down(machine):
    """The command as a process, with its messages."""
    argv = [sys.executable, str(MAIN), "--prefix", "new-machine", "down"]
    return subprocess.Popen(argv, env=machine, stderr=subprocess.PIPE, encoding="utf-8")


def put_podman(folder):
    """The path of PODMAN."""
    path = folder / "bin/podman"
    path.write_text(PODMAN)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("client", [False, True])
def test_nothing_to_remove(machine, tmp_path, client):
    """A new machine has no containers, and may have the client of an engine that does not run.

    The first command of the soak is `down`, on a new machine too.
    """
    if client:
        put_podman(tmp_path)
    with down(machine) as command:
        said = command.stderr.read()
    assert command.returncode == 0, said
    assert "no container engine was used yet" in said


def test_engine_that_does_not_answer(machine, tmp_path):
    """The lab has used one, so there may be containers: an error."""
    put_podman(tmp_path)
    known = tmp_path / "hermes-ops-lab/engine.json"
    known.parent.mkdir()
    known.write_text('{"engine": "podman", "version": "4.3.1", "variant": "plain"}')
    with down(machine) as command:
        said = command.stderr.read()
    assert command.returncode == 1, said
    assert "no working container engine" in said


def test_engine_that_is_being_installed(machine, tmp_path):
    """Its program is there and does not answer yet: the command waits for the one that installs it."""
    podman = put_podman(tmp_path)
    lock = tmp_path / "hermes-ops-lab/packages.lock"
    lock.parent.mkdir()
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with down(machine) as command:
            line = command.stderr.readline()
            podman.with_name("podman.ready").touch()
            fcntl.flock(handle, fcntl.LOCK_UN)
            said = line + command.stderr.read()
    assert "waiting for another lab command (packages)" in line
    assert command.returncode == 0, said
