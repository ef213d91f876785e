# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to say of every configured gateway of this host: memory, state, next timers, last restart and why."""

from __future__ import annotations

from .._hermes import discovery, state_file
from .._host import proc, timers
from . import history, ledger, sampling, suspension

WATCHDOG = timers.WATCHDOG


def status(every):
    """The state of the gateways of ``every`` (list of Settings): a dict, ready for JSON; sizes in bytes, times in epoch seconds."""
    elapse = timers.next_elapse(
        [WATCHDOG] + [settings.name + "-restart.timer" for settings in every]
    )
    now = discovery.refresh(every)
    return {
        "host": proc.host_memory(),
        "next_check": elapse[WATCHDOG],
        "gateways": [
            _one(settings, now.get(settings.name), elapse[settings.name + "-restart.timer"])
            for settings in every
        ],
    }


def _one(settings, gateway, next_restart):
    running = gateway is not None and gateway.pid is not None
    row = sampling.take(gateway, settings) if running and not gateway.problem else None
    last = (history.tail(settings.folder, 1) or [None])[-1]
    restarts = [
        entry
        for entry in ledger.read(settings.folder, 200)
        if entry.get("event") in ("restart", "failed")
    ]
    decisions = ledger.read(settings.folder, 1)
    return {
        "name": settings.name,
        "unit": settings.unit,
        "scope": settings.scope,
        "user": settings.user,
        "home": settings.home,
        "state": "gone"
        if gateway is None
        else (state_file.runtime(gateway)["state"] or gateway.active_state)
        if running
        else gateway.active_state,
        "problem": None if gateway is None else gateway.problem,
        "pid": gateway.pid if running else None,
        "invocation_id": gateway.invocation_id if running else None,
        "uptime_seconds": int(gateway.uptime_seconds)
        if running and gateway.uptime_seconds is not None
        else None,
        "version": (row or last or {}).get("version"),
        "sample": row,
        "footprint_bytes": sampling.footprint(row) if row else None,
        "threshold_bytes": settings.threshold,
        "action": settings.action if settings.threshold is not None else None,
        "last_sample": last["timestamp"] if last else None,
        "next_restart": next_restart,
        "suspended_until": suspension.until(settings.folder),
        "last_restart": restarts[-1] if restarts else None,
        "last_decision": decisions[-1] if decisions else None,
    }
