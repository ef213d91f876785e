# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything there is to say of the configured gateways of this host, and what else it has.

Their memory and state are as they are now, the rest is what the guard itself knows: next timers,
last restart and why. Sizes are in bytes, times in epoch seconds; what is not known is None.
"""

from __future__ import annotations

import os

from .._hermes import discovery, state_file, workers
from .._host import proc, timers
from .._host.errors import RunError
from . import (
    alarms,
    config,
    down,
    history,
    last_seen,
    ledger,
    managed,
    next_restart,
    sampling,
    suspension,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from .config import Settings
    from .managed import ManagedGateway

# What known() has of each gateway, but for the version of the last sample.
KNOWN = (
    "threshold_bytes",
    "action",
    "last_sample",
    "next_restart",
    "suspended_from",
    "suspended_until",
    "watchdog_suspended",
    "last_restart",
    "last_end",
    "last_decision",
    "alerts",
    "own_settings",
)
# The state of a gateway whose unit does not exist.
GONE = "gone"
# Few entries are between two restarts: one that only repeats the last one is not written again.
_LOOK_BACK = 200


def status(every: list[Settings]) -> dict[str, Any]:
    """The state of the gateways of ``every`` and of their host, ready for JSON."""
    elapse = _next_elapse(every)
    now, silent, asleep = _look(every)
    survey = discovery.survey()
    conflicts = {(one.name, one.scope): one.conflict for one in survey.gateways}
    gateways = [
        _one(settings, now.get(settings.name), _known(settings, elapse)) for settings in every
    ]
    for one in gateways:
        if one["name"] in silent:
            one["problem"] = silent[one["name"]]
            if one["state"] == GONE:
                one["state"] = "unknown"
        elif one["name"] in asleep:
            one["state"] = "inactive"
        one["conflict"] = conflicts.get((one["name"], one["scope"]))
    return {
        "host": proc.host_memory(),
        "next_check": elapse[timers.WATCHDOG],
        "gateways": gateways,
        "not_managed": _not_managed(survey, {(one["name"], one["scope"]) for one in gateways}),
    }


def _look(every: list[Settings]) -> tuple[dict[str, ManagedGateway], dict[str, str], set[str]]:
    """The gateways by name, why others cannot be asked about, and which cannot run now.

    Of one whose systemd cannot be asked, the process that a check has seen may still run.
    """
    silent = {
        one.name: "only root and %s can ask the systemd of %s" % (one.user, one.user)
        for one in every
        if one.scope == "user" and not _may_ask(one)
    }
    seen = discovery.look([one for one in every if one.name not in silent])
    silent.update(seen.silent)
    found = {}
    for one in every:
        if one.name in seen.gateways:
            found[one.name] = managed.ManagedGateway(one, seen.gateways[one.name])
        elif one.name in silent:
            alive = last_seen.alive(one)
            found.update({} if alive is None else {one.name: alive})
    return found, silent, seen.asleep


def _may_ask(settings: Settings) -> bool:
    if os.geteuid() == 0:
        return True
    try:
        return settings.account.pw_uid == os.geteuid()
    except RunError:
        # Its user is gone, which nobody needs to be asked about.
        return True


def _not_managed(survey: discovery.Survey, managed: Collection[tuple[str, str]]) -> list[Any]:
    """What the host has beside the gateways that are ``managed``, by (name, scope)."""
    found = [*survey.gateways, *survey.unresolved, *survey.containers]
    excluded = config.excluded()
    return [
        {
            "excluded": one.name in excluded,
            "name": one.name,
            "unit": one.unit,
            "scope": one.scope,
            "container": one.container,
            "pid": one.pid,
            "problem": one.problem,
            "conflict": one.conflict,
        }
        for one in sorted(found, key=lambda one: one.name)
        if (one.name, one.scope) not in managed
    ]


def known(every: list[Settings]) -> dict[str, dict[str, Any]]:
    """What the guard itself knows of each gateway of ``every``, running or not, by name.

    That is KNOWN, and ``version``, the one of the last sample.
    """
    elapse = _next_elapse(every)
    return {settings.name: _known(settings, elapse) for settings in every}


def _next_elapse(every: list[Settings]) -> dict[str, int | None]:
    return timers.next_elapse([timers.WATCHDOG] + [settings.restart_timer for settings in every])


def _known(settings: Settings, elapse: dict[str, int | None]) -> dict[str, Any]:
    last = (history.tail(settings.folder, 1) or [{}])[-1]
    entries = ledger.read(settings.folder, _LOOK_BACK)
    restarts = [entry for entry in entries if entry.get("event") in ("restart", "failed")]
    ends = [entry for entry in entries if entry.get("event") == ledger.ENDED]
    end = suspension.read(settings.folder)
    return {
        "version": last.get("version"),
        "threshold_bytes": settings.threshold,
        "action": settings.action if settings.threshold is not None else None,
        "last_sample": last.get("timestamp"),
        "next_restart": next_restart.real(settings, elapse[settings.restart_timer], end),
        "suspended_from": end and end.since,
        "suspended_until": end and end.until,
        "watchdog_suspended": end is not None and end.watchdog,
        "last_restart": restarts[-1] if restarts else None,
        "last_end": ends[-1] if ends else None,
        "last_decision": entries[-1] if entries else None,
        "alerts": alarms.listed(settings),
        "own_settings": settings.own,
    }


def _one(
    settings: Settings, gateway: ManagedGateway | None, known: dict[str, Any]
) -> dict[str, Any]:
    """The whole answer for one gateway; ``gateway`` is None if its unit is gone."""
    live = gateway if gateway is not None and gateway.pid is not None else None
    row = sampling.take(live) if live and not live.problem else None
    said = state_file.runtime(gateway) if gateway else state_file.unknown()
    uptime = live.uptime_seconds if live else None
    answer = {
        "name": settings.name,
        "unit": settings.unit,
        "scope": settings.scope,
        "user": settings.user,
        "home": settings.home,
        "state": _state(gateway, said),
        "profiles": state_file.served(gateway, said) if gateway else [],
        "problem": _problem(gateway, said),
        "down": down.sentence(gateway, settings) if gateway and down.is_down(gateway) else None,
        "pid": live.pid if live else None,
        "invocation_id": live.invocation_id if live else None,
        "uptime_seconds": None if uptime is None else int(uptime),
        "sample": row,
        "footprint_bytes": sampling.footprint(row) if row else None,
        "workers": [worker._asdict() for worker in workers.of(live)] if live else [],
    }
    answer.update(known)
    if row:
        answer["version"] = row.get("version")
    return answer


def _problem(gateway: ManagedGateway | None, said: dict[str, Any]) -> str | None:
    if gateway is None or gateway.problem:
        return None if gateway is None else gateway.problem
    # Not everyone may read a home, which is no problem of the gateway.
    return said["problem"] if os.geteuid() == 0 else None


def _state(gateway: ManagedGateway | None, said: dict[str, Any]) -> str:
    """What Hermes says of itself while it runs, else what systemd says of the unit."""
    if gateway is None:
        return GONE
    if gateway.pid is None:
        return gateway.active_state
    return said["state"] or gateway.active_state
