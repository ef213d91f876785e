# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which gateways of a host are managed: those that are named, or all that systemd runs."""

from __future__ import annotations

from .._guard import config
from .._hermes import discovery
from .._host.errors import GuardError, SettingError

OPTION = "hermes_guard_gateways"


def select(names: list[str]) -> tuple[list[discovery.Gateway], list[str]]:
    """The gateways to manage, sorted by name, and notes for the operator.

    GuardError for a name that does not exist, or for a home that is not safe. A gateway that is
    managed stays so while its home is not safe, as when a disk is not mounted: check and arbiter
    leave it alone until it is.
    """
    found = discovery.find_gateways()
    units = {gateway.name: gateway for gateway in found if gateway.scope != "manual"}
    for name in names:
        if name not in units:
            manual = name in {gateway.name for gateway in found}
            why = (
                "is run by hand, so that nothing can restart it"
                if manual
                else "is no gateway of this host"
            )
            there = ", ".join(sorted(units)) or "none, there is no gateway"
            raise GuardError("%s: %r %s; allowed here: %s" % (OPTION, name, why, there))
    chosen = [units[name] for name in set(names)]
    unsafe: list[discovery.Gateway] = []
    if not names:
        chosen, unsafe = discovery.without_unsafe(list(units.values()))
    for gateway in chosen:
        if gateway.problem:
            raise GuardError(
                "%s: %r cannot be guarded: %s; allowed: a home that belongs to the gateway's user"
                % (OPTION, gateway.name, gateway.problem)
            )
    kept, notes = _keep_managed(unsafe)
    return sorted(chosen + kept, key=lambda gateway: gateway.name), notes


def _keep_managed(unsafe: list[discovery.Gateway]) -> tuple[list[discovery.Gateway], list[str]]:
    """Those of ``unsafe`` that are managed already, as configured, and a note on each."""
    known = _configured() if unsafe else {}
    kept, notes = [], []
    for gateway in unsafe:
        if gateway.name in known:
            gateway.home, gateway.python = known[gateway.name].home, known[gateway.name].python
            kept.append(gateway)
        outcome = "stays guarded as it was" if gateway.name in known else "is left out"
        notes.append("%s %s: %s" % (gateway.name, outcome, gateway.problem))
    return kept, notes


def _configured() -> dict[str, config.Settings]:
    try:
        return config.load(config.FOLDER)
    except SettingError:
        # It cannot be read, and is about to be written anew.
        return {}
