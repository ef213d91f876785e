# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records the settings of this module and the old values, so that ``state: absent`` restores them.

The record contains old configuration values, so only root can read it.
"""

from __future__ import annotations

import json
import math
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from .._hermes import yaml_edit
from .._host import files, guard_program
from .._host.errors import FileError, GuardError
from . import answer, managed_file

if TYPE_CHECKING:
    from .plan import Plan


class LastOwner(NamedTuple):
    """The recorded facts about a home whose gateway is gone."""

    home: str
    user: str
    python: str | None
    name: None = None


# Far more than MAX_HOMES of a thousand users need: this module never writes a larger record.
MAX_BYTES = 32 << 20
# Homes of one user. Each belongs to a present or former gateway.
MAX_HOMES = 40
# The suffix for the name of an unreadable record.
DAMAGED = ".damaged"


class Record:
    """``files``: the settings by key, for the path of each file that was changed.

    ``warnings`` report unusable entries, which are forgotten. They are not an error: one user's
    entries must not prevent reverting the settings of others.
    """

    def __init__(self) -> None:
        self.path = os.path.join(guard_program.STATE, guard_program.SESSION_RECORD)
        self.warnings: list[str] = []
        self.damaged = False
        content = self._read()
        self.saved = _dump(content)
        self.files: dict[str, dict[str, Any]] = {}
        for path, entry in content.items():
            checked = _checked(path, entry, self.warnings)
            if checked is not None:
                self.files[path] = checked

    def _read(self) -> dict[str, Any]:
        try:
            content = files.read_json(self.path, {managed_file.ROOT}, MAX_BYTES) or {}
            found = content.get("files", {})
            if not isinstance(found, dict):
                raise FileError('%s: "files" is not an object' % self.path)
        except FileError as exc:
            self.damaged = True
            self.warnings.append(
                "%s; it is kept as %s%s, and earlier settings will not be reverted"
                % (exc, self.path, DAMAGED)
            )
            return {}
        return found

    def keys(self, path: str) -> dict[str, dict[str, Any]]:
        """The settings in the file ``path``, by key."""
        return self.files.get(path, {}).get("keys", {})

    def check_room(self, plan: Plan, others: list[Plan]) -> None:
        """Raise GuardError if ``plan`` and the ``others`` exceed one user's number of homes."""
        if plan.owner is None or plan.path in self.files:
            return
        user = plan.owner.user
        kept = {path for path, entry in self.files.items() if entry["user"] == user}
        kept.update(one.path for one in others if one.owner and one.owner.user == user)
        if len(kept) >= MAX_HOMES:
            raise GuardError(
                "%s: %d homes of %s are configured already, and no more can be recorded"
                % (plan.path, MAX_HOMES, user)
            )

    def note(self, plan: Plan) -> None:
        """Record the settings that ``plan`` will make, and how to undo them."""
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
        for key, kept in entry["keys"].items():
            # Of an older version: once the file is written again, its time says nothing.
            kept["written"] = self.written(plan.path, key)
        for change in plan.changes:
            key = change["key"]
            if "value" in change and key in plan.undo:
                kept = _kept(key, plan.undo[key], entry["keys"])
                # stamp() sets the time.
                entry["keys"][key] = dict(
                    kept, was=change["value"], option=plan.options[key], written=None
                )

    def stamp(self, plan: Plan) -> None:
        """Record that the values that ``plan`` changed have just been written."""
        for key, kept in self.keys(plan.path).items():
            if key in plan.undo:
                kept["written"] = time.time()

    def written(self, path: str, key: str) -> float | None:
        """The time at which the value of ``key`` in ``path`` was written (epoch).

        None if this module did not write it. The record of an older version has no times.
        """
        kept = self.keys(path).get(key)
        if kept is None:
            return None
        if kept.get("written") is not None:
            return kept["written"]
        try:
            return os.lstat(path).st_mtime
        except OSError:
            return None

    def forget(self, plan: Plan) -> None:
        """Remove the settings that ``plan`` reverted from the record."""
        entry = self.files.get(plan.path, {"keys": {}})
        for change in plan.changes:
            if "value" not in change:
                entry["keys"].pop(change["key"], None)
        if not entry["keys"]:
            self.files.pop(plan.path, None)

    def changed(self) -> bool:
        """Whether the record must be saved."""
        return self.damaged or _dump(self.files) != self.saved

    def save(self) -> None:
        """Write the record; if it is empty, remove it, and its directory if that is empty too."""
        if not self.changed():
            return
        if self.damaged:
            os.replace(self.path, self.path + DAMAGED)
            self.damaged = False
        self.saved = _dump(self.files)
        if self.files:
            os.makedirs(guard_program.STATE, mode=0o755, exist_ok=True)
            files.write_atomic(self.path, _dump({"files": self.files}), mode=0o600)
        else:
            files.remove(self.path)
            files.remove_if_empty(guard_program.STATE)


