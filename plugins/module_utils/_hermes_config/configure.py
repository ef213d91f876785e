# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets Hermes's configuration: in the managed scope as root, or in a home as its owner.

All queries and plans come first. Then the record of the old values is written, then the files.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from .._hermes import discovery
from .._hermes.discovery import Gateway
from .._hermes.patience import Patience
from .._host import choice, guard_program
from .._host.errors import GuardError, host_faults
from . import cache, managed_file, options, restarts
from .diff import diff
from .effect import restart_required, verify
from .faults import Faults
from .installed import Installed
from .options import Asked
from .plan import Plan, Planned, absent, present
from .record import Record


@host_faults
def configure(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do what the module's ``params`` request; return its result with ``warnings``.

    Raises GuardError if that is impossible, and MissingLibrary if PyYAML is needed but missing.
    """
    wanted = options.asked(params)
    if os.geteuid() != managed_file.ROOT:
        raise GuardError(
            "must run as root (become: true), because it queries every gateway as its own user"
        )
    record = Record()
    gateways: list[Gateway] = []
    left_out: list[str] = []
    if params["state"] == "present" or record.files:
        gateways = discovery.find_gateways()
    if not params["gateways"]:
        gateways, unsafe = discovery.without_unsafe(gateways)
        left_out = ["%s is skipped: %s" % (one.name, one.problem) for one in unsafe]
        if params["state"] == "present":
            gateways, more = _without_excluded(gateways, params["scope"])
            left_out += more
    faults = Faults(bool(params["gateways"]))
    if params["state"] == "absent":
        homes = _homes(params["gateways"], gateways)
        planned = absent(wanted, homes, gateways, record, faults)
    elif gateways or params["gateways"]:
        planned = _present(_Task(wanted, params, record, check_mode), gateways, faults)
    else:
        return dict(
            _result(Planned([], [], left_out), [], []),
            complete=True,
            skipped_because="no Hermes gateway on this host",
        )
    planned.warnings.extend(left_out)
    planned.warnings.extend(record.warnings)
    result = _follow(planned, record, params["restart"], faults, check_mode)
    result["warnings"] = planned.warnings + faults.warnings
    # The next run retries failed steps, and checks restarts that were only requested.
    result["complete"] = not (faults.warnings or result["restarted"])
    return result


def _without_excluded(gateways: list[Gateway], scope: str) -> tuple[list[Gateway], list[str]]:
    """``gateways`` without excluded ones, and a warning if the setting affects those anyway."""
    excluded = guard_program.excluded()
    stay = [one for one in gateways if one.name not in excluded]
    names = [one.name for one in gateways if one.name in excluded]
    if not names or not stay or scope != "managed":
        return stay, []
    return stay, [
        "settings in %s also apply to %s, which the variables exclude:"
        " set hermes_session_scope: home to avoid this"
        % (os.path.join(managed_file.MANAGED_DIR, "config.yaml"), ", ".join(names))
    ]


def _homes(names: list[str], gateways: list[Gateway]) -> set[str] | None:
    """The homes of the gateways with these ``names``; None if ``names`` is empty."""
    if not names:
        return None
    return {gateway.home for gateway in _chosen(names, gateways)}


def _chosen(names: list[str], gateways: list[Gateway]) -> list[Gateway]:
    return choice.select("gateways", names, gateways, "is not on this host")


class _Task(NamedTuple):
    """The module's task: ``wanted`` are the settings that its ``params`` request."""

    wanted: list[Asked]
    params: dict[str, Any]
    record: Record
    check_mode: bool


def _present(task: _Task, gateways: list[Gateway], faults: Faults) -> Planned:
    params, record = task.params, task.record
    keys = sorted({key for ask in task.wanted for key in ask.keys})
    installed: list[Installed] = []
    of_root: list[str] = []
    patience = Patience()
    for gateway in _chosen(params["gateways"], gateways):
        with faults.of_one():
            one = Installed(gateway, keys, patience)
            if one.problem and gateway.uid == managed_file.ROOT and params["scope"] == "home":
                # Only its own Python may edit a home. The other gateways are still configured.
                of_root.append("skipped: gateway %s: %s" % (gateway.name, one.problem))
            elif one.problem and not one.broken and params["gateways"]:
                raise GuardError("gateway %s: %s" % (gateway.name, one.problem))
            else:
                installed.append(one)
    wanted = cache.resolved(task.wanted, installed, params, task.check_mode)
    planned = present(wanted, installed, params["scope"], record, faults)
    faults.warnings.extend(of_root)
    return planned


def _follow(
    planned: Planned, record: Record, mode: str, faults: Faults, check_mode: bool
) -> dict[str, Any]:
    """Carry out what is ``planned``, except in check mode; ``mode`` is the option restart."""
    changed = [plan for plan in planned.plans if plan.changed]
    if changed or record.changed():
        managed_file.check_writable(guard_program.STATE)
    needs: dict[str, bool] = {}
    looked_at: dict[str, dict[str, Any]] = {}
    for plan in planned.plans:
        for one in plan.gateways:
            name = one.gateway.name
            managed = one.managed_path
            # A gateway whose scope has changed has two plans.
            files = {plan.path, managed, os.path.dirname(managed)}
            looked_at[name] = {
                "sources": one.info["root"] if one.info else None,
                "files": sorted(files.union(looked_at.get(name, {}).get("files", ()))),
            }
            needs[name] = restart_required(plan, one, record) or needs.get(name, False)
    late = sorted(name for name in needs if needs[name])
    if late and mode == "never":
        planned.warnings.append(
            "the new settings take effect at the next restart of: %s" % ", ".join(late)
        )
    result = _result(planned, changed, restarts.to_ask_for(late, mode, check_mode))
    result["restart_required"] = bool(late)
    result["gateways"] = [
        {"name": name, "restart_required": needs[name], **looked_at[name]} for name in sorted(needs)
    ]
    if not check_mode:
        _carry_out(planned.plans, record, faults)
        for name in result["restarted"]:
            with faults.of_one("%s"):
                restarts.ask_for(name, mode)
    elif not changed:
        verify(planned.plans, faults)
    return result


def _result(planned: Planned, changed: list[Plan], restarted: list[str]) -> dict[str, Any]:
    """The module's result if no gateway has to be restarted."""
    return {
        "changed": bool(changed or restarted),
        "applied": planned.applied,
        "restart_required": False,
        "gateways": [],
        "restarted": restarted,
        "diff": [diff(plan) for plan in changed],
        "warnings": planned.warnings,
    }


def _carry_out(plans: list[Plan], record: Record, faults: Faults) -> None:
    """Write the files, and verify that the settings are in effect.

    New settings are recorded before they are written, and reverted ones are forgotten afterwards,
    so a failure in between loses nothing.
    """
    changed = [plan for plan in plans if plan.changed]
    for plan in changed:
        record.note(plan)
    record.save()
    for plan in changed:
        if plan.owner is None:
            plan.write(record)
            record.stamp(plan)
        else:
            with faults.of_one("not changed: %s"):
                plan.write(record)
                record.stamp(plan)
    for plan in plans:
        record.forget(plan)
    record.save()
    for plan in changed:
        for one in plan.gateways:
            if one.keys and one.info is not None:
                with faults.of_one("not verified: %s"):
                    one.ask()
                    if one.problem:
                        raise GuardError("gateway %s: %s" % (one.gateway.name, one.problem))
    verify(plans, faults)
