# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the program hermes-guard, a single file, from the same sources that the modules run.

It is a zipapp (PEP 441) whose bytes depend only on the sources: uncompressed, with fixed times and
order. Every checkout builds the same file (`make build/hermes-guard`). On a managed host, the first
member of the archive holds the sources compiled by that host's Python, and the first line runs that
member. Compiling the sources, or even finding each one in the archive's directory, would take
longer than a check. A Python of another version uses the sources.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import re
import sys
import zipfile
import zlib

from .._host import command, guard_program
from .._host.errors import RunError
from .._host.sources import source
from . import bytecode

ENTRY = "_guard.main"
MODULES = (
    "_guard.alarms",
    "_guard.arbiter",
    "_guard.as_asked",
    "_guard.cadence",
    "_guard.check_alerts",
    "_guard.cli",
    "_guard.cli_commands",
    "_guard.cli_log",
    "_guard.cli_parser",
    "_guard.cli_restart",
    "_guard.cli_status",
    "_guard.cli_suspend",
    "_guard.cli_trend",
    "_guard.config",
    "_guard.counters",
    "_guard.doctor",
    "_guard.down",
    "_guard.early",
    "_guard.ended",
    "_guard.file_lock",
    "_guard.handover",
    "_guard.history",
    "_guard.home",
    "_guard.host_state",
    "_guard.identity",
    "_guard.last_seen",
    "_guard.ledger",
    "_guard.limits",
    "_guard.managed",
    "_guard.memory_trend",
    "_guard.metrics",
    "_guard.next_restart",
    "_guard.notify",
    "_guard.page",
    "_guard.page_facts",
    "_guard.page_link",
    "_guard.page_now",
    "_guard.page_questions",
    "_guard.pending",
    "_guard.ping",
    "_guard.policy",
    "_guard.progress",
    "_guard.reaction",
    "_guard.restart",
    "_guard.restart_calendar",
    "_guard.sampling",
    "_guard.set_calendar",
    "_guard.signalled",
    "_guard.state_format",
    "_guard.status",
    "_guard.supervised",
    "_guard.suspension",
    "_guard.unknown_settings",
    "_guard.verdict_cache",
    "_guard.watchdog",
    "_hermes.agent_cache",
    "_hermes.client",
    "_hermes.database",
    "_hermes.discovery",
    "_hermes.drain",
    "_hermes.gateway",
    "_hermes.heartbeat",
    "_hermes.helper",
    "_hermes.homes",
    "_hermes.known_leaks",
    "_hermes.launch",
    "_hermes.names",
    "_hermes.patience",
    "_hermes.processes",
    "_hermes.source_files",
    "_hermes.state_file",
    "_hermes.unit",
    "_hermes.unit_file",
    "_hermes.unit_journal",
    "_hermes.version",
    "_hermes.workers",
    "_hermes.wrapper",
    "_hermes.yaml_edit",
    "_host.accounts",
    "_host.background",
    "_host.cgroup",
    "_host.choice",
    "_host.command",
    "_host.confined",
    "_host.container",
    "_host.display",
    "_host.errors",
    "_host.files",
    "_host.guard_program",
    "_host.journal",
    "_host.json_text",
    "_host.moments",
    "_host.proc",
    "_host.quantity",
    "_host.reach",
    "_host.sources",
    "_host.systemd",
    "_host.timers",
    "_host.tree",
    "_host.trust",
    "_host.unit_files",
    "_host.waiting",
    "_host.way",
    "_trend.advice",
    "_trend.analysis",
    "_trend.cadences",
    "_trend.chart",
    "_trend.comparison",
    "_trend.daytime",
    "_trend.deaths",
    "_trend.despike",
    "_trend.enough",
    "_trend.evidence",
    "_trend.explain",
    "_trend.forecast",
    "_trend.intervals",
    "_trend.judgement",
    "_trend.jumps",
    "_trend.plausible",
    "_trend.providers",
    "_trend.samples",
    "_trend.segments",
    "_trend.series",
    "_trend.slowing",
    "_trend.stairs",
    "_trend.stats",
    "_trend.table",
    "_trend.verdict_rules",
    "_trend.windows",
)
INTERPRETER = "/usr/bin/python3"
# Isolated and without site: site-packages must neither slow down nor change a check.
SHEBANG = b"#!" + INTERPRETER.encode() + b" -ISB"
# Sorts before all other names, so it is the first member.
COMPILED = "!compiled"
# The first line of an archive with compiled code skips to the data of the first member: a local
# file header has 30 bytes and the name. Linux before 5.1 reads at most 127 bytes of that line.
START = (
    SHEBANG
    + b"cimport sys;f=open(sys.argv[1],'rb');f.readline();f.seek(%d,1);exec(f.readline())"
    % (30 + len(COMPILED))
)