# The fields of a file's entry, and their types.
_FILE = {
    "home": (str, type(None)),
    "user": (str, type(None)),
    "python": (str, type(None)),
    "text": (str, type(None)),
    "keys": (dict,),
    "created": (bool,),
    "made_dir": (bool,),
}


def _checked(path: str, entry: object, warnings: list[str]) -> dict[str, Any] | None:
    """The usable part of the ``entry`` of the file ``path``, or None.

    Adds a sentence to ``warnings`` for each unusable part.
    """
    known = dict(entry, text=entry.get("text")) if isinstance(entry, dict) else {}
    usable = all(isinstance(known.get(name), kinds) for name, kinds in _FILE.items())
    if not usable or bool(known["home"]) != bool(known["user"]):
        warnings.append("the record of %s is damaged: the settings there remain" % path)
        return None
    keys = {}
    for key, kept in known["keys"].items():
        if not (isinstance(kept, dict) and "was" in kept and isinstance(kept.get("option"), str)):
            warnings.append("the record of %s in %s is damaged: the key remains" % (key, path))
            continue
        how = answer.how_to_undo(kept, key)
        if how is None or (known["home"] and len(how.get("raw", "")) > answer.MAX_RAW):
            warnings.append(
                "the record of %s in %s is damaged: the key can be removed, but its old value"
                " cannot be restored" % (key, path)
            )
            how = {}
        keys[key] = dict(how, was=kept["was"], option=kept["option"])
        written = kept.get("written")
        if isinstance(written, float) and math.isfinite(written):
            keys[key]["written"] = written
    return dict(known, keys=keys) if keys else None


def undo_change(key: str, kept: dict[str, Any]) -> dict[str, Any]:
    """The change that reverts ``key`` with the recorded data ``kept``: see yaml_edit.edit."""
    how: dict[str, Any] = {name: kept[name] for name in ("raw", "depth") if name in kept}
    return dict(how, key=key, was=kept["was"])


def _kept(key: str, undo: dict[str, Any], others: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The state before ``key`` was set; ``undo`` belongs to the present change."""
    old = others.get(key)
    # If the value is still the one from last time, the state before that time counts.
    if old is not None and yaml_edit.same(undo["before"].get("value"), old["was"]):
        return old
    kept: dict[str, Any] = {name: undo[name] for name in ("raw", "depth") if name in undo}
    if "depth" in kept:
        kept["depth"] = _depth(key, kept["depth"], others)
    return kept


def _depth(key: str, depth: int, others: dict[str, dict[str, Any]]) -> int:
    """The number of parts of ``key`` that existed before this module set the ``others``."""
    parts = key.split(".")
    for other, kept in others.items():
        shared = kept.get("depth", len(parts))
        if shared < depth and other.split(".")[: shared + 1] == parts[: shared + 1]:
            depth = shared
    return depth


def _dump(value: object) -> str:
    return json.dumps(value, sort_keys=True, indent=1)
