# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A managed gateway that does not run: why, since when, and whether that is a fault.

The guard never starts a gateway: its message says so, and gives the command.
"""

from __future__ import annotations

import time

from .._host import display
from . import alarms, ended, ledger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._hermes.gateway import Gateway
    from .config import Settings
    from .managed import ManagedGateway

CODE = "down"
# Seconds after which a host has started the gateways that it starts by itself.
BOOT_SECONDS = 900
# Values of systemd's ActiveState.
STATES = ("inactive", "failed")
# Between two attempts of systemd: it need not be started manually.
RESTARTING = "systemd is restarting it"
# In place of the alert's own sentence while the gateway runs; the time is watchdog.UP_SECONDS.
RUNS_AGAIN = "it was down and runs again; the first check after two minutes closes the alert"


def is_down(gateway: Gateway | ManagedGateway | None) -> bool:
    """Whether it does not run; a gateway that is starting or stopping is not down."""
    if gateway is None or gateway.active_state in STATES:
        return True
    # In a crash loop, each start fails after a moment.
    return gateway.active_state == "activating" and gateway.sub_state.startswith("auto-restart")


def is_fault(gateway: Gateway | ManagedGateway | None, folder: str) -> bool:
    """Whether a gateway that is down was not stopped on purpose."""
    last = _last(folder)
    code = last.get("code")
    if code in (ended.STOPPED, ended.RESTARTED) and not _is_later(gateway, last):
        return False
    if gateway is not None and gateway.active_state != "inactive":
        return True
    if code == ended.REBOOT:
        return time.clock_gettime(time.CLOCK_BOOTTIME) > BOOT_SECONDS
    return code in (*ended.FAULTS, ended.EXITED, "not-up", "error")


def _is_later(gateway: Gateway | ManagedGateway | None, last: dict[str, Any]) -> bool:
    """Whether a run later than that of ``last`` has ended: one that no check has seen."""
    run = None if gateway is None else gateway.invocation_id
    return bool(run) and run != last.get("invocation_id")


def sentence(gateway: Gateway | ManagedGateway | None, settings: Settings) -> str:
    """The message about a gateway that is down."""
    state = "inactive" if gateway is None else gateway.active_state
    if gateway is not None and gateway.active_state == "activating":
        state = RESTARTING
    last = _last(settings.folder)
    why = "for an unknown reason"
    if last:
        why = "since about %s: %s" % (
            display.utc(last["time"]),
            display.printable(str(last.get("reason")), 300).replace(ended.DOWN, ""),
        )
    text = "it is down (%s), %s" % (state, why)
    if state == RESTARTING:
        return text
    return "%s; the guard never starts a gateway; to start it: systemctl %sstart %s" % (
        text,
        "" if settings.scope == "system" else "--user ",
        settings.unit,
    )


def added_to(
    known: dict[str, Any], gateway: Gateway | ManagedGateway | None, settings: Settings
) -> dict[str, Any]:
    """``known``, see status.known(), and ``down``: the sentence, or None if it is not down.

    The alert of a gateway that runs again is open for a while: its reason says so, because the
    stored one advises to start the gateway.
    """
    if gateway is not None and is_down(gateway):
        return dict(known, down=sentence(gateway, settings))
    alerts = known["alerts"]
    if alerts and gateway is not None and gateway.pid is not None:
        alerts = [dict(one, reason=RUNS_AGAIN) if one["code"] == CODE else one for one in alerts]
    return dict(known, down=None, alerts=alerts)


def alarm(gateway: ManagedGateway) -> str | None:
    """Raise the alert about a gateway that is down, if it is a fault: a line if it is new."""
    settings = gateway.settings
    if CODE in alarms.open_codes(settings) or not is_fault(gateway, settings.folder):
        return None
    return alarms.alert_of(settings, CODE, sentence(gateway, settings), _last_run(settings.folder))


def _last(folder: str) -> dict[str, Any]:
    """The newest entry of the ledger that says how a run ended, or that a restart failed."""
    for one in reversed(ledger.read(folder, 200)):
        if one.get("event") == "restart":
            # The gateway ran again after that.
            return {}
        if one.get("event") in ("failed", ledger.ENDED):
            return one
    return {}


def _last_run(folder: str) -> str | None:
    run = _last(folder).get("invocation_id")
    return run if isinstance(run, str) else None
