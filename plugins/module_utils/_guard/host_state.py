# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a host that site.yml depends on, as a dict to compare with that of a later run.

Two runs with the same variables and the same state do the same. So a run has nothing to do if it
finds the state in which an earlier run left the host.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import stat
import sys

from .._hermes import discovery, source_files
from .._host import cgroup, command, files, guard_program, proc, reach, systemd, timers, unit_files
from .._host.errors import FileError, GuardError
from . import cadence, limits, restart_calendar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._hermes.discovery import Gateway

# The largest file is the program with its compiled files: 0.5 MB.
_MAX_BYTES = 4 << 20
# Ten times the usual numbers: a user may name any directory.
_MOST_DIRECTORIES, _MOST_FILES = 1000, 1000
# Of all kinds, in all of its directories: all of them are read before any is left out.
_MOST_ENTRIES = 100000
# Characters of a value of a gateway: paths and sentences are shorter.
_MAX_TEXT = 500
_OF_HERMES = ("", *source_files.SOURCES)
_OF_GATEWAYS = ("Environment", "MemoryMax", "MemoryHigh")
# The last two show whether someone else has added or overridden a unit file.
_OF_UNITS = ("Id", "LoadState", "UnitFileState", "NeedDaemonReload", "FragmentPath", "DropInPaths")
_CHECK = timers.WATCHDOG.replace(".timer", ".service")
# Directories of the psutil package, on Debian and Red Hat systems.
_PSUTIL = (
    "/usr/lib/python3/dist-packages/psutil",
    "/usr/lib/python3.%d/site-packages/psutil" % sys.version_info[1],
    "/usr/lib64/python3.%d/site-packages/psutil" % sys.version_info[1],
)


def facts(asked: dict[str, Any], notes: list[str], hermes: list[dict[str, Any]]) -> dict[str, Any]:
    """The state of this host, by names that an operator understands, in values as JSON has them.

    ``asked`` are the variables of the roles, ``notes`` the warnings of the last run, and ``hermes``
    what the module hermes_config returned for each gateway: its name, ``files`` and ``sources``.
    GuardError or OSError if something cannot be read.
    """
    installed = _installed()
    system = _System(_units(installed))
    # First, because it finds out which home directories hang.
    survey = discovery.survey(system)
    users = {one.name: one.user for one in survey.gateways}
    _look_at(hermes, users)
    found: dict[str, Any] = {
        "/usr/bin/python3": [sys.executable, sys.version],
        "the library psutil": any(map(os.path.exists, _PSUTIL)),
        "the RAM": [proc.host_memory()["total_bytes"], cgroup.limit("/")],
        "the program of the notify command": _program(asked["hermes_watchdog_notify_command"]),
    }
    record = os.path.join(guard_program.STATE, guard_program.SESSION_RECORD)
    # The machine ID of a host determines the times of its restarts.
    own = {record, "/etc/machine-id", *installed["files"], *_below(guard_program.FOLDER)}
    for path in own.union(*(one["files"] for one in hermes)):
        found[path] = _file(path)
    found.update(system.states(survey.gateways))
    for gateway in [one for kind in survey for one in kind]:
        found["the gateway %s" % gateway.name] = _gateway(gateway, bool(notes))
    digests: dict[str, str] = {}
    for one in hermes:
        name, root = one["name"], one["sources"]
        digests[root] = digests.get(root) or _hermes(root, name)
        found["the Hermes of %s" % name] = digests[root]
    every, at = asked["hermes_restart_timer_every"], asked["hermes_restart_timer_at"]
    if restart_calendar.follows_history(every, at, asked.get("hermes_gateways") or {}):
        names = [one.name for one in survey.gateways if one.scope != "manual"]
        found["the recommended cadence"] = _recommended(names)
    # A tuple would differ from the list that is read from the stored state.
    return json.loads(json.dumps(found))


def _recommended(names: list[str]) -> dict[str, str | None]:
    folders = {name: os.path.join(guard_program.STATE, name) for name in names}
    known = cadence.known(folders)
    if known is not None:
        return known
    # Imported here because the analysis of a history takes longer than everything else.
    from . import memory_trend

    return memory_trend.recommended_cadences(names)


def _look_at(hermes: list[dict[str, Any]], users: dict[str, str]) -> None:
    """Find out which of the directories that users have named hang: see reach."""
    places = {}
    for one in hermes:
        user = users.get(one["name"], "")
        places.update({os.path.dirname(path): user for path in one["files"]})
        if one["sources"]:
            places.update({os.path.join(one["sources"], name): user for name in _OF_HERMES})
    reach.unanswered(places)


def _program(command_line: str | list[str]) -> bool | None:
    """Whether the program of the notify command can be run; None without one."""
    if not command_line:
        return None
    import shlex
    import shutil

    words = shlex.split(command_line) if isinstance(command_line, str) else command_line
    return shutil.which(words[0], path=command.PATH) is not None


