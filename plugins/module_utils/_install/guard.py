# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend of the module guard: brings one component of this host to its desired state."""

from __future__ import annotations

import os
import shutil
from typing import Any

from .._guard import config
from .._hermes import discovery
from .._host import files, proc
from .._host.errors import GuardError, host_faults
from . import checks, diff, manifest, memory_limit, selection, transaction
from . import plan as plans
from .desired_state import DesiredState, drop_in_directory, of_component

NOT_HERE = "no Hermes gateway on this host"
EVERY = "hermes_restart_timer_every"
THRESHOLD = "hermes_watchdog_threshold"
# The components that consist of drop-ins of the gateways' units.
DROP_INS = ("memory_limit", "allocator")


@host_faults
def apply(parameters: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """Bring one component to its desired state; ``parameters`` and the result are the module's.

    GuardError before anything is changed if the input is wrong, and after everything was put back
    if a step failed.
    """
    component, options = parameters["part"], parameters.get("options") or {}
    gateways: list[discovery.Gateway] = []
    notes: list[str] = []
    if parameters["state"] == "present":
        gateways, notes = selection.select(parameters["gateways"])
    installed = plans.present(config.PROGRAM)[0] if component == manifest.BASE else None
    desired = of_component(parameters, gateways, installed)
    limits = None
    if component == "memory_limit" and gateways:
        limits, remarks = _limits(options, gateways, check_mode)
        notes += remarks
    plan = plans.make(component, desired)
    checks.check_options(options)
    checks.check_files(plan.changes)
    packages = checks.missing_packages(desired)
    if not check_mode:
        plans.check_program(component, desired)
        _check_library(packages)
    clear = parameters["state"] == "absent" and component == manifest.BASE and bool(_own_state())
    result: dict[str, Any] = {
        "changed": not plan.empty or clear or (check_mode and bool(packages)),
        "diff": [
            diff.of_file(path, change, desired.hidden if path in desired.files else None)
            for path, change in sorted(plan.changes.items())
        ],
        "memory": proc.host_memory(),
        "psutil": checks.has_psutil(),
        "jemalloc": checks.has_jemalloc(),
        "package_manager": _package_manager(),
        "next_elapse": {},
    }
    if check_mode and packages:
        # The package modules cannot say this on a bare host: they need a library there themselves.
        result["diff"].append(diff.of_packages(packages))
    if parameters["state"] == "present" and not gateways:
        result["skipped_because"] = NOT_HERE
    if not check_mode:
        result["next_elapse"] = _carry_out(plan, clear)
    if component in DROP_INS:
        notes += _without_drop_in(gateways)
    if limits:
        notes += memory_limit.shortfalls(gateways, limits, not check_mode)
    recommended = None
    if options.get(EVERY) == "auto":
        try:
            recommended = _recommended(gateways)
        except GuardError as exc:
            # It may be a file of a role that comes later in the play, and writes it anew.
            notes.append("%s: auto: there are no recommendations: %s" % (EVERY, exc))
    result["notes"] = notes
    result["gateways"] = [_described(gateway, recommended) for gateway in gateways]
    result["restart_needed"] = [
        gateway.name for gateway in gateways if _older_than_drop_ins(gateway, desired)
    ]
    return result


def _described(
    gateway: discovery.Gateway, recommended: dict[str, str | None] | None
) -> dict[str, Any]:
    """The gateway as the other roles need it for their files."""
    answer = {
        "name": gateway.name,
        "unit": gateway.unit,
        "scope": gateway.scope,
        "user": gateway.user,
        "home": gateway.home,
        "python": gateway.python,
        "drop_in_directory": drop_in_directory(gateway),
    }
    if recommended is not None:
        answer["recommended_every"] = recommended[gateway.name]
    return answer


def _recommended(gateways: list[discovery.Gateway]) -> dict[str, str | None]:
    # To judge a history takes longer than all the rest: only if it is asked for.
    from .._guard import memory_trend

    return memory_trend.recommended_cadences([gateway.name for gateway in gateways])


def _limits(
    options: dict[str, Any], gateways: list[discovery.Gateway], check_mode: bool
) -> tuple[dict[str, int | None], list[str]]:
    """The memory limits of this host in bytes, and what of them makes no sense here."""
    asked = {name: options.get(name, "") for name in memory_limit.OPTIONS}
    if check_mode and options.get(THRESHOLD):
        # What the watchdog's own role would have written by now.
        thresholds = {THRESHOLD: config.value_of("threshold", options[THRESHOLD], None)}
    else:
        settings = config.load(config.FOLDER)
        thresholds = {
            gateway.name: settings[gateway.name].threshold
            for gateway in gateways
            if gateway.name in settings
        }
    known = {where: size for where, size in thresholds.items() if size is not None}
    return memory_limit.amounts(asked, known, proc.host_memory())


def _without_drop_in(gateways: list[discovery.Gateway]) -> list[str]:
    return [
        "%s gets no drop-in: the unit of a user must be called %s for that"
        % (gateway.name, discovery.OWN_UNITS)
        for gateway in gateways
        if drop_in_directory(gateway) is None
    ]


def _check_library(packages: list[str]) -> None:
    if checks.JEMALLOC_PACKAGE in packages:
        # Every program that the gateway starts would complain of it.
        raise GuardError(
            "%s is not on this host, and a drop-in that names it would be in the way: install the"
            " package %s" % (checks.JEMALLOC, checks.JEMALLOC_PACKAGE)
        )


def _carry_out(plan: plans.Plan, clear: bool) -> dict[str, int | None]:
    """Make the host what ``plan`` says; when each timer of the component fires next."""
    live = plan.live
    if not plan.empty:
        transaction.carry_out(plan)
        live = transaction.verified(plan)
    if clear:
        _clear_state()
    return {unit: live.next_elapse[unit] for unit in plan.desired.units if unit.endswith(".timer")}


def _own_state() -> list[str]:
    """What the guard has in its state directory (paths), or the directory itself if it is empty.

    The record of what was set in Hermes is not the guard's: the role that set it needs it to take
    that back.
    """
    try:
        names = os.listdir(config.STATE)
    except FileNotFoundError:
        return []
    own = [os.path.join(config.STATE, name) for name in names if name != config.SESSION_RECORD]
    return own if names else [config.STATE]


def _clear_state() -> None:
    for path in _own_state():
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    files.remove_if_empty(config.STATE)


def _package_manager() -> str:
    apt = os.path.exists("/usr/bin/apt-get") and os.path.isdir("/var/lib/dpkg")
    return "apt" if apt else "auto"


def _older_than_drop_ins(gateway: discovery.Gateway, desired: DesiredState) -> bool:
    """Whether the gateway's process is older than a drop-in of this component."""
    folder = "/%s.d/" % gateway.unit
    times = [
        os.stat(path).st_mtime for path in desired.files if folder in path and os.path.exists(path)
    ]
    return bool(times) and gateway.start_time is not None and gateway.start_time < max(times)