def build() -> bytes:
    """The portable program, which contains sources only."""
    return _archive(SHEBANG, _members(_sources()))


def installed(present: bytes | None) -> bytes:
    """The program for this host, with the sources compiled by INTERPRETER.

    ``present`` is the installed program. It is returned unchanged if it has the same sources,
    compiled by the version of INTERPRETER. Raises RunError if INTERPRETER does not work.
    """
    sources = _sources()
    if present is not None and _sources_of(present) == sources and _magic_of(present) == _magic():
        return present
    return _archive(START, dict(_members(sources), **{COMPILED: _compiled(sources)}))


def _members(sources: dict[str, str]) -> dict[str, bytes]:
    return {name: text.encode("utf-8") for name, text in sources.items()}


def _compiled(sources: dict[str, str]) -> bytes:
    """The block of compiled sources, made by INTERPRETER."""
    if _is_interpreter():
        return bytecode.block(sources)
    return base64.b64decode(_interpreter(source("_install.bytecode"), json.dumps(sources)))


def _magic() -> str:
    """The magic number of INTERPRETER's compiled files, as 8 hexadecimal digits."""
    if _is_interpreter():
        return importlib.util.MAGIC_NUMBER.hex()
    return _interpreter("import importlib.util; print(importlib.util.MAGIC_NUMBER.hex())").strip()


def _is_interpreter() -> bool:
    """Whether this process runs INTERPRETER, so that no second process is needed."""
    return os.path.exists(INTERPRETER) and os.path.samefile(sys.executable, INTERPRETER)


def _interpreter(code: str, stdin: str = "") -> str:
    """The output of INTERPRETER when it runs ``code``."""
    try:
        done = command.run([INTERPRETER, "-ISB", "-c", code], stdin=stdin, timeout=120)
    except RunError as exc:
        raise RunError("%s: %s" % (exc, guard_program.NEEDS_PYTHON)) from exc
    if done.rc != 0:
        raise RunError(
            "%s cannot compile the program: %s: %s"
            % (INTERPRETER, done.err.strip()[-300:], guard_program.NEEDS_PYTHON)
        )
    return done.out


def _archive(first_line: bytes, members: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as out:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            out.writestr(entry, members[name])
    return first_line + b"\n" + archive.getvalue()


def _sources_of(data: bytes) -> dict[str, str] | None:
    """The sources by member name of program ``data``; None if it is damaged or not an archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if archive.testzip() is not None:
                return None
            return {
                name: archive.read(name).decode("utf-8")
                for name in archive.namelist()
                if name.endswith(".py")
            }
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, ValueError):
        # RuntimeError: a damaged header requests a password or an unknown compression.
        return None


def _magic_of(data: bytes) -> str | None:
    """The magic number (hexadecimal) of the Python that compiled program ``data``, or None."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if archive.namelist()[0] != COMPILED or not data.startswith(START + b"\nPK"):
            return None
        found = re.search(rb"=='([0-9a-f]{8})'", archive.read(COMPILED).partition(b"\n")[0])
    return found.group(1).decode() if found else None


def _sources() -> dict[str, str]:
    """The text of each source by its name in the archive."""
    sources = {"__main__.py": source(ENTRY), "hermes_guard/__init__.py": ""}
    for name in MODULES:
        sources["hermes_guard/%s.py" % name.replace(".", "/")] = source(name)
        sources["hermes_guard/%s/__init__.py" % name.partition(".")[0]] = ""
    return sources


def _shipped() -> None:
    """Never called: Ansible ships what a module imports, and these are the program's sources."""
    from .._guard import cli, main  # noqa: F401


def main(arguments: list[str]) -> None:
    """Write the program to the file that the first argument names."""
    with open(arguments[0], "wb") as handle:
        handle.write(build())
        os.fchmod(handle.fileno(), 0o755)


if __name__ == "__main__":
    main(sys.argv[1:])
