# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out a plan completely, or rolls it back."""

from __future__ import annotations

import os

from .._guard import config
from .._host import files, guard_program, systemd, unit_files
from .._host.errors import GuardError, SystemdError
from . import manifest
from .desired_state import LINK
from .plan import Change, Live, Plan, look

# How long a service that is not requested any more may take to stop: systemd's own default.
STOP_SECONDS = 90


def carry_out(plan: Plan) -> None:
    """Carry out ``plan``. If a step fails, roll back and raise GuardError."""
    manager = systemd.Manager()
    made = sorted(set(plan.installed.folders).union(_missing_folders(plan.changes)))
    # List what may exist from now on; the final manifest follows. The run may be killed in between.
    everything = manifest.Manifest(
        sorted(set(plan.installed.files).union(plan.desired.files)),
        sorted(set(plan.desired.units).union(plan.obsolete)),
        made,
    )
    manifest.save(plan.component, everything)
    for path in plan.temporary:
        _remove(path)
    _stop(manager, plan.obsolete + _removed_services(plan.changes))
    done: list[str] = []
    try:
        for path, change in sorted(plan.changes.items()):
            done.append(path)
            _put(path, change.after, change.mode_after)
        unit_files.reload(plan.to_reload)
        _start(manager, plan)
    except (OSError, GuardError) as exc:
        left = _put_back(manager, plan, done)
        outcome = "all changes were rolled back"
        if left:
            outcome = "some changes could not be rolled back: " + "; ".join(left)
        raise GuardError("%s; %s" % (exc, outcome)) from exc
    orphaned = [
        path
        for path, change in plan.changes.items()
        if change.after is None and path not in plan.installed.files
    ]
    if orphaned:
        manifest.take_out(manifest.RESTART_TIMER, orphaned)
    for name in plan.components:
        if name != plan.component or not plan.desired.files:
            manifest.forget(name)
    if plan.desired.files:
        now = manifest.Manifest(sorted(plan.desired.files), plan.desired.units, made)
        manifest.save(plan.component, now)
        return
    for folder in sorted({*made, *_emptied(plan.changes)}, reverse=True):
        files.remove_if_empty(folder)


def verified(plan: Plan) -> Live:
    """What systemd reports after the run. Raises GuardError for a timer that does not fire."""
    live = look(plan.desired.units, plan.desired.units)
    for unit in plan.desired.units:
        if unit.endswith(".timer") and not live.fires(unit):
            raise GuardError(
                "%s was installed but does not work: it is %s and its next elapse is %s"
                % (
                    unit,
                    live.units.get(unit, {}).get("ActiveState") or "not loaded",
                    live.next_elapse.get(unit) or "infinite",
                )
            )
    return live


def _start(manager: systemd.Manager, plan: Plan) -> None:
    """Enable and start the units of the plan.

    A timer uses a changed schedule only after its own restart, which does not start its service.
    """
    if plan.to_start:
        manager.call("enable", "--now", "--", *plan.to_start)
    changed = [os.path.basename(path) for path in plan.changes if path.endswith(".timer")]
    # ``enable --now`` has no effect on an active timer without a next elapse.
    stale = set(plan.to_restart).union(
        unit for unit in changed if unit in plan.desired.units and unit not in plan.to_start
    )
    if stale:
        manager.call("restart", "--", *sorted(stale))


def _stop(manager: systemd.Manager, units: list[str]) -> None:
    """Stop and disable the units, timers first, so that no timer starts a stopped service again."""
    for unit in sorted(set(units), key=lambda name: (not name.endswith(".timer"), name)):
        if unit.endswith(".timer"):
            manager.systemctl("disable", "--now", "--", unit)
        else:
            _stop_service(manager, unit)
        manager.systemctl("reset-failed", "--", unit)


def _stop_service(manager: systemd.Manager, unit: str) -> None:
    """Stop a service; kill it if it does not end."""
    try:
        manager.systemctl("stop", "--", unit, timeout=STOP_SECONDS)
    except SystemdError:
        manager.systemctl("kill", "--signal=KILL", "--", unit)


def _removed_services(changes: dict[str, Change]) -> list[str]:
    return [
        os.path.basename(path)
        for path, change in changes.items()
        if change.after is None and path.endswith(".service")
    ]


def _emptied(changes: dict[str, Change]) -> set[str]:
    """Directories that may be empty now, including those that another component created."""
    gone = {os.path.dirname(path) for path, change in changes.items() if change.after is None}
    found = {folder for folder in gone if folder.endswith(".d")}
    if config.FOLDER in gone:
        found.update([config.FOLDER, config.FOLDER + "/guard.conf.d"])
    return found


def _missing_folders(changes: dict[str, Change]) -> set[str]:
    missing = set()
    for path, change in changes.items():
        folder = os.path.dirname(path)
        while change.after is not None and not os.path.isdir(folder):
            missing.add(folder)
            folder = os.path.dirname(folder)
    return missing


def _put(path: str, content: bytes | None, mode: int | None) -> None:
    if content is None or mode is None:
        _remove(path)
        return
    if mode == LINK:
        files.link_atomic(path, content.decode())
        return
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    files.write_atomic(path, content, mode)


def _remove(path: str) -> None:
    if guard_program.PAGE in os.path.basename(path):
        files.remove_link(path)
    else:
        files.remove(path)


def _put_back(manager: systemd.Manager, plan: Plan, done: list[str]) -> list[str]:
    """Undo the changes to the paths in ``done``; a sentence for each that cannot be undone."""
    left = []
    new = {os.path.basename(path) for path in done if plan.changes[path].before is None}
    new_units = [unit for unit in plan.to_start if unit in new]
    try:
        if new_units:
            manager.systemctl("disable", "--now", "--", *new_units)
        for path in reversed(done):
            change = plan.changes[path]
            try:
                _put(path, change.before, change.mode_before)
            except (OSError, GuardError) as exc:
                left.append("%s: %s" % (path, getattr(exc, "strerror", None) or exc))
        for one in plan.to_reload:
            one.systemctl("daemon-reload")
        stopped = [unit for unit in plan.obsolete if plan.live.runs(unit)]
        if stopped:
            manager.call("enable", "--now", "--", *stopped)
        _wake_timers(manager, plan)
    except GuardError as exc:
        left.append(str(exc))
    return left


def _wake_timers(manager: systemd.Manager, plan: Plan) -> None:
    """Restart the timers that a bad calendar event left without a next elapse."""
    fired = [unit for unit in plan.desired.units if plan.live.works(unit)]
    live = look(fired, fired)
    silent = [unit for unit in fired if unit in live.units and not live.fires(unit)]
    if silent:
        manager.call("restart", "--", *silent)
