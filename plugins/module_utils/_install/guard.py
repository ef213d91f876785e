# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend of the module guard: the base of the other components, and what they must know."""

from __future__ import annotations

import os
import shutil
from typing import Any

from .._guard import config, handover
from .._hermes import discovery
from .._host import files, proc
from .._host.errors import GuardError, host_faults
from . import change, checks, manifest, per_gateway, program
from . import plan as plans
from .desired_state import DesiredState, File, drop_in_directory, of_files

EVERY = "hermes_restart_timer_every"
# Seconds for a restart whose unit has just been stopped to remove its drain marker.
LOCK_SECONDS = 10


@host_faults
def apply(parameters: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """Bring the base to its desired state; ``parameters`` and the result are the module's.

    GuardError before anything is changed if the input is wrong, and after everything was put back
    if a step failed.
    """
    options = parameters["options"]
    chosen = change.select(parameters)
    gateways, notes = chosen.gateways, list(chosen.notes)
    desired = _desired(parameters["files"], gateways)
    plan = change.plan(manifest.BASE, desired, options, check_mode)
    clear = parameters["state"] == "absent" and bool(_own_state())
    result = change.carry_out(plan, check_mode)
    if clear:
        result["changed"] = True
        if not check_mode:
            _clear_state()
    result.update(change.skipped_because(parameters, chosen))
    recommended = None
    if options.get(EVERY) == "auto":
        try:
            recommended = _recommended(gateways)
        except GuardError as exc:
            # It may be a file of a role that comes later in the play, and writes it anew.
            notes.append("%s: auto: there are no recommendations: %s" % (EVERY, exc))
    return dict(
        result,
        gateways=[_described(gateway, recommended) for gateway in gateways],
        memory=proc.host_memory(),
        psutil=checks.has_psutil(),
        jemalloc=checks.has_jemalloc(),
        package_manager=_package_manager(),
        notes=notes,
        faults=chosen.faults,
    )


def _desired(listed: list[dict[str, str]], gateways: list[discovery.Gateway]) -> DesiredState:
    """The program, and ``listed`` files with what belongs to each gateway filled in."""
    if not gateways:
        return DesiredState({}, [])
    built = program.installed(plans.present(config.PROGRAM)[0])
    rest = of_files(per_gateway.filled(listed, gateways))
    return DesiredState(dict(rest.files, **{config.PROGRAM: File(built, 0o755)}), [])


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
    """Remove the guard's own state. GuardError if a restart is under way, which needs it."""
    own = _own_state()
    locks = [path for path in own if os.path.lexists(os.path.join(path, handover.LOCK))]
    with handover.all_locked(locks, LOCK_SECONDS) as busy:
        if busy:
            raise GuardError(
                "a restart of %s is under way, and its drain marker must be removed by it; all but "
                "%s is removed: run this again when the restart has ended"
                % (", ".join(busy), config.STATE)
            )
        for path in own:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
    files.remove_if_empty(config.STATE)


def _package_manager() -> str:
    apt = os.path.exists("/usr/bin/apt-get") and os.path.isdir("/var/lib/dpkg")
    return "apt" if apt else "auto"
