# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program hermes-guard, one file, made of the same sources that the modules run.

A zipapp (PEP 441) whose bytes depend on nothing but the sources: stored, not compressed, with fixed times and order, so that every
host and every checkout makes the same file. ``python3 -m ansible_collections.hermes_ops.gateway.plugins.module_utils._program OUTFILE``
makes it from a checkout.
"""
from __future__ import annotations

import importlib
import importlib.util
import io
import os
import sys
import zipfile

PATH = "/usr/local/bin/hermes-guard"
MODULES = (
    "_arbiter", "_check", "_cli", "_compare", "_conf", "_discover", "_doctor", "_drain", "_files", "_heartbeat", "_hermes", "_hermes_side", "_history",
    "_idle", "_journal", "_judge", "_keep", "_leaks", "_ledger", "_life", "_notify", "_oom", "_outlook", "_proc", "_quantity", "_run", "_runtime",
    "_sample", "_series", "_stats", "_status", "_suspend", "_systemd", "_timers", "_trend", "_verdicts", "_wording",
)
# Isolated and without site: a check that runs every minute must not pay for, or be changed by, what lies in site-packages.
SHEBANG = b"#!/usr/bin/python3 -ISB\n"


def build():
    """The program (bytes)."""
    sources = {"__main__.py": source("_start"), "hermes_guard/__init__.py": ""}
    for name in MODULES:
        sources["hermes_guard/%s.py" % name] = source(name)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as out:
        for name in sorted(sources):
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            out.writestr(entry, sources[name])
    return SHEBANG + archive.getvalue()


def _shipped():
    """Never called. The guard module is shipped with what it imports, and no more: this brings the program's sources to the host, and runs none of them."""
    from . import (  # noqa: F401
        _arbiter, _check, _cli, _compare, _conf, _discover, _doctor, _drain, _files, _heartbeat, _hermes, _hermes_side, _history, _idle, _journal, _judge,
        _keep, _leaks, _ledger, _life, _notify, _oom, _outlook, _proc, _quantity, _run, _runtime, _sample, _series, _start, _stats, _status, _suspend,
        _systemd, _timers, _trend, _verdicts, _wording,
    )


def source(name):
    """The text of the sibling module ``name``, wherever it was imported from: a checkout, or the archive that a module is shipped in."""
    spec = importlib.util.find_spec("%s.%s" % (__package__, name))
    text = spec.loader.get_source(spec.name)
    if text is None:
        # mitogen fetches the source of a module when that is imported.
        importlib.import_module(spec.name)
        text = spec.loader.get_source(spec.name)
    return text


def main(arguments):
    """Write the program to the file that ``arguments`` name."""
    with open(arguments[0], "wb") as handle:
        handle.write(build())
        os.fchmod(handle.fileno(), 0o755)


if __name__ == "__main__":
    main(sys.argv[1:])