def _gateway(gateway: Gateway, warned: bool) -> list[Any]:
    """What the roles use; with ``warned`` also its process, which a warning may be about."""
    managed = None
    if gateway.pid:
        variables = proc.of_user(gateway.pid, gateway.uid, proc.environ) or {}
        managed = variables.get("HERMES_MANAGED_DIR")
    texts = (gateway.user, gateway.unit, gateway.home, gateway.python, gateway.problem, managed)
    return [
        *(gateway.scope, *map(_short, texts), limits.cgroup_limit(gateway)),
        gateway.pid if warned else None,
    ]


def _short(text: str | None) -> str | None:
    """``text``, or its digest if it is long: a user may choose it, and the record is limited."""
    if text is None or len(text) <= _MAX_TEXT:
        return text
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _installed() -> dict[str, list[str]]:
    """The ``files`` and ``units`` that the roles have installed, from their manifests."""
    found: dict[str, list[str]] = {"files": [], "units": []}
    folder = os.path.join(guard_program.STATE, "installed")
    for path in _below(folder):
        if path.endswith(".json"):
            content = files.read_json(path, {0, os.geteuid()}) or {}
            for kind, names in found.items():
                names += content[kind]
    return found


def _below(folder: str) -> list[str]:
    """All files below ``folder``."""
    return [
        os.path.join(place, name) for place, _folders, names in os.walk(folder) for name in names
    ]


def _file(path: str) -> list[Any] | None:
    """Mode, owner, group and a digest of the content or target; None if the file is missing."""
    if reach.is_silent(path):
        return ["its directory does not answer"]
    content: Any = None
    try:
        info = os.lstat(path)
        if stat.S_ISLNK(info.st_mode):
            content = [os.readlink(path)]
            if path.startswith(guard_program.FOLDER):
                # The guard reads the target of the symbolic link.
                content.append(files.digest(files.real_path(path), _MAX_BYTES))
        elif not stat.S_ISDIR(info.st_mode):
            content = files.digest(path, _MAX_BYTES)
    except FileNotFoundError:
        return None
    except FileError as exc:
        # A file in a home may be of any kind.
        return [str(exc)]
    return [info.st_mode, info.st_uid, info.st_gid, content]


def _units(installed: dict[str, list[str]]) -> set[str]:
    """The names of the guard's units."""
    own = [path for path in installed["files"] if unit_files.scope(path) == "system"]
    # Not the drop-ins of gateways: only the survey decides whether a gateway is still there.
    return {
        *(os.path.basename(one) for one in own if not one.endswith(".conf")),
        *installed["units"],
    }


class _System(systemd.Manager):
    """The system's manager, which also shows ``units``: a call of systemctl takes 5 ms of CPU."""

    def __init__(self, units: set[str]) -> None:
        super().__init__()
        self._units = units
        self._shown: dict[str, dict[str, str]] = {}

    def show(self, units: Sequence[str], properties: Sequence[str]) -> list[dict[str, str]]:
        """Like Manager.show, for more units and properties."""
        wanted = {*properties, *_OF_UNITS, *_OF_GATEWAYS, *timers.OF_TIMERS, "Result"}
        blocks = super().show([*units, *sorted(self._units)], sorted(wanted))
        self._shown.update((block["Id"], block) for block in blocks)
        return blocks

    def states(self, gateways: list[Gateway]) -> dict[str, list[Any]]:
        """The state of the guard's units, and of the gateways' units in system scope."""
        of_gateways = {one.unit for one in gateways if one.scope == "system" and one.unit}
        found = {}
        for name in sorted(self._units | of_gateways):
            block = self._shown.get(name, {})
            state: list[Any] = [block.get(key) for key in _OF_UNITS]
            if name in of_gateways:
                state += [block.get(key) for key in _OF_GATEWAYS]
            elif name.endswith(".timer"):
                state += [block.get("ActiveState"), timers.has_next(block)]
            elif name == _CHECK:
                # A full run warns about a failed check.
                state.append(block.get("Result"))
            found["the unit %s" % name] = state
        return found


def _hermes(root: str | None, name: str) -> str:
    """A digest of the state of the source files that determine what the Hermes at ``root`` reads.

    Querying the Hermes of gateway ``name`` takes 150 ms of CPU, this takes 2 ms. GuardError if that
    Hermes could not be queried, or if reading is not safe: its user names the directory.
    """
    tops = [os.path.join(root or "", source) for source in _OF_HERMES]
    if root is None or any(reach.is_silent(top) or os.path.islink(top) for top in tops):
        raise GuardError("the Hermes of %s could not be queried" % name)
    # The directory itself counts too: it changes if an editable install is added. Only its time,
    # because an overlay gives directories a new inode at each mount.
    states: list[Any] = [os.lstat(root).st_mtime_ns]
    walk = source_files.directories(root, _MOST_ENTRIES)
    try:
        found = sorted(itertools.islice(walk, _MOST_DIRECTORIES))
    except OverflowError as exc:
        raise GuardError("the Hermes of %s: %s" % (name, exc)) from exc
    for folder, names in found:
        for file in sorted(names)[:_MOST_FILES]:
            info = os.lstat(folder + "/" + file)
            state = (info.st_mtime_ns, info.st_ino, info.st_size, info.st_ctime_ns)
            states.append((folder, file, state))
    if len(states) < 2:
        raise GuardError("the Hermes of %s has no source files" % name)
    return hashlib.sha256(repr(states).encode()).hexdigest()
