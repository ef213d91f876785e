# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs programs, and measures and counts their work."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BENCH = TOP / "tests/bench"
OUT = TOP / ".build/bench"
COLLECTIONS = TOP / ".build/collections"


class Measured:
    """What a program took: ``wall``, ``user`` and ``system`` in seconds, ``peak_mb`` of its largest process, ``tally`` by host where it was a playbook."""

    def __init__(self, wall, usage, tally=None):
        self.wall = wall
        self.user = usage.ru_utime
        self.system = usage.ru_stime
        self.cpu = usage.ru_utime + usage.ru_stime
        self.peak_mb = usage.ru_maxrss / 1024
        self.tally = tally


def measure(argv, log=None, env=None, cwd=TOP, accept=(0,)):
    """Run ``argv`` and return Measured. Its children's CPU time counts where it waits for them. Output goes to the file ``log``."""
    out = open(log, "wb") if log else subprocess.DEVNULL
    started = time.monotonic()
    process = subprocess.Popen(
        [str(word) for word in argv],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.STDOUT,
        env=env,
        cwd=cwd,
    )
    _pid, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if log:
        out.close()
    if process.returncode not in accept:
        if log:
            sys.stderr.write(
                "".join(open(log, encoding="utf-8", errors="replace").readlines()[-30:])
            )
        raise SystemExit(
            "bench: %s ended with code %d" % (" ".join(map(str, argv)), process.returncode)
        )
    return Measured(wall, usage)


def alone(name):
    """Wait until no other run of ``name`` is in progress: they would disturb each other."""
    OUT.mkdir(parents=True, exist_ok=True)
    handle = open(OUT / (name + ".lock"), "wb")
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def snapshot(name):
    """A copy of the present collection for all following runs: someone may be editing the checkout."""
    done = subprocess.run(
        [sys.executable, TOP / "tests/tools/snapshot.py", name],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    global COLLECTIONS
    COLLECTIONS = pathlib.Path(done.stdout.strip()).parents[2]
    return COLLECTIONS / "ansible_collections/hermes_ops/gateway"


def playbook(name, inventory, *arguments, **settings):
    """Run a playbook with the tally, and ansible.cfg's ``settings`` as environment variables; its log is in .build/bench/NAME.log."""
    OUT.mkdir(parents=True, exist_ok=True)
    tally = OUT / ("tally-%d.json" % os.getpid())
    with contextlib.suppress(FileNotFoundError):
        tally.unlink()
    env = dict(
        os.environ,
        PATH="%s:%s" % (TOP / ".venv/bin", os.environ["PATH"]),
        ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS),
        ANSIBLE_CALLBACK_PLUGINS=str(BENCH / "callback"),
        ANSIBLE_CALLBACKS_ENABLED="tally",
        HERMES_BENCH_TALLY=str(tally),
        ANSIBLE_CONNECTION_PLUGINS=str(BENCH / "connection"),
        ANSIBLE_NOCOLOR="1",
        ANSIBLE_PIPELINING="1",
    )
    env.update(settings)
    log = OUT / (str(name).replace(".yml", "").rpartition(".")[2].rpartition("/")[2] + ".log")
    done = measure(
        [TOP / ".venv/bin/ansible-playbook", name, "-i", inventory, *arguments], log, env
    )
    done.tally = json.loads(tally.read_text(encoding="utf-8"))
    tally.unlink()
    return done


@contextlib.contextmanager
def code_of(commit):
    """Make playbook() run the code of a ``commit`` in this context."""
    global COLLECTIONS
    now, top = COLLECTIONS, OUT / ("code-" + commit)
    place = top / "ansible_collections/hermes_ops/gateway"
    if not place.is_dir():
        place.mkdir(parents=True)
        packed = subprocess.run(
            ["git", "archive", commit], cwd=TOP, check=True, stdout=subprocess.PIPE
        )
        subprocess.run(["tar", "-x", "-C", place], input=packed.stdout, check=True)
    COLLECTIONS = top
    try:
        yield
    finally:
        COLLECTIONS = now


@contextlib.contextmanager
def lab(prefix, *hosts):
    """Fresh hosts of the lab, removed afterwards; the inventory of them."""
    command = [TOP / "tests/lab/lab", "--prefix", prefix]
    log = OUT / "lab.log"
    OUT.mkdir(parents=True, exist_ok=True)
    measure(command + ["down"], log)
    try:
        measure(command + ["up", *hosts], log)
        yield TOP / ".lab" / prefix / "inventory.yml"
    finally:
        measure(command + ["down"], log)
