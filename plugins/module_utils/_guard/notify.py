# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notifies a person by running the operator's command, without a shell.

The command gets the data in its environment and as one JSON object on standard input.
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

# Seconds for one call of the notify command, which usually sends a message over the network.
TIMEOUT = 30
# Keys of the message that are also in the environment: HERMES_GUARD_EVENT and so on.
IN_ENVIRONMENT = (
    "event",
    "code",
    "gateway",
    "host",
    "reason",
    "bytes",
    "rss_bytes",
    "threshold_bytes",
)


def send(settings: Settings, entry: dict[str, Any]) -> str | None:
    """Run ``notify_command`` if it is set; returns why it failed, or None.

    A failing command never stops the watchdog. ``entry`` has ``event`` (see docs/notify.md),
    ``code``, ``reason``, ``time`` and ``sample``. The environment contains IN_ENVIRONMENT, as
    HERMES_GUARD_EVENT and so on, and HERMES_GUARD_SECRET_FILE. "bytes" is resident memory and swap
    of the whole process tree.
    """
    if not settings.notify_command:
        return None
    import shlex

    message = _message(settings, entry)
    text = json.dumps(message, sort_keys=True) + "\n"
    try:
        words = shlex.split(settings.notify_command)
        done = command.run(words, env=_variables(message), stdin=text, timeout=TIMEOUT)
    except (RunError, ValueError) as exc:
        # The command line may contain a token, so report only the kind of error.
        return "cannot be run (%s)" % (exc if isinstance(exc, ValueError) else _reason(exc))
    return None if done.rc == 0 else "failed (exit code %d)" % done.rc


def problem(settings: Settings) -> str | None:
    """Why the notify command cannot work, or None. Does not run it or quote its words."""
    if not settings.notify_command:
        return None
    import shlex
    import shutil

    try:
        words = shlex.split(settings.notify_command)
    except ValueError as exc:
        return "cannot be run (%s)" % exc
    if not words or shutil.which(words[0]) is None:
        return "cannot be run (no such program)"
    return None


def test(every: Iterable[Settings]) -> tuple[list[str], bool]:
    """Send a test message with the notify command of each gateway: (lines, whether all worked).

    A command shared by several gateways is run once.
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
        reason = "test of the notify command of %s on %s: no action is needed"
        reason %= (settings.name, os.uname().nodename)
        entry = {"event": "test", "code": "test", "reason": reason, "time": time.time()}
        problem = send(settings, dict(entry, sample=None))
        good = good and problem is None
        lines.append("%s: the notify command %s" % (settings.name, problem or "succeeded"))
    return lines or ["no gateway is configured on this host"], good and bool(tried)


def _reason(exc: RunError) -> str:
    text = str(exc)
    return "it did not end within %d s" % TIMEOUT if "did not end" in text else "no such program"


def _message(settings: Settings, entry: dict[str, Any]) -> dict[str, Any]:
    """The message for the command, as one JSON object."""
    row = entry.get("sample")
    return {
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
    }


def _variables(message: dict[str, Any]) -> dict[str, str]:
    """The environment variables of the message; unknown values are empty."""
    variables = {
        "HERMES_GUARD_" + name.upper(): "" if message[name] is None else str(message[name])
        for name in IN_ENVIRONMENT
    }
    return dict(variables, HERMES_GUARD_SECRET_FILE=guard_program.NOTIFY_SECRET)
