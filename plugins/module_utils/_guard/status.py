# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports the status of the configured gateways of this host and lists its unmanaged ones.

Memory and state are current; the rest comes from the guard's records: next timers, last restart and
its reason. Sizes are in bytes, times in epoch seconds; unknown values are None.
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
    pending,
    sampling,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from .config import Settings
    from .managed import ManagedGateway

# The keys that known() returns for each gateway, besides the version of the last sample.
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
# Ledger entries to read. Two restarts are few entries apart: repeated entries are not written.
_LOOK_BACK = 200


def status(every: list[Settings]) -> dict[str, Any]:
    """The status of the gateways ``every`` and their host, ready for JSON."""
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
    """The gateways by name, why others cannot be queried (by name), and the names of inactive ones.

    If systemd cannot be queried, a process that a check has seen may still be running.
    """
    silent = {
        one.name: "only root and %s can query the systemd manager of %s" % (one.user, one.user)
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
        # Its user no longer exists: no query is needed.
        return True


def _not_managed(survey: discovery.Survey, managed: Collection[tuple[str, str]]) -> list[Any]:
    """The gateways of the host that are not in ``managed``, which has (name, scope) pairs."""
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
    """The guard's records of each gateway in ``every``, running or not, by name.

    The keys are KNOWN and ``version``, the version in the last sample.
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
    end = next_restart.suspended(settings)
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
    """The status of one gateway; ``gateway`` is None if its unit is gone."""
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
        "restart_needed": pending.restart(live) if live else None,
        "pid": live.pid if live else None,
        "invocation_id": live.invocation_id if live else None,
        "uptime_seconds": None if uptime is None else int(uptime),
        "sample": row,
        "footprint_bytes": sampling.footprint(row) if row else None,
        "workers": [worker._asdict() for worker in workers.of(live)] if live else [],
    }
    answer.update(down.added_to(known, gateway, settings))
    if row:
        answer["version"] = row.get("version")
    return answer


def _problem(gateway: ManagedGateway | None, said: dict[str, Any]) -> str | None:
    if gateway is None or gateway.problem:
        return None if gateway is None else gateway.problem
    # Only root may read every home, so this is not a problem of the gateway.
    return said["problem"] if os.geteuid() == 0 else None


def _state(gateway: ManagedGateway | None, said: dict[str, Any]) -> str:
    """The state that Hermes reports while it runs, else systemd's state of the unit."""
    if gateway is None:
        return GONE
    if gateway.pid is None:
        return gateway.active_state
    return said["state"] or gateway.active_state
