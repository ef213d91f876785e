# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds symbolic links to the metrics page in the directory that node_exporter reads."""

from __future__ import annotations

import os

from .._host import files, guard_program, way
from .._host.errors import FileError
from . import config

# The files that the role hermes_metrics has installed; see manifest.py of _install.
MANIFEST = "installed/metrics.json"
# The directories of the textfile collector: Debian's, and that of the role
# prometheus.prometheus.node_exporter.
USUAL = ("/var/lib/prometheus/node-exporter", "/var/lib/node_exporter")


def page() -> str:
    """The path of the metrics page."""
    return os.path.join(config.STATE, guard_program.PAGE)


def path(directory: str) -> str:
    """The link in ``directory``."""
    return os.path.join(directory, guard_program.PAGE)


def is_ours(link: str) -> bool:
    """Whether ``link`` is a symbolic link to the page."""
    try:
        # The exporter's account may own the directory and replace it by a link.
        fd = way.open_directory(os.path.dirname(link))
        try:
            return os.readlink(os.path.basename(link), dir_fd=fd) == page()
        finally:
            os.close(fd)
    except (OSError, FileError):
        return False


def installed() -> list[str]:
    """The paths of links that the role hermes_metrics has installed, plus the usual paths."""
    try:
        record = files.read_own_json(os.path.join(config.STATE, MANIFEST)) or {}
    except FileError:
        record = {}
    listed = record.get("files")
    known = {str(one) for one in listed} if isinstance(listed, list) else set()
    return sorted(known.union(map(path, USUAL)))


def dangling() -> list[str]:
    """The links to a missing page: node_exporter reports each as a faulty file."""
    return [link for link in installed() if is_ours(link) and not os.path.exists(link)]
