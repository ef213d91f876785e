# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans the changes that bring a component to its desired state, without making them."""

from __future__ import annotations

import os
from typing import NamedTuple

from .._guard import config
from .._host import files, guard_program, systemd, timers, unit_files
from .._host.errors import GuardError
from . import leftovers, manifest, metrics_link
from .desired_state import LINK, DesiredState

# The first line of every file that this collection writes contains this name.
MARK = b"hermes_ops.gateway"
# The program with its compiled files, by far the largest file, takes half a MB.
MAX_BYTES = 4 << 20
PROPERTIES = ["Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload"]
# How a service last ended, and when that run started: see works.py.
PROPERTIES += ["Result", "ExecMainStatus", "InactiveExitTimestampMonotonic"]


class Change(NamedTuple):
    """Content and permissions of a file, actual and desired; None if it does not exist."""

    before: bytes | None
    mode_before: int | None
    after: bytes | None
    mode_after: int | None


class Live(NamedTuple):
    """What systemd reports now: properties by unit, and when each timer fires next (epoch)."""

    units: dict[str, dict[str, str]]
    next_elapse: dict[str, int | None]

    def runs(self, unit: str) -> bool:
        """Whether the unit is enabled and active."""
        block = self.units.get(unit, {})
        return block.get("UnitFileState") == "enabled" and block.get("ActiveState") == "active"

    def works(self, unit: str) -> bool:
        """Whether the unit is enabled and active and, if it is a timer, fires."""
        return self.runs(unit) and (not unit.endswith(".timer") or self.fires(unit))

    def fires(self, unit: str) -> bool:
        """Whether the timer has a next elapse, or its service is running."""
        return timers.fires(self.units.get(unit, {}), self.next_elapse.get(unit))


class Plan(NamedTuple):
    """All differences between the host and the desired state of a component.

    ``components`` is the component, or all of them if the base is removed.
    ``to_start`` are units to enable and start, ``to_restart`` active timers that never fire,
    ``obsolete`` units that are not requested any more, ``to_reload`` the systemd managers that must
    read their files again, ``temporary`` files that a killed run left. ``notes`` are sentences on
    files that are kept because they now belong to another program.
    """

    component: str
    components: list[str]
    desired: DesiredState
    installed: manifest.Manifest
    changes: dict[str, Change]
    live: Live
    to_start: list[str]
    to_restart: list[str]
    obsolete: list[str]
    to_reload: list[systemd.Manager]
    temporary: list[str]
    notes: list[str]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        differs = self.changes or self.to_start or self.to_restart or self.obsolete
        return not (differs or self.to_reload or self.temporary or self.abandoned)

    @property
    def abandoned(self) -> bool:
        """Whether an interrupted run left a manifest and nothing else."""
        return not self.desired.files and any(
            os.path.exists(manifest.path(name)) for name in self.components
        )


def make(component: str, desired: DesiredState) -> Plan:
    """The Plan for ``component``. Raises GuardError if the changes are not possible."""
    # The other components need the base, so they are removed with it, and with the last gateway.
    whole = component == manifest.BASE and not desired.files
    components = manifest.components() if whole else [component]
    installed = manifest.merged([_installed(name, desired) for name in components])
    notes: list[str] = []
    orphaned = [] if whole or component != manifest.BASE else _orphaned(installed, desired)
    changes = _changes(desired, {*installed.files, *orphaned}, notes)
    _check_writable(changes)
    obsolete = [unit for unit in installed.units if unit not in desired.units]
    obsolete += map(os.path.basename, orphaned)
    paths = {*installed.files, *desired.files, *map(manifest.path, components)}
    own = {unit_files.unit(path) for path in desired.files if unit_files.scope(path) == "system"}
    live = look(sorted(own.union(desired.units, obsolete)), desired.units)
    elapsed = [
        unit
        for unit in desired.units
        if unit.endswith(".timer")
        and live.units.get(unit, {}).get("ActiveState") == "active"
        and not live.fires(unit)
    ]
    return Plan(
        component,
        components,
        desired,
        installed,
        changes,
        live,
        [unit for unit in desired.units if not live.works(unit)],
        elapsed,
        obsolete,
        unit_files.to_reload(changes, desired.files, live.units),
        leftovers.temporary(paths),
        notes,
    )


