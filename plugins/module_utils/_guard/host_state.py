# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a run of site.yml finds on a host, as a dict that can be compared with a later one.

Two runs with the same variables and the same state do the same. So a run that finds the state in
which an earlier one has left the host has nothing to do.
"""

from __future__ import annotations

import glob
import hashlib
import itertools
import os
import stat
import sys

from .._hermes import discovery, source_files
from .._host import files, guard_program, proc, reach, systemd, timers, unit_files
from .._host.errors import FileError, GuardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The program with its compiled files takes half a MB.
_MAX_BYTES = 4 << 20
# Ten times as many as there are: a user may name any directory.
_MOST_SOURCES = 10000
# The last two: someone else may have put a file beside ours, or before it.
_OF_UNITS = ("Id", "LoadState", "UnitFileState", "NeedDaemonReload", "FragmentPath", "DropInPaths")
_CHECK = timers.WATCHDOG.replace(".timer", ".service")
# Where the packages of distributions put it: root's Python looks nowhere else for the modules.
_PSUTIL = "/usr/lib*/python3*/*-packages/psutil"


def facts(asked: dict[str, Any], notes: list[str], sources: dict[str, str]) -> dict[str, Any]:
    """What is on this host, by a name for the operator; every value can be written as JSON.

    ``asked`` are the variables of the roles, ``notes`` the warnings of the last run, and
    ``sources`` the directory of each gateway's Hermes by the gateway's name. GuardError or OSError
    if something cannot be looked at.
    """
    # First, as it finds out which homes do not answer.
    survey = discovery.survey()
    installed = _installed()
    found: dict[str, Any] = {
        "/usr/bin/python3": [sys.executable, sys.version],
        "the library psutil": bool(glob.glob(_PSUTIL)),
        "the RAM": proc.host_memory()["total_bytes"],
    }
    record = os.path.join(guard_program.STATE, guard_program.SESSION_RECORD)
    # A host's machine ID decides on the hours of its restarts.
    own = {record, "/etc/machine-id", *installed["files"], *_below(guard_program.FOLDER)}
    for path in own.union((files.read_json(record, {0, os.geteuid()}) or {}).get("files", ())):
        found[path] = _file(path)
    found.update(_units(installed))
    for gateway in [one for kind in survey for one in kind]:
        found["the gateway %s" % gateway.name] = [
            *(gateway.scope, gateway.user, gateway.unit, gateway.home),
            # A warning may be about a process that is too old.
            *(gateway.python, gateway.problem, gateway.pid if notes else None),
        ]
    owners = {sources.get(one.name): one.user for one in survey.gateways}
    reach.unanswered({root: user for root, user in owners.items() if root})
    hermes = {root: _hermes(root) for root in set(sources.values())}
    found.update({"the Hermes of %s" % name: hermes[root] for name, root in sources.items()})
    if _judges(asked):
        names = [one.name for one in survey.gateways if one.scope != "manual"]
        found["the recommended restarts"] = _recommended(names)
    return found


def _judges(asked: dict[str, Any]) -> bool:
    """Whether the restarts of a gateway follow from its history."""
    if asked["hermes_restart_timer_every"] == "auto" and not asked["hermes_restart_timer_at"]:
        return True
    own = (asked.get("hermes_gateways") or {}).values()
    return any(isinstance(entry, dict) and entry.get("every") == "auto" for entry in own)


def _recommended(names: list[str]) -> dict[str, str | None]:
    from . import cadence

    folders = {name: os.path.join(guard_program.STATE, name) for name in names}
    known = cadence.known(folders)
    if known is not None:
        return known
    # To judge a history takes longer than all the rest.
    from . import memory_trend

    return memory_trend.recommended_cadences(names)


def _installed() -> dict[str, list[str]]:
    """The ``files`` and ``units`` that the roles have installed, by their manifests."""
    found: dict[str, list[str]] = {"files": [], "units": []}
    folder = os.path.join(guard_program.STATE, "installed")
    for path in glob.glob(os.path.join(glob.escape(folder), "*.json")):
        content = files.read_json(path, {0, os.geteuid()}) or {}
        for kind, names in found.items():
            names += content[kind]
    return found


def _below(folder: str) -> list[str]:
    """All files in ``folder`` and in its folders."""
    return [
        os.path.join(place, name) for place, _folders, names in os.walk(folder) for name in names
    ]


def _file(path: str) -> list[Any] | None:
    """Type and permissions, owners, and a digest of content or target; None if it is gone."""
    if reach.is_silent(path):
        return ["its directory does not answer"]
    try:
        info = os.lstat(path)
        if stat.S_ISLNK(info.st_mode):
            content = os.readlink(path).encode()
        else:
            content = files.read_bytes(path, None, _MAX_BYTES) or b""
    except FileNotFoundError:
        return None
    except FileError as exc:
        # One in a home may be anything.
        return [str(exc)]
    return [info.st_mode, info.st_uid, info.st_gid, hashlib.sha256(content).hexdigest()]


def _units(installed: dict[str, list[str]]) -> dict[str, list[Any]]:
    """The state of each installed unit, and of each timer whether it fires."""
    own = [path for path in installed["files"] if unit_files.scope(path) == "system"]
    names = sorted({*map(unit_files.unit, own), *installed["units"]})
    found = {}
    for block in systemd.Manager().show(names, [*_OF_UNITS, *timers.OF_TIMERS, "Result"]):
        name = block["Id"]
        state: list[Any] = [block.get(key) for key in _OF_UNITS]
        if name.endswith(".timer"):
            state += [block.get("ActiveState"), timers.has_next(block)]
        elif name == _CHECK:
            # A full run warns of a check that has failed.
            state.append(block.get("Result"))
        found["the unit %s" % name] = state
    return found


def _hermes(root: str | None) -> str:
    """A digest of the state of all files that say what the Hermes at ``root`` reads.

    To ask it takes 150 ms of CPU, and this two. GuardError if it could not be asked before, or if
    its user has it where nothing answers.
    """
    if root is None or reach.is_silent(root):
        raise GuardError("the Hermes at %s does not answer" % root)
    found = hashlib.sha256()
    for path in sorted(itertools.islice(source_files.paths(root), _MOST_SOURCES)):
        info = os.lstat(path)
        state = (path, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
        found.update(repr(state).encode())
    return found.hexdigest()
