# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits the config.yaml of a managed scope: root's file, which overrides those of all homes.

Root never runs a gateway's Python for that. A file that only this module wrote is generated from
the record without a library. A file that an operator also edited is edited here with PyYAML.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from .._hermes import yaml_edit
from .._hermes.discovery import Gateway
from .._host import files, systemd
from .._host.errors import GuardError, MissingLibrary

if TYPE_CHECKING:
    from .plan import Plan
    from .record import Record

ROOT = 0
# Hermes's default directory, unless the environment of its unit names another one.
MANAGED_DIR = "/etc/hermes"
HEADER = (
    "# Written by the Ansible module hermes_ops.gateway.hermes_config."
    " These settings override every user's config.yaml.\n"
)


def directory_of_unit(gateway: Gateway) -> str | None:
    """The managed scope that the gateway's unit names, or None."""
    # Only a unit in system scope is trusted: root must not write to a path that a user chose.
    if gateway.scope != "system" or not gateway.unit:
        return None
    shown = systemd.Manager().show([gateway.unit], ["Environment"])
    variables = systemd.environment(shown[0].get("Environment") if shown else "")
    folder = variables.get("HERMES_MANAGED_DIR", "").strip()
    return os.path.normpath(folder) if folder.startswith("/") else None


def preview(plan: Plan, record: Record) -> None:
    """Compute the effect of the changes of ``plan`` on the file. Nothing is written."""
    _check_directory(os.path.dirname(plan.path))
    text = files.read_text(plan.path, owners={ROOT})
    plan.existed = text is not None
    plan.before = text or ""
    entry = record.files.get(plan.path)
    if text is None:
        record.files.pop(plan.path, None)
    plan.ours = text is None or (entry is not None and entry.get("text") == text)
    if plan.ours:
        _write_anew(plan, {key: kept["was"] for key, kept in record.keys(plan.path).items()})
        return
    try:
        plan.after, plan.undo = yaml_edit.edit(plan.before, plan.changes, plan.path)
    except yaml_edit.YamlError as exc:
        raise GuardError(str(exc)) from exc
    except ImportError as exc:
        raise MissingLibrary(plan.path) from exc
    if entry is not None and entry["created"] and plan.after.strip() == HEADER.strip():
        plan.after = ""


def write(plan: Plan, entry: dict[str, Any]) -> None:
    """Write the file; remove it if this module created it, by the record, and it becomes empty."""
    folder = os.path.dirname(plan.path)
    if plan.after.strip() or not entry["created"]:
        os.makedirs(folder, mode=0o755, exist_ok=True)
        mode = stat.S_IMODE(os.lstat(plan.path).st_mode) if plan.existed else 0o644
        files.write_atomic(plan.path, plan.after, mode=mode)
        return
    files.remove(plan.path)
    if entry["made_dir"]:
        files.remove_if_empty(folder)


def check_writable(folder: str, why: str = "") -> None:
    """Raise GuardError, whose text begins with ``why``, if ``folder`` is not writable."""
    unwritable = files.unwritable(folder)
    if unwritable is not None:
        raise GuardError(
            "%s%s is not writable (is it mounted read-only?); nothing was changed"
            % (why, unwritable)
        )


def _check_directory(folder: str) -> None:
    """Raise GuardError unless only root can write in ``folder``, or create it."""
    why = "scope is managed (scope home needs no directory of root), but "
    if os.path.lexists(folder):
        info = os.lstat(folder)
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != ROOT or info.st_mode & 0o022:
            raise GuardError(
                "%s%s is not a directory that belongs to root and that only root can write"
                % (why, folder)
            )
    check_writable(folder, why)


def _write_anew(plan: Plan, values: dict[str, Any]) -> None:
    """Generate the text of a file of ours, which has ``values`` by dotted key, with the changes."""
    for change in plan.changes:
        key = change["key"]
        before = _state(values, key)
        after = _state(change, "value")
        same = yaml_edit.same(before.get("value"), after.get("value"))
        if before["present"] != after["present"] or not same:
            plan.undo[key] = {"depth": 0, "before": before, "after": after}
        values.pop(key, None)
        if "value" in change:
            values[key] = change["value"]
    plan.after = _render(values) if plan.undo else plan.before


def _state(values: dict[str, Any], key: str) -> dict[str, Any]:
    return {"present": True, "value": values[key]} if key in values else {"present": False}


def _render(values: dict[str, Any]) -> str:
    """The text of a managed file with ``values`` by dotted key; "" without values."""
    lines = []
    above: list[str] = []
    for key in sorted(values, key=lambda dotted: dotted.split(".")):
        parts = key.split(".")
        for other in values:
            if other.startswith(key + "."):
                raise GuardError(
                    "settings contains both %s and %s: one is a section of the other" % (key, other)
                )
        shared = 0
        while shared < len(parts) - 1 and parts[: shared + 1] == above[: shared + 1]:
            shared += 1
        lines.append(yaml_edit.block(parts[shared:], values[key], 2 * shared, "\n"))
        above = parts[:-1]
    return HEADER + "".join(lines) if lines else ""
