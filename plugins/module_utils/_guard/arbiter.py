# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arbiter: the only code that restarts a gateway.

It takes the gateway's lock, refuses a restart that is not allowed (policy.py), or restarts the
gateway (restart.py). Each case adds an entry to the ledger. docs/restart.md explains the steps.
"""

from __future__ import annotations

import os

from .._host.errors import SystemdError
from . import handover, ledger, managed, policy
from .restart import Restart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .config import Settings

# A check that removes a marker holds the lock for a moment. A scheduled restart must not be skipped
# because of that.
LOCK_SECONDS = 3


def restart(
    settings: Settings,
    reason: str,
    trigger: str = "operator",
    emergency: bool = False,
    say: Callable[[str], object] | None = None,
) -> dict[str, Any]:
    """Restart one gateway, or refuse to, and return the entry of the ledger.

    Its ``event`` is restart, refused or failed. Each step calls ``say`` with a sentence.
    """
    os.makedirs(settings.folder, mode=0o755, exist_ok=True)
    with handover.locked(settings, LOCK_SECONDS) as ours:
        if not ours and not os.path.isdir(settings.folder):
            # Writing to the ledger would create the directory again.
            return ledger.entry("refused", "gone", "the guard has just been removed")
        if not ours:
            busy = ("busy", "another restart of this gateway is in progress")
            return ledger.note(settings.folder, "refused", *busy, trigger=trigger, asked=reason)
        try:
            gateway = managed.find(settings)
        except SystemdError as exc:
            why = ("unanswered", "systemd does not answer: %s" % exc)
            return ledger.note(settings.folder, "refused", *why, trigger=trigger, asked=reason)
        asked = handover.take_request(settings, gateway) if trigger == "timer" else None
        if asked is not None:
            trigger, reason, emergency = "watchdog", asked["reason"], bool(asked.get("emergency"))
        refused = policy.refusal(gateway, trigger)
        if gateway is None or refused is not None:
            return ledger.note(
                settings.folder,
                "refused",
                *(refused or policy.GONE),
                trigger=trigger,
                asked=reason,
                invocation_id=gateway.invocation_id if gateway else None,
            )
        return Restart(gateway, reason, trigger, emergency, say or _say_nothing).run()


def _say_nothing(_text: str) -> None:
    pass
