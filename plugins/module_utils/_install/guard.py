# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend of the module guard: installs the base and returns the facts other roles need."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from .._guard import config, handover, state_format
from .._hermes import discovery
from .._host import guard_program, proc, systemd
from .._host.errors import GuardError, host_faults
from . import (
    change,
    checks,
    gateway_settings,
    lock,
    manifest,
    one_truth,
    own_state,
    packages,
    per_gateway,
    program,
    selection,
    threshold,
    transaction,
)
from . import plan as plans
from .desired_state import DesiredState, File, drop_in_directory, of_files

MACHINE_ID = "/etc/machine-id"
# How long a removal waits for a restart that an operator started. Longer than the pause of a
# drained gateway; a restart that waits until its gateway is idle may take an hour.
LOCK_SECONDS = 60


@host_faults
def apply(parameters: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """Bring the base to its desired state; ``parameters`` and the result are the module's.

    Raises GuardError before any change if the input is invalid. If a step fails, all changes are
    rolled back first.
    """
    with lock.alone(check_mode):
        return _apply(parameters, check_mode)


def _apply(parameters: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    options = change.options(parameters)
    chosen = change.select(parameters)
    gateways, above = chosen.gateways, []
    settings = gateway_settings.read(options)
    if gateways:
        state_format.check()
        above = threshold.check_thresholds(options, settings, gateways)
    desired = _desired(parameters["files"], chosen)
    plan = change.plan(manifest.BASE, desired, options, check_mode)
    is_first = bool(gateways) and not os.path.exists(manifest.path(manifest.BASE))
    if parameters["state"] == "absent":
        result = _remove(plan, bool(parameters.get("keep_history")), check_mode)
    else:
        result = change.carry_out(plan, check_mode)
        # The first run may have failed after it wrote the manifest.
        if gateways and not check_mode and not os.path.exists(packages.note_path()):
            packages.remember(checks.missing_by_name())
    notes = chosen.notes + above + result["notes"]
    result.update(change.skipped_because(parameters, chosen))
    recommended = None
    if gateway_settings.judges(options, settings):
        try:
            recommended = _recommended(gateways)
        except GuardError as exc:
            # A role later in the play may write the file that cannot be read now.
            notes.append(
                "%s: auto: recommendations are unavailable: %s" % (gateway_settings.EVERY, exc)
            )
    return dict(
        result,
        gateways=[
            dict(_described(gateway, recommended), settings=settings.get(gateway.name, {}))
            for gateway in gateways
        ],
        excluded=chosen.excluded,
        first=is_first,
        asked=dict(one_truth.asked(parameters), **{one_truth.STATE: parameters["state"]}),
        memory=proc.host_memory(),
        seed=_seed(),
        psutil=checks.has_psutil(),
        jemalloc=checks.has_jemalloc(),
        package_manager=_package_manager(),
        notes=notes,
        faults=chosen.faults,
    )


def _remove(plan: plans.Plan, keep: bool, check_mode: bool) -> dict[str, Any]:
    """Remove everything that is installed, and the state; histories and ledgers stay if ``keep``.

    Raises GuardError if a restart is in progress.
    """
    clear = bool(own_state.leaving(keep))
    unneeded, notes = packages.obsolete()
    notes = own_state.outcome(keep) + notes
    if check_mode:
        result = change.carry_out(plan, True)
    else:
        result = _carry_out_removal(plan, keep)
    result.update(changed=result["changed"] or clear, obsolete_packages=unneeded)
    result["notes"] = notes + result["notes"]
    return result


def _carry_out_removal(plan: plans.Plan, keep: bool) -> dict[str, Any]:
    with handover.all_locked(own_state.gateways()) as busy:
        units = [guard_program.restart_unit(name) for name in busy]
        if units:
            # The unit ends its restart cleanly and removes its drain marker.
            systemd.Manager().systemctl("stop", "--", *units, timeout=transaction.STOP_SECONDS)
    with handover.all_locked(own_state.gateways(), LOCK_SECONDS) as busy:
        if busy:
            raise GuardError(
                "cannot remove the guard while a restart of %s is in progress: wait until it ends"
                % ", ".join(sorted(busy))
            )
        result = change.carry_out(plan, False)
        own_state.clear(own_state.leaving(keep))
    return result


def _desired(listed: list[dict[str, str]], chosen: selection.Selection) -> DesiredState:
    """The program and the ``listed`` files, with the placeholders of each gateway filled in."""
    if not chosen.gateways:
        return DesiredState({}, [])
    built = program.installed(plans.present(config.PROGRAM)[0])
    rest = of_files(per_gateway.filled(listed, chosen.gateways, chosen.excluded))
    own = {config.PROGRAM: File(built, 0o755), state_format.path(): File(state_format.TEXT, 0o644)}
    return DesiredState(dict(rest.files, **own), [])


def _described(
    gateway: discovery.Gateway, recommended: dict[str, str | None] | None
) -> dict[str, Any]:
    """The facts about a gateway that the other roles need for their files."""
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
    # Imported on demand: analysing a history takes longer than the rest of the module.
    from .._guard import memory_trend

    return memory_trend.recommended_cadences([gateway.name for gateway in gateways])


def _seed() -> str:
    """A stable text that is unique to this host and independent of its name in an inventory.

    It is a hash: machine-id(5) requires that the machine ID itself stays on the host.
    """
    own = (proc.read(MACHINE_ID) or "").strip() or os.uname().nodename
    return hashlib.sha256(b"hermes_ops.gateway " + own.encode()).hexdigest()[:16]


def _package_manager() -> str:
    apt = os.path.exists("/usr/bin/apt-get") and os.path.isdir("/var/lib/dpkg")
    return "apt" if apt else "auto"
