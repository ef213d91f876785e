# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks the distribution packages that the roles installed, and whether they can be removed."""

from __future__ import annotations

import glob
import os
import re

from .._guard import config
from .._host import command, files, proc
from .._host.errors import GuardError

PSUTIL, JEMALLOC = "python3-psutil", "libjemalloc2"


def note_path() -> str:
    """The file with the names of the packages that were missing before the first run."""
    return os.path.join(config.STATE, "installed", "packages")


def remember(missing: list[str]) -> None:
    """Record the ``missing`` packages, before a role installs one of them."""
    os.makedirs(os.path.dirname(note_path()), mode=0o755, exist_ok=True)
    files.write_atomic(note_path(), "".join(name + "\n" for name in missing))


def obsolete() -> tuple[list[str], list[str]]:
    """The packages to remove with the guard, and a sentence on each package.

    A package is removed if it was missing before the first run, no other package depends on it, and
    no running process has loaded it.
    """
    found, notes = [], []
    for name in (proc.read(note_path()) or "").split():
        if name not in (PSUTIL, JEMALLOC) or not _installed(name):
            continue
        why = _needed(name)
        if why is None:
            found.append(name)
            notes.append("the package %s, installed for the guard, is removed" % name)
        else:
            notes.append("the package %s, installed for the guard, is kept: %s" % (name, why))
    return found, notes


def _installed(name: str) -> bool:
    return _said(["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}", name]) == "ii "


def _needed(name: str) -> str | None:
    """The reason to keep the package; None if nothing needs it."""
    said = _said(["apt-get", "--simulate", "--no-auto-remove", "--quiet", "remove", name])
    gone = set(re.findall(r"^Remv (\S+)", said, re.M))
    if name not in gone:
        return "apt-get does not report what depends on it"
    if gone != {name}:
        return "required by %s" % ", ".join(sorted(gone - {name})[:5])
    shared = [line for line in _said(["dpkg", "--listfiles", name]).split("\n") if ".so" in line]
    own = str(os.getpid())
    for path in glob.glob("/proc/[0-9]*/maps"):
        pid = path.split("/")[2]
        text = proc.read(path) if pid != own else None
        if text and any(one in text for one in shared):
            return "process %s has loaded it" % pid
    return None


def _said(argv: list[str]) -> str:
    """The output of a program; empty if it cannot be run or fails."""
    try:
        done = command.run(argv)
    except GuardError:
        return ""
    return done.out if done.rc == 0 else ""
