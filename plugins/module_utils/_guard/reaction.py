# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watchdog does about a gateway that should be restarted: ask for that, or alert."""

from __future__ import annotations

from .._host import systemd
from .._host.errors import SystemdError
from . import handover, ledger, limits, managed, notify, policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .config import Settings
    from .managed import ManagedGateway


def react(settings: Settings, row: dict[str, Any], code: str, reason: str) -> str | None:
    """What was done about the gateway of sample ``row``, or None if that run of it is over.

    ``code`` is a word for the ledger, ``reason`` a sentence for people.
    """
    # What is done from here on is decided by systemd's word of this moment.
    gateway = managed.find(settings)
    if (
        gateway is None
        or gateway.problem
        or gateway.pid != row["pid"]
        or gateway.active_state != "active"
    ):
        return None
    if settings.action == "alert":
        return _alert(gateway, row, code, reason)
    refused = policy.refusal(gateway, "watchdog")
    if refused is None:
        urgent = code == "frozen" or limits.emergency(gateway, row) is not None
        return _ask(gateway, row, reason, urgent)
    code, refusal = refused
    if code == "daily-cap":
        return _alert(gateway, row, code, "%s; %s" % (reason, refusal))
    ledger.write(
        settings.folder,
        "refused",
        code,
        refusal,
        trigger="watchdog",
        asked=reason,
        invocation_id=gateway.invocation_id,
    )
    return "%s, but no restart: %s" % (reason, refusal)


def _ask(gateway: ManagedGateway, row: dict[str, Any], reason: str, urgent: bool) -> str:
    """Start the restart unit and do not wait for it.

    The other gateways are sampled while this one waits for a quiet moment.
    """
    settings = gateway.settings
    waiting = handover.busy(settings)
    if urgent or not waiting:
        try:
            handover.request(gateway, reason, urgent)
        except OSError:
            # A full disk: the arbiter then takes it for a scheduled restart, which is better than
            # none.
            pass
    if waiting:
        return "%s: a restart is under way" % reason
    try:
        systemd.Manager().call("start", "--no-block", settings.restart_unit)
    except SystemdError as exc:
        text = "%s; the restart could not be asked for: %s" % (reason, exc)
        return _alert(gateway, row, "no-unit", text)
    notify.send(settings, "restart", reason, row)
    return "%s: a restart is asked for" % reason


def _alert(gateway: ManagedGateway, row: dict[str, Any], code: str, reason: str) -> str:
    """Raise the alarm once for each run of the gateway: when the ledger takes it as new."""
    settings = gateway.settings
    try:
        entry = ledger.write(
            settings.folder,
            "alert",
            code,
            reason,
            trigger="watchdog",
            invocation_id=gateway.invocation_id,
            before=row,
        )
    except OSError:
        # Better told twice than not at all.
        notify.send(settings, "alert", reason, row)
        raise
    if entry.get("new"):
        notify.send(settings, "alert", reason, row)
    return "ALERT: " + reason
