# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling a person: the operator's own command, run without a shell.

It finds the figures in its environment, and as one JSON object on its standard input.
"""

from __future__ import annotations

import json
import os
import time

from .._host import command, guard_program
from .._host.errors import RunError
from . import sampling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .config import Settings

TIMEOUT = 30


def send(settings: Settings, entry: dict[str, Any]) -> str | None:
    """Run ``notify_command``, if there is one; why it did not work, or None.

    A notifier that fails never stops the watchdog.

    ``entry`` has ``event`` (restart, alert, resolved, failed, test), ``code``, ``reason``, ``time``
    and ``sample``. The command gets HERMES_GUARD_EVENT, HERMES_GUARD_GATEWAY, HERMES_GUARD_REASON,
    HERMES_GUARD_BYTES (resident memory and swap of the whole tree), HERMES_GUARD_RSS_BYTES,
    HERMES_GUARD_THRESHOLD_BYTES, HERMES_GUARD_HOST and HERMES_GUARD_SECRET_FILE.
    """
    if not settings.notify_command:
        return None
    import shlex

    try:
        words = shlex.split(settings.notify_command)
        done = command.run(
            words, env=_variables(settings, entry), stdin=_text(settings, entry), timeout=TIMEOUT
        )
    except (RunError, ValueError) as exc:
        # Its words may hold a token: only what kind of fault it is.
        return "cannot be run (%s)" % (exc if isinstance(exc, ValueError) else _reason(exc))
    return None if done.rc == 0 else "ended with %d" % done.rc


def test(every: Iterable[Settings]) -> tuple[list[str], bool]:
    """Send a test message by the notify command of each gateway: (lines, whether all worked).

    One command that several of them have is tried once.
    """
    tried: dict[str, str] = {}
    lines = []
    good = True
    for settings in every:
        words = settings.notify_command
        if words in tried:
            continue
        tried[words] = settings.name
        if not words:
            lines.append("%s: no notify command is set" % settings.name)
            good = False
            continue
        reason = "a test of the notify command of %s on %s: nothing is wrong"
        reason %= (settings.name, os.uname().nodename)
        entry = {"event": "test", "code": "test", "reason": reason, "time": time.time()}
        problem = send(settings, dict(entry, sample=None))
        good = good and problem is None
        lines.append("%s: the notify command %s" % (settings.name, problem or "ended with 0"))
    return lines or ["no gateway is configured on this host"], good and bool(tried)


def _reason(exc: RunError) -> str:
    text = str(exc)
    return "it did not end within %d s" % TIMEOUT if "did not end" in text else "no such program"


def _variables(settings: Settings, entry: dict[str, Any]) -> dict[str, str]:
    row = entry.get("sample")
    return {
        "HERMES_GUARD_EVENT": str(entry["event"]),
        "HERMES_GUARD_GATEWAY": settings.name,
        "HERMES_GUARD_REASON": str(entry["reason"]),
        "HERMES_GUARD_BYTES": str(sampling.footprint(row)) if row else "",
        "HERMES_GUARD_RSS_BYTES": str(row["rss_bytes"]) if row else "",
        "HERMES_GUARD_THRESHOLD_BYTES": str(settings.threshold or ""),
        "HERMES_GUARD_HOST": os.uname().nodename,
        "HERMES_GUARD_SECRET_FILE": guard_program.NOTIFY_SECRET,
    }


def _text(settings: Settings, entry: dict[str, Any]) -> str:
    row = entry.get("sample")
    return (
        json.dumps(
            {
                "event": entry["event"],
                "code": entry["code"],
                "gateway": settings.name,
                "host": os.uname().nodename,
                "reason": entry["reason"],
                "time": entry["time"],
                "bytes": sampling.footprint(row) if row else None,
                "rss_bytes": row["rss_bytes"] if row else None,
                "threshold_bytes": settings.threshold,
                "sample": row,
            },
            sort_keys=True,
        )
        + "\n"
    )
