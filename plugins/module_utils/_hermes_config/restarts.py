# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the arbiter to restart the gateways that need a restart to use new settings."""

from __future__ import annotations

import os

from .._host import guard_program, systemd
from .._host.errors import GuardError


def to_ask_for(names: list[str], mode: str, check_mode: bool) -> list[str]:
    """The ``names`` whose restart is not in progress yet; ``mode`` is the option restart.

    Raises GuardError if hermes_guard is not installed, except in check mode: the role may be
    earlier in the play.
    """
    if not names or mode == "never":
        return []
    if mode == "now" and not check_mode and not os.access(guard_program.PROGRAM, os.X_OK):
        raise _not_installed(mode, guard_program.PROGRAM)
    units = {name: guard_program.restart_unit(name) for name in names}
    shown = systemd.Manager().show(list(units.values()), ["Id", "LoadState", "ActiveState"])
    states = {block.get("Id"): block for block in shown}
    for unit in [] if check_mode else units.values():
        if mode == "when_idle" and states.get(unit, {}).get("LoadState") != "loaded":
            raise _not_installed(mode, unit)
    return [
        name
        for name, unit in units.items()
        if states.get(unit, {}).get("ActiveState") not in ("activating", "active")
    ]


def _not_installed(mode: str, what: str) -> GuardError:
    return GuardError(
        "restart is %s, but %s is not installed: apply the role hermes_guard first,"
        " or use restart: never" % (mode, what)
    )


def ask_for(name: str, mode: str) -> None:
    """Ask the arbiter for a restart; in ``mode`` "now", wait, and raise GuardError if it fails."""
    if mode == "when_idle":
        systemd.Manager().call("start", "--no-block", "--", guard_program.restart_unit(name))
        return
    try:
        entry = guard_program.restart(name, "hermes_config", emergency=True)
    except GuardError as exc:
        raise _not_restarted(name, str(exc)) from exc
    if entry["event"] != "restart":
        raise _not_restarted(name, entry["reason"])


def _not_restarted(name: str, why: str) -> GuardError:
    return GuardError("gateway %s was configured, but not restarted: %s" % (name, why[:500]))
