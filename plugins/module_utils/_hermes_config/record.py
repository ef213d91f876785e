# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this module set, and what was there before, so that ``state: absent`` leaves it as it was.

It holds old values of configuration, so only root reads it.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from .._hermes import yaml_edit
from .._host import files, guard_program
from . import managed_file

if TYPE_CHECKING:
    from .plan import Plan


class LastOwner(NamedTuple):
    """What the record knows of a home whose gateway is gone."""

    home: str
    user: str
    python: str | None
    name: None = None


class Record:
    """``files``: by the path of each file that was changed, what was set there by key."""

    def __init__(self) -> None:
        self.path = os.path.join(guard_program.STATE, guard_program.SESSION_RECORD)
        content = files.read_json(self.path, owners={managed_file.ROOT}) or {}
        self.files: dict[str, dict[str, Any]] = content.get("files", {})
        self.saved = _dump(self.files)

    def keys(self, path: str) -> dict[str, dict[str, Any]]:
        """What was set in the file ``path``, by key."""
        return self.files.get(path, {}).get("keys", {})

    def note(self, plan: Plan) -> None:
        """Take over what ``plan`` is going to set, with what undoes it."""
        entry = self.files.setdefault(
            plan.path,
            {
                "home": None,
                "user": None,
                "python": None,
                "keys": {},
                "created": not plan.existed,
                "made_dir": not os.path.isdir(os.path.dirname(plan.path)),
            },
        )
        if plan.owner:
            entry.update(home=plan.owner.home, user=plan.owner.user, python=plan.owner.python)
        entry["text"] = plan.after if plan.ours else None
        for change in plan.changes:
            key = change["key"]
            if "value" in change and key in plan.undo:
                kept = _kept(key, plan.undo[key], entry["keys"])
                entry["keys"][key] = dict(kept, was=change["value"], option=plan.options[key])

    def forget(self, plan: Plan) -> None:
        """What ``plan`` took back is no longer ours."""
        entry = self.files.get(plan.path, {"keys": {}})
        for change in plan.changes:
            if "value" not in change:
                entry["keys"].pop(change["key"], None)
        if not entry["keys"]:
            self.files.pop(plan.path, None)

    def changed(self) -> bool:
        """Whether there is something to save."""
        return _dump(self.files) != self.saved

    def save(self) -> None:
        """Write the record; an empty one goes, with its directory if nothing else is in it."""
        if not self.changed():
            return
        self.saved = _dump(self.files)
        if self.files:
            os.makedirs(guard_program.STATE, mode=0o755, exist_ok=True)
            files.write_atomic(self.path, _dump({"files": self.files}), mode=0o600)
        else:
            files.remove(self.path)
            files.remove_if_empty(guard_program.STATE)


def undo_change(key: str, kept: dict[str, Any]) -> dict[str, Any]:
    """The change that takes back what the record has ``kept`` of ``key``: see yaml_edit.edit."""
    how: dict[str, Any] = {name: kept[name] for name in ("raw", "depth") if name in kept}
    return dict(how, key=key, was=kept["was"])


def _kept(key: str, undo: dict[str, Any], others: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What there was before ``key`` was set, if ``undo`` is that of setting it."""
    old = others.get(key)
    # If it still is what was set last time, what was there before that is what counts.
    if old is not None and yaml_edit.same(undo["before"].get("value"), old["was"]):
        return old
    kept: dict[str, Any] = {name: undo[name] for name in ("raw", "depth") if name in undo}
    if "depth" in kept:
        kept["depth"] = _depth(key, kept["depth"], others)
    return kept


def _depth(key: str, depth: int, others: dict[str, dict[str, Any]]) -> int:
    """How many parts of ``key`` there were before the ``others``, which this module set, were."""
    parts = key.split(".")
    for other, kept in others.items():
        shared = kept.get("depth", len(parts))
        if shared < depth and other.split(".")[: shared + 1] == parts[: shared + 1]:
            depth = shared
    return depth


def _dump(value: object) -> str:
    return json.dumps(value, sort_keys=True, indent=1)
