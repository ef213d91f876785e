# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend of the module guard_component: installs what one role adds to the base."""

from __future__ import annotations

from typing import Any

from .._guard import config, pending, ping, state_format
from .._hermes import discovery
from .._host import guard_program, proc
from .._host.errors import host_faults
from . import (
    change,
    gateway_settings,
    lock,
    memory_limit,
    metrics_link,
    notify_command,
    one_truth,
    threshold,
)
from .desired_state import DesiredState, drop_in_directory, of_files

# The components that consist of drop-ins of the gateways' units.
DROP_INS = ("memory_limit", "allocator")


@host_faults
def apply(parameters: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """Bring a component to its desired state; ``parameters`` and the result are the module's.

    Raises GuardError before any change if the input is invalid. If a step fails, all changes are
    rolled back first.
    """
    with lock.alone(check_mode):
        return _apply(parameters, check_mode)


def _apply(parameters: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    if (parameters.get("guard") or {}).get(one_truth.STATE) == "absent":
        # The guard's removal has removed this component too.
        parameters = dict(parameters, state="absent")
    component, options = parameters["component"], change.options(parameters)
    one_truth.check(parameters)
    notes = _check_secrets(parameters, check_mode)
    chosen = change.select(parameters)
    gateways = chosen.gateways
    notes = (notes if gateways else []) + chosen.notes
    if gateways:
        state_format.check()
    desired = _desired(parameters, bool(gateways))
    if component == metrics_link.COMPONENT and gateways:
        desired, remarks = metrics_link.desired(options, check_mode)
        notes += remarks
    limits = None
    if component == "memory_limit" and gateways:
        limits, remarks = _limits(options, gateways, check_mode)
        notes += remarks
    plan = change.plan(component, desired, options, check_mode)
    if component == metrics_link.COMPONENT and gateways and not check_mode:
        metrics_link.ensure_page()
    result = change.carry_out(plan, check_mode)
    notes += result["notes"]
    if component in DROP_INS:
        notes += _without_drop_in(gateways)
    if limits:
        notes += memory_limit.shortfalls(gateways, limits, not check_mode)
    result.update(change.skipped_because(parameters, chosen))
    needed = [gateway.name for gateway in gateways if _older_than_drop_ins(gateway, desired)]
    # The memory limit takes effect immediately.
    if needed and component == "allocator":
        notes.append("the allocator takes effect at the next restart of: %s" % ", ".join(needed))
    return dict(result, restart_needed=needed, notes=notes)


def _check_secrets(parameters: dict[str, Any], check_mode: bool) -> list[str]:
    """Notes on the notify command and the ping URL, which are kept out of the logged options.

    Raises SettingError for a command that cannot be run or a URL that cannot be called.
    """
    if parameters["state"] == "absent":
        return []
    url = str(parameters["secrets"].get("ping_url") or "")
    if url:
        ping.check_url(url.strip(), "hermes_watchdog_ping_url")
    return notify_command.check(parameters["secrets"].get("notify_command"), check_mode)


def _desired(parameters: dict[str, Any], wanted: bool) -> DesiredState:
    """The files and units of ``parameters``, none unless ``wanted``; secrets are always hidden."""
    if not wanted:
        return of_files([], secrets=parameters["secrets"])
    return of_files(parameters["files"], parameters["units"], parameters["secrets"])


def _limits(
    options: dict[str, Any], gateways: list[discovery.Gateway], check_mode: bool
) -> tuple[dict[str, int | None], list[str]]:
    """The memory limits of this host in bytes, and notes on limits that have no effect here."""
    asked = {name: options.get(name, "") for name in memory_limit.OPTIONS}
    if check_mode and options.get(threshold.THRESHOLD):
        # In a real run, the watchdog's role would have written these thresholds before.
        own = gateway_settings.read(options)
        names = threshold.watched(own, gateways)
        thresholds = {}
        for name in names:
            asked_for = own.get(name, {}).get("threshold", options[threshold.THRESHOLD])
            text = guard_program.threshold(asked_for, len(names))
            thresholds[name] = config.value_of("threshold", text, None)
    else:
        settings = config.load(config.FOLDER)
        thresholds = {
            gateway.name: settings[gateway.name].threshold
            for gateway in gateways
            if gateway.name in settings
        }
    known = {source: size for source, size in thresholds.items() if size is not None}
    return memory_limit.amounts(asked, known, proc.host_memory())


def _without_drop_in(gateways: list[discovery.Gateway]) -> list[str]:
    return [
        "%s gets no drop-in: only user units called %s are supported"
        % (gateway.name, discovery.OWN_UNITS)
        for gateway in gateways
        if drop_in_directory(gateway) is None
    ]


def _older_than_drop_ins(gateway: discovery.Gateway, desired: DesiredState) -> bool:
    """Whether the gateway's process is older than a drop-in of this component."""
    folder = "/%s.d/" % gateway.unit
    return pending.is_older(gateway, [path for path in desired.files if folder in path])
