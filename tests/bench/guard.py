# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares a `hermes-guard check` with nothing to do with other programs that watch the memory of a process.

On a fresh host of the lab, with a real gateway, and with nineteen units more that look like one.
The figures include all child processes, but not the work of systemd's own process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import runs

PREFIX = "hermes-bench-guard"
HOST = "alpha"
MORE = 19


# As on a managed host: with files compiled by its Python.
INSTALL = """
import os, sys
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import program
with open(sys.argv[1], "wb") as out:
    out.write(program.installed(None))
os.chmod(sys.argv[1], 0o755)
"""


def program():
    """The program, built from the sources of this run."""
    path = runs.OUT / "hermes-guard"
    subprocess.run(
        [sys.executable, "-c", INSTALL, str(path)],
        check=True,
        env={"PYTHONPATH": str(runs.COLLECTIONS)},
    )
    return path


def run(options):
    """A row for each program and number of gateways, and one for the journal lines of a day of checks."""
    rows = []
    with runs.lab(PREFIX, HOST) as inventory:
        sys.stderr.write("bench: guard: preparing a host of the lab\n")
        runs.playbook("hermes_ops.gateway.site", inventory, "-e", "hermes_watchdog_interval=1h")
        _copy(runs.BENCH / "host", "/opt/bench")
        _copy(runs.BENCH / "article/hermes-mem-watchdog.sh", "/opt/bench/article.sh")
        for name in ("monit", "strace"):
            _lend(name)
        for gateways in (1, 1 + MORE):
            if gateways > 1:
                _inside("sh", "/opt/bench/more.sh", str(MORE))
                runs.playbook(
                    "hermes_ops.gateway.site", inventory, "-e", "hermes_watchdog_interval=1h"
                )
            rows += json.loads(
                _inside("python3", "/opt/bench/measure.py", str(gateways), str(5 * options.repeats))
            )
        rows += json.loads(_inside("python3", "/opt/bench/journal.py"))
    return rows


def _engine():
    return [shutil.which("podman") or "docker"]


def _copy(source, target):
    subprocess.run(_engine() + ["cp", str(source), "%s-%s:%s" % (PREFIX, HOST, target)], check=True)


def _lend(name):
    """This machine's program, with the libraries it needs, where it is installed: a host of the lab has the same Debian and no packages' archive."""
    path = shutil.which(name)
    if path is None:
        sys.stderr.write("bench: guard: left out, as it is not installed: %s\n" % name)
        return
    libraries = subprocess.run(["ldd", path], check=True, stdout=subprocess.PIPE, text=True).stdout
    _inside("mkdir", "-p", "/opt/bench/lib")
    for line in libraries.splitlines():
        library, _arrow, rest = line.strip().partition(" => ")
        if rest and not library.startswith(("libc.so", "libm.so")):
            _copy(os.path.realpath(rest.split()[0]), "/opt/bench/lib/" + library)
    _copy(path, "/opt/bench/" + name)


def _inside(*argv):
    return subprocess.run(
        _engine() + ["exec", "%s-%s" % (PREFIX, HOST), *argv],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
