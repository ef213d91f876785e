# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans the changes to files that set the requested values or revert earlier ones."""

from __future__ import annotations

import os
import sys
from typing import Any, Iterable, NamedTuple

from .._hermes.discovery import Gateway
from .._host import reach
from .._host.errors import GuardError
from . import home_file, managed_file
from .faults import Faults
from .installed import Installed, Lookup
from .options import Asked
from .record import LastOwner, Record, undo_change


class Plan:
    """The changes to one file.

    ``owner`` is the gateway whose home contains it, None for a managed file; ``gateways`` are those
    that read it. ``changes`` are the input of yaml_edit.edit and ``undo`` is its result;
    ``options`` are the module's options by key. ``ours`` means that only this module wrote the
    file, ``previewed`` that the effect of the changes is known.
    """

    def __init__(self, path: str, owner: Gateway | LastOwner | None) -> None:
        self.path = path
        self.owner = owner
        self.gateways: list[Installed] = []
        self.changes: list[dict[str, Any]] = []
        self.options: dict[str, str] = {}
        self.before = self.after = ""
        self.undo: dict[str, dict[str, Any]] = {}
        self.existed = self.ours = self.previewed = False
        self.digest: str | None = None

    @property
    def changed(self) -> bool:
        """Whether the file is to be written."""
        return self.before != self.after

    def preview(self, record: Record) -> None:
        """Compute the effect of the changes on the file. Nothing is written."""
        if self.owner is None:
            managed_file.preview(self, record)
        else:
            home_file.preview(self, self.owner)
        self.previewed = True

    def write(self, record: Record) -> None:
        """Write the planned text to the file."""
        entry = record.files[self.path]
        if self.owner is None:
            managed_file.write(self, entry)
        else:
            home_file.write(self, self.owner, entry["created"])

    def applied(self) -> list[dict[str, Any]]:
        """The module's result for each change."""
        return [self._applied(change) for change in self.changes]

    def _applied(self, change: dict[str, Any]) -> dict[str, Any]:
        key = change["key"]
        undo = self.undo.get(key)
        return {
            "asked": self.options.get(key),
            "key": key,
            "file": self.path,
            "gateways": [one.gateway.name for one in self.gateways],
            "before": undo["before"].get("value") if undo else change.get("value"),
            "after": undo["after"].get("value") if undo else change.get("value"),
            "reads": _all(one.reads(key) for one in self.gateways),
            "live": bool(self.gateways) and all(one.live(key) for one in self.gateways),
        }


class Planned(NamedTuple):
    """All plans, and the module's results ``applied`` and ``warnings``."""

    plans: list[Plan]
    applied: list[dict[str, Any]]
    warnings: list[str]


def present(
    wanted: list[Asked], installed: list[Installed], scope: str, record: Record, faults: Faults
) -> Planned:
    """The plans that set the requested values."""
    plans: dict[str, Plan] = {}
    planned = Planned([], [], [])
    for one in installed:
        with faults.of_one():
            plan = _plan_for(one, scope, plans, planned.warnings)
            for ask in wanted:
                _add(plan, one, ask, planned)
    given = {ask.option for ask in wanted} - {"settings"}
    for plan in plans.values():
        _take_back_others(plan, given, record)
        if plan.owner is None:
            # This is root's file, which all gateways read; a fault in it is an error.
            plan.preview(record)
        else:
            with faults.of_one():
                record.check_room(plan, planned.plans)
                plan.preview(record)
        if plan.previewed:
            planned.plans.append(plan)
            planned.applied.extend(plan.applied())
    if scope == "home" and planned.plans and not faults.named:
        _take_back_managed(wanted, installed, record, planned)
    return planned


def _plan_for(one: Installed, scope: str, plans: dict[str, Plan], warnings: list[str]) -> Plan:
    """The plan in ``plans``, or a new one, for the file that configures ``one``."""
    at_home = scope == "home" or not one.knows_managed_scope
    if one.problem:
        if at_home:
            raise GuardError("gateway %s: %s" % (one.gateway.name, one.problem))
        warnings.append(
            "gateway %s could not be queried for the keys that it reads: %s"
            % (one.gateway.name, one.problem)
        )
    path = os.path.join(one.gateway.home, "config.yaml") if at_home else one.managed_path
    plan = plans.setdefault(path, Plan(path, one.gateway if at_home else None))
    plan.gateways.append(one)
    return plan


