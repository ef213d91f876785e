# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watchdog does about a gateway that should be restarted: ask for that, or alert."""

from __future__ import annotations

from .._host import display, systemd
from .._host.errors import SystemdError
from . import alarms, handover, ledger, limits, managed, policy, suspension

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .managed import ManagedGateway

# Seconds for an answer of systemd: the other gateways wait meanwhile.
ANSWER_SECONDS = 10
# A restart that is under way for so much longer than it may wait for a quiet moment hangs.
STUCK_SECONDS = 1800


def react(seen: ManagedGateway, row: dict[str, Any], code: str, reason: str) -> str | None:
    """What was done about the gateway of sample ``row``, or None if that run of it is over.

    ``seen`` is the gateway as it was sampled, ``code`` a word for the ledger, ``reason`` a sentence
    for people. SystemdError, after an alert, if systemd cannot be asked for a restart.
    """
    settings = seen.settings
    if settings.action == "alert":
        return alarms.alert(seen, row, code, reason)
    suspended = suspension.of_watchdog(settings.folder)
    if suspended is not None:
        return alarms.alert(seen, row, code, "%s; %s" % (reason, suspended.sentence()))
    if seen.problem:
        text = "%s, but it is not restarted: %s" % (reason, seen.problem)
        return alarms.alert(seen, row, "unsafe", text)
    # What is done from here on is decided by systemd's word of this moment.
    try:
        gateway = managed.find(settings, ANSWER_SECONDS)
    except SystemdError as exc:
        text = "%s, and it cannot be restarted, as systemd does not answer: %s" % (reason, exc)
        raise SystemdError(alarms.alert(seen, row, "unanswered", text)) from exc
    if gateway is None or gateway.pid != row["pid"] or gateway.active_state != "active":
        return None
    # The home has just been looked at.
    gateway.problem = None
    return _restart(gateway, row, code, reason)


def _restart(gateway: ManagedGateway, row: dict[str, Any], code: str, reason: str) -> str:
    """Ask for a restart, unless the policy refuses it."""
    settings = gateway.settings
    refused = policy.refusal(gateway, "watchdog")
    if refused is None:
        limit = limits.kernel_limit(gateway)
        urgent = code == "frozen" or limits.emergency(gateway, row, limit) is not None
        return _ask(gateway, row, reason, urgent)
    code, refusal = refused
    if code == "daily-cap":
        return alarms.alert(gateway, row, code, "%s; %s" % (reason, refusal))
    ledger.write(
        settings.folder,
        "refused",
        code,
        refusal,
        trigger="watchdog",
        asked=reason,
        invocation_id=gateway.invocation_id,
    )
    text = "%s, but no restart: %s" % (reason, refusal)
    if limits.is_near(gateway, row):
        return alarms.alert(gateway, row, alarms.NEAR, text)
    return text


def _ask(gateway: ManagedGateway, row: dict[str, Any], reason: str, urgent: bool) -> str:
    """Start the restart unit and do not wait for it.

    The other gateways are sampled while this one waits for a quiet moment.
    """
    settings = gateway.settings
    waiting = handover.busy_seconds(settings)
    if urgent or waiting is None:
        try:
            handover.request(gateway, reason, urgent)
        except OSError:
            # A full disk: the arbiter then takes it for a scheduled restart, which is better than
            # none.
            pass
    if waiting is not None:
        if waiting < settings.wait_idle + STUCK_SECONDS:
            return "%s: a restart is under way" % reason
        text = "%s; a restart has been under way for %s, which is too long: was it stopped?"
        return alarms.alert(gateway, row, "stuck", text % (reason, display.span(waiting)))
    try:
        systemd.Manager(timeout=ANSWER_SECONDS).call("start", "--no-block", settings.restart_unit)
    except SystemdError as exc:
        text = "%s; the restart could not be asked for: %s" % (reason, exc)
        return alarms.alert(gateway, row, "no-unit", text)
    alarms.put(settings, "restart", code="asked", reason=reason, row=row)
    return "%s: a restart is asked for" % reason