def _orphaned(installed: manifest.Manifest, desired: DesiredState) -> list[str]:
    """The restart timers, of their own component, whose services are not requested any more."""
    gone = {path for path in installed.files if path not in desired.files}
    timers_of = {path[: -len("service")] + "timer" for path in gone if path.endswith(".service")}
    if not timers_of:
        return []
    return [path for path in manifest.load(manifest.RESTART_TIMER).files if path in timers_of]


def _installed(component: str, desired: DesiredState) -> manifest.Manifest:
    """What earlier runs installed. Raises GuardError if that is unknown, except for a removal."""
    if desired.files:
        return manifest.load(component)
    marked = manifest.of_marks(component)
    try:
        return manifest.merged([manifest.load(component), marked])
    except GuardError:
        return marked


def look(units: list[str], wanted: list[str]) -> Live:
    """What systemd reports on ``units``, and on the timers among ``wanted``."""
    blocks = systemd.Manager().show(units, PROPERTIES)
    found = {block["Id"]: block for block in blocks if block.get("LoadState") != "not-found"}
    timer_units = [unit for unit in wanted if unit.endswith(".timer")]
    return Live(found, timers.next_elapse([unit for unit in timer_units if unit in found]))


def present(path: str) -> tuple[bytes | None, int | None]:
    """The content and permissions of the file; None for each if it does not exist."""
    content = files.read_bytes(path, owners={0, os.geteuid()}, max_bytes=MAX_BYTES)
    return content, None if content is None else os.stat(path).st_mode & 0o7777


def _changes(desired: DesiredState, owned: set[str], notes: list[str]) -> dict[str, Change]:
    """The changes by path; ``owned`` are the files of earlier runs.

    Adds a sentence to ``notes`` for each file to remove that now belongs to another program.
    """
    changes = {}
    for path, file in desired.files.items():
        if file.mode == LINK:
            target = metrics_link.present(path)
            if target is None or path not in owned:
                changes[path] = Change(target, None if target is None else LINK, file.content, LINK)
            continue
        before, mode_before = present(path)
        if before is not None and path not in owned and MARK not in before:
            raise GuardError(
                "%s exists and was not written by this collection: move it away, or exclude that"
                " gateway" % path
            )
        if before != file.content or mode_before != file.mode:
            changes[path] = Change(before, mode_before, file.content, file.mode)
    for path in sorted(owned.difference(desired.files)):
        before, reason = leftovers.read(path, MAX_BYTES)
        if reason is not None:
            notes.append(reason)
        elif before is not None:
            # Decided by name, not by a second look: a user may own its directory.
            linked = os.path.basename(path) == guard_program.PAGE
            mode = LINK if linked else os.stat(path).st_mode & 0o7777
            changes[path] = Change(before, mode, None, None)
    return changes


def _check_writable(changes: dict[str, Change]) -> None:
    """Raise GuardError if a directory of a file to change is not writable."""
    concerned = sorted(changes) + ([manifest.path("x")] if changes else [])
    for path in concerned:
        folder = files.unwritable(os.path.dirname(path))
        if folder is not None:
            raise GuardError(
                "%s is not writable, so %s cannot be changed: expected a directory that root can"
                " write" % (folder, path)
            )


def check_program(component: str, desired: DesiredState) -> None:
    """Raise GuardError for a component whose units would start a program that is missing."""
    if desired.files and component != manifest.BASE and not os.path.exists(config.PROGRAM):
        raise GuardError(
            "%s is not installed: run the role hermes_guard first; this run skipped it"
            % config.PROGRAM
        )
