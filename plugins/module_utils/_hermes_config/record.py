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
from .._host.errors import FileError, GuardError
from . import answer, managed_file

if TYPE_CHECKING:
    from .plan import Plan


class LastOwner(NamedTuple):
    """What the record knows of a home whose gateway is gone."""

    home: str
    user: str
    python: str | None
    name: None = None


# Far above what MAX_HOMES of a thousand users need: a larger one is not of this module.
MAX_BYTES = 32 << 20
# Homes of one user. Each is a gateway, or was one when it was set.
MAX_HOMES = 40
# What is put behind the name of a record that cannot be read.
DAMAGED = ".damaged"


class Record:
    """``files``: by the path of each file that was changed, what was set there by key.

    ``warnings`` say what of it cannot be used. That is forgotten, and is no reason to stop: the
    part of one user must not keep what was set for the others from being taken back.
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
                raise FileError("%s has no files in it" % self.path)
        except FileError as exc:
            self.damaged = True
            self.warnings.append(
                "%s; it is kept as %s%s, and what was set before is no longer taken back"
                % (exc, self.path, DAMAGED)
            )
            return {}
        return found

    def keys(self, path: str) -> dict[str, dict[str, Any]]:
        """What was set in the file ``path``, by key."""
        return self.files.get(path, {}).get("keys", {})

    def check_room(self, plan: Plan, others: list[Plan]) -> None:
        """GuardError if one user had too many homes with ``plan`` and the ``others``."""
        if plan.owner is None or plan.path in self.files:
            return
        user = plan.owner.user
        kept = {path for path, entry in self.files.items() if entry["user"] == user}
        kept.update(one.path for one in others if one.owner and one.owner.user == user)
        if len(kept) >= MAX_HOMES:
            raise GuardError(
                "%s: %d homes of %s are set already, and more are not kept"
                % (plan.path, MAX_HOMES, user)
            )

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
        return self.damaged or _dump(self.files) != self.saved

    def save(self) -> None:
        """Write the record; an empty one goes, with its directory if nothing else is in it."""
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


# The entries of a file and of a key, and their types.
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
    """The ``entry`` of the file ``path`` as far as it can be used, None if it cannot be.

    ``warnings`` are those of what cannot.
    """
    known = dict(entry, text=entry.get("text")) if isinstance(entry, dict) else {}
    usable = all(isinstance(known.get(name), kinds) for name, kinds in _FILE.items())
    if not usable or bool(known["home"]) != bool(known["user"]):
        warnings.append("the record of %s is damaged: what was set there stays" % path)
        return None
    keys = {}
    for key, kept in known["keys"].items():
        if not (isinstance(kept, dict) and "was" in kept and isinstance(kept.get("option"), str)):
            warnings.append("the record of %s in %s is damaged: it stays there" % (key, path))
            continue
        how = answer.how_to_undo(kept, key)
        if how is None or (known["home"] and len(how.get("raw", "")) > answer.MAX_RAW):
            warnings.append(
                "the record of %s in %s is damaged: it can be removed from there, and what was"
                " there before it cannot be brought back" % (key, path)
            )
            how = {}
        keys[key] = dict(how, was=kept["was"], option=kept["option"])
    return dict(known, keys=keys) if keys else None


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
