# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of what a run installed: /var/lib/hermes-guard/installed/COMPONENT.json.

With it, obsolete files are removed, and files from other sources are never replaced.
"""

from __future__ import annotations

import json
import os
import re
from typing import NamedTuple

from .._guard import config, page_link
from .._host import files
from .._host.errors import FileError, GuardError
from . import leftovers

# The component with the program, which the units of the other components run.
BASE = "guard"
# All components, so that one with a lost manifest is found too.
COMPONENTS = ("allocator", "memory_limit", "metrics", "restart_timer", "watchdog")
# The component with a timer for each service of the base.
RESTART_TIMER = "restart_timer"
# The beginning of the program: an interpreter line, which may run compiled code, and an archive.
_PROGRAM = re.compile(rb"#!/usr/bin/python3 -ISB(?:cimport sys;[^\n]*)?\nPK")


class Manifest(NamedTuple):
    """Paths of files, names of units, and the directories that were created for them."""

    files: list[str]
    units: list[str]
    folders: list[str]


def path(component: str) -> str:
    """The path of the manifest of ``component``."""
    return os.path.join(config.STATE, "installed", component + ".json")


def load(component: str) -> Manifest:
    """What earlier runs installed; empty on a new host. Raises GuardError if it is unreadable."""
    try:
        content = files.read_json(path(component), owners={0, os.geteuid()}) or {}
    except FileError as exc:
        raise GuardError("cannot read which files are installed: %s" % exc) from exc
    return Manifest(*([str(item) for item in content.get(key) or []] for key in Manifest._fields))


def of_marks(component: str) -> Manifest:
    """What earlier runs installed, found by the marks in the files themselves."""
    found = leftovers.marked(component)
    if component == BASE and _PROGRAM.match(leftovers.first_bytes(config.PROGRAM)):
        found.append(config.PROGRAM)
    if component == "metrics":
        found += [link for link in page_link.installed() if page_link.is_ours(link)]
    timers = [os.path.basename(one) for one in found if one.endswith(".timer")]
    return Manifest(found, timers, [])


def merged(manifests: list[Manifest]) -> Manifest:
    """One manifest with the content of all ``manifests``."""
    return Manifest(*([item for part in parts for item in part] for parts in zip(*manifests)))


def save(component: str, content: Manifest) -> None:
    """Replace the manifest of ``component``."""
    target = path(component)
    os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
    files.write_atomic(target, json.dumps(content._asdict(), indent=1, sort_keys=True) + "\n")


def take_out(component: str, paths: list[str]) -> None:
    """Remove the files ``paths`` and their units from the manifest of ``component``."""
    now = load(component)
    units = {os.path.basename(path) for path in paths}
    save(
        component,
        now._replace(
            files=[path for path in now.files if path not in paths],
            units=[unit for unit in now.units if unit not in units],
        ),
    )


def forget(component: str) -> None:
    """Remove the manifest of ``component``, and its directory if it is then empty."""
    files.remove(path(component))
    files.remove_if_empty(os.path.dirname(path(component)))
    files.remove_if_empty(config.STATE)


def components() -> list[str]:
    """The components that may be installed; the base is last because the others run its program."""
    try:
        names = os.listdir(os.path.dirname(path(BASE)))
    except OSError:
        names = []
    found = {name[: -len(".json")] for name in names if name.endswith(".json")}
    return sorted(found.union(COMPONENTS).difference([BASE])) + [BASE]
