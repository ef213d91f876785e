# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling a person: the operator's own command, run without a shell, figures in its environment."""

from __future__ import annotations

from .._host import command
from .._host.errors import RunError
from . import sampling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .config import Settings


def send(settings: Settings, event: str, reason: str, row: dict[str, Any] | None) -> bool:
    """Run ``notify_command`` if there is one; True if it ended well.

    A notifier that fails never stops the watchdog.

    It gets HERMES_GUARD_EVENT (restart, alert, failed), HERMES_GUARD_GATEWAY, HERMES_GUARD_REASON,
    HERMES_GUARD_BYTES (resident memory and swap of the whole tree), HERMES_GUARD_RSS_BYTES and
    HERMES_GUARD_THRESHOLD_BYTES.
    """
    if not settings.notify_command:
        return False
    import shlex

    variables = {
        "HERMES_GUARD_EVENT": event,
        "HERMES_GUARD_GATEWAY": settings.name,
        "HERMES_GUARD_REASON": reason,
        "HERMES_GUARD_BYTES": str(sampling.footprint(row)) if row else "",
        "HERMES_GUARD_RSS_BYTES": str(row["rss_bytes"]) if row else "",
        "HERMES_GUARD_THRESHOLD_BYTES": str(settings.threshold or ""),
    }
    try:
        return command.run(shlex.split(settings.notify_command), env=variables, timeout=30).rc == 0
    except (RunError, ValueError):
        return False
