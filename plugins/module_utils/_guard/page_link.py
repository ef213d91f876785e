# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The symbolic link to the page of metrics in the directory that node_exporter reads."""

from __future__ import annotations

import os

from .._host import files, guard_program, way
from .._host.errors import FileError
from . import config, page

# What an earlier run of the role hermes_metrics installed: see manifest.py of _install.
MANIFEST = "installed/metrics.json"
# Where the textfile collector looks: on Debian, and if the role prometheus.prometheus.node_exporter
# has set it up.
USUAL = ("/var/lib/prometheus/node-exporter", "/var/lib/node_exporter")


def path(directory: str) -> str:
    """The link in ``directory``."""
    return os.path.join(directory, guard_program.PAGE)


def is_ours(link: str) -> bool:
    """Whether ``link`` is a symbolic link to the page."""
    try:
        # The account of the exporter may own the directory, and put a link in its place.
        fd = way.open_directory(os.path.dirname(link))
        try:
            return os.readlink(os.path.basename(link), dir_fd=fd) == page.path()
        finally:
            os.close(fd)
    except (OSError, FileError):
        return False


def installed() -> list[str]:
    """The links that the role hermes_metrics has installed, or that are where one usually is."""
    try:
        record = files.read_own_json(os.path.join(config.STATE, MANIFEST)) or {}
    except FileError:
        record = {}
    listed = record.get("files")
    known = {str(one) for one in listed} if isinstance(listed, list) else set()
    return sorted(known.union(map(path, USUAL)))


def dangling() -> list[str]:
    """The links to a page that is not there: node_exporter takes each for a faulty file."""
    return [link for link in installed() if is_ours(link) and not os.path.exists(link)]