def _add(plan: Plan, one: Installed, ask: Asked, planned: Planned) -> None:
    """Add the keys of ``ask`` that the Hermes of ``one`` needs to ``plan``."""
    keys = one.keys_for(ask)
    if not keys and not ask.optional:
        planned.warnings.append(
            "%s has no effect on gateway %s: its Hermes %s reads none of %s"
            % (ask.option, one.gateway.name, one.version, ", ".join(ask.keys))
        )
        planned.applied.append(
            {
                "asked": ask.option,
                "key": None,
                "file": plan.path,
                "gateways": [one.gateway.name],
                "before": None,
                "after": None,
                "reads": False,
                "live": False,
            }
        )
    if ask.option == "settings" and one.reads(keys[0]) is False:
        planned.warnings.append(
            "%s is set, but the Hermes %s of gateway %s does not seem to read it"
            % (keys[0], one.version, one.gateway.name)
        )
    for key in keys:
        plan.options[key] = ask.option
        if key not in [change["key"] for change in plan.changes]:
            plan.changes.append({"key": key, "value": ask.value})


def _take_back_others(plan: Plan, given: set[str], record: Record) -> None:
    """Revert keys that no longer implement a ``given`` intent.

    This happens after an update of Hermes, or if article_keys is not set any more.
    """
    stays = {change["key"] for change in plan.changes}
    for key, kept in record.keys(plan.path).items():
        if kept["option"] in given and key not in stays:
            plan.changes.append(undo_change(key, kept))
            plan.options[key] = kept["option"]


def _take_back_managed(
    wanted: list[Asked], installed: list[Installed], record: Record, planned: Planned
) -> None:
    """Revert the ``wanted`` settings in the managed files, which would override those in homes.

    They are from a run with the scope managed.
    """
    for path, entry in sorted(record.files.items()):
        changes = [
            undo_change(key, kept)
            for key, kept in sorted(entry["keys"].items())
            if _named(key, kept["option"], wanted)
        ]
        if entry["home"] or not changes:
            continue
        plan = Plan(path, None)
        # They are asked again for the values in effect.
        plan.gateways = [
            one for one in installed if one.knows_managed_scope and one.managed_path == path
        ]
        plan.changes = changes
        plan.options = {key: kept["option"] for key, kept in entry["keys"].items()}
        plan.preview(record)
        planned.plans.append(plan)
        planned.applied.extend(plan.applied())


def absent(
    wanted: list[Asked],
    homes: set[str] | None,
    gateways: list[Gateway],
    record: Record,
    faults: Faults,
) -> Planned:
    """The plans that revert earlier settings in ``homes``: all, or only those ``wanted``.

    ``homes`` is None for all files, including the managed ones. A setting in a home that cannot be
    reverted is no longer tracked: the home's owner is responsible for it, or no longer exists.
    """
    planned = Planned([], [], [])
    keys = {key for entry in record.files.values() for key in entry["keys"]}
    lookup = Lookup(gateways, keys)
    for path, entry in sorted(record.files.items()):
        if homes is not None and entry["home"] not in homes:
            continue
        if entry["home"] and not reach.answers(entry["home"], entry["user"]):
            text = "the settings in %s remain until its home answers: run this again then"
            planned.warnings.append(text % path)
            continue
        if entry["home"] and not os.path.isdir(entry["home"]):
            # The home and the settings in it no longer exist.
            del record.files[path]
            continue
        changes = [
            undo_change(key, kept)
            for key, kept in sorted(entry["keys"].items())
            if not wanted or _named(key, kept["option"], wanted)
        ]
        if not changes:
            continue
        plan = _plan_of_record(path, entry, lookup)
        plan.changes = changes
        plan.options = {key: kept["option"] for key, kept in entry["keys"].items()}
        if plan.owner is None:
            plan.preview(record)
        else:
            with faults.of_one("the settings in %s remain and are no longer tracked: %%s" % path):
                _preview_at_home(plan, plan.owner, record)
        if not plan.previewed:
            record.forget(plan)
            continue
        planned.plans.append(plan)
        planned.applied.extend(plan.applied())
    return planned


def _preview_at_home(plan: Plan, owner: Gateway | LastOwner, record: Record) -> None:
    """Like Plan.preview, but with the host's Python if the gateway's Python fails."""
    try:
        plan.preview(record)
    except GuardError as exc:
        # The host's Python may lack PyYAML, or the user may be gone; report only the first error.
        plan.owner = LastOwner(owner.home, owner.user, sys.executable)
        try:
            plan.preview(record)
        except GuardError:
            raise exc from None


def _named(key: str, option: str, wanted: list[Asked]) -> bool:
    """Whether ``wanted`` includes ``key``, which was set because of ``option``."""
    return any(
        option == ask.option and (option != "settings" or key == ask.keys[0]) for ask in wanted
    )


def _plan_of_record(path: str, entry: dict[str, Any], lookup: Lookup) -> Plan:
    if not entry["home"]:
        plan = Plan(path, None)
        plan.gateways = lookup.of_managed(path)
        return plan
    gateways = lookup.of_home(entry["home"])
    last = LastOwner(entry["home"], entry["user"], entry["python"])
    plan = Plan(path, gateways[0].gateway if gateways else last)
    plan.gateways = gateways
    return plan


def _all(answers: Iterable[bool | None]) -> bool | None:
    known = [answer for answer in answers if answer is not None]
    return all(known) if known else None
