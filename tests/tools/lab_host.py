# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs commands as root on a host of the demo's lab."""

from __future__ import annotations

import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]


def run(host: str, *command: str, content: bytes = b"") -> subprocess.CompletedProcess:
    """Run a command on the host, with ``content`` on its standard input."""
    return subprocess.run(
        [TOP / "tests/lab/lab", "exec", host, *command],
        check=False,
        input=content,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def output(host: str, *command: str, content: bytes = b"") -> bytes:
    """Return the output of a command that has to work; exit with its error if it does not."""
    done = run(host, *command, content=content)
    if done.returncode:
        sys.exit("demo: %s" % done.stderr.decode(errors="replace").strip())
    return done.stdout
