# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests a restart, or raises an alert, for a gateway that should be restarted."""

from __future__ import annotations

from .._host import display, systemd
from .._host.errors import SystemdError
from . import alarms, handover, ledger, limits, managed, policy, suspension

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .managed import ManagedGateway

# Seconds for an answer of systemd; the other gateways wait meanwhile.
ANSWER_SECONDS = 10
# A restart hangs if it takes this many seconds longer than it may wait until idle.
STUCK_SECONDS = 1800


def react(seen: ManagedGateway, row: dict[str, Any], code: str, reason: str) -> str | None:
    """The action for the gateway of sample ``row``, as a sentence; None if that run has ended.

    ``seen`` is the gateway as sampled, ``code`` the ledger code, ``reason`` a sentence for
    operators. Raises SystemdError, after an alert, if systemd does not answer.
    """
    settings = seen.settings
    if settings.action == "alert":
        return alarms.alert(seen, row, code, reason)
    suspended = suspension.of_watchdog(settings.folder)
    if suspended is not None:
        return alarms.alert(seen, row, code, "%s; %s" % (reason, suspended.sentence()))
    if seen.problem:
        text = "%s; it is not restarted: %s" % (reason, seen.problem)
        return alarms.alert(seen, row, "unsafe", text)
    # From here on, the current answer of systemd decides.
    try:
        gateway = managed.find(settings, ANSWER_SECONDS)
    except SystemdError as exc:
        text = "%s; it cannot be restarted because systemd does not answer: %s" % (reason, exc)
        raise SystemdError(alarms.alert(seen, row, "unanswered", text)) from exc
    if gateway is None or gateway.pid != row["pid"] or gateway.active_state != "active":
        return None
    # The home has just been checked.
    gateway.problem = None
    return _restart(gateway, row, code, reason)


def _restart(gateway: ManagedGateway, row: dict[str, Any], code: str, reason: str) -> str:
    """Request a restart, unless the policy refuses it."""
    settings = gateway.settings
    refused = policy.refusal(gateway, "watchdog")
    if refused is None:
        limit = limits.kernel_limit(gateway)
        urgent = code == "frozen" or limits.emergency(gateway, row, limit) is not None
        return _ask(gateway, row, reason, urgent)
    code, refusal = refused
    if code == "daily-cap":
        return alarms.alert(gateway, row, code, "%s; %s" % (reason, refusal))
    ledger.note(
        settings.folder,
        "refused",
        code,
        refusal,
        trigger="watchdog",
        asked=reason,
        invocation_id=gateway.invocation_id,
    )
    text = "%s; the restart was refused: %s" % (reason, refusal)
    if limits.is_near(gateway, row):
        return alarms.alert(gateway, row, alarms.NEAR, text)
    return text


def _ask(gateway: ManagedGateway, row: dict[str, Any], reason: str, urgent: bool) -> str:
    """Start the restart unit without waiting for it.

    The other gateways are sampled while this one waits until idle.
    """
    settings = gateway.settings
    waiting = handover.busy_seconds(settings)
    if urgent or waiting is None:
        try:
            handover.request(gateway, reason, urgent)
        except OSError:
            # A full disk: the arbiter then treats it as a calendar restart, which is better than
            # no restart.
            pass
    if waiting is not None:
        if waiting < settings.wait_idle + STUCK_SECONDS:
            return "%s: a restart is under way" % reason
        text = "%s; a restart has been under way for %s, which is too long: it may be paused"
        return alarms.alert(gateway, row, "stuck", text % (reason, display.span(waiting)))
    try:
        systemd.Manager(timeout=ANSWER_SECONDS).call("start", "--no-block", settings.restart_unit)
    except SystemdError as exc:
        text = "%s; the restart could not be requested: %s" % (reason, exc)
        return alarms.alert(gateway, row, "no-unit", text)
    alarms.put(settings, "restart", code="asked", reason=reason, row=row)
    return "%s: a restart was requested" % reason
