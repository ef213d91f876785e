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
# What the environment has of the message: HERMES_GUARD_EVENT and so on.
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
    """Run ``notify_command``, if there is one; why it did not work, or None.

    A notifier that fails never stops the watchdog.

    ``entry`` has ``event`` (a word of docs/notify.md), ``code``, ``reason``, ``time`` and
    ``sample``. The command gets those of IN_ENVIRONMENT, as HERMES_GUARD_EVENT and so on, and
    HERMES_GUARD_SECRET_FILE. "bytes" is resident memory and swap of the whole tree.
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
        # Its words may hold a token: only what kind of fault it is.
        return "cannot be run (%s)" % (exc if isinstance(exc, ValueError) else _reason(exc))
    return None if done.rc == 0 else "ended with %d" % done.rc


def problem(settings: Settings) -> str | None:
    """Why the notify command cannot work, or None; it is not run. Its words are not quoted."""
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


def _message(settings: Settings, entry: dict[str, Any]) -> dict[str, Any]:
    """What the command is told, as one JSON object."""
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
    """The same for the environment; what is not known is empty."""
    variables = {
        "HERMES_GUARD_" + name.upper(): "" if message[name] is None else str(message[name])
        for name in IN_ENVIRONMENT
    }
    return dict(variables, HERMES_GUARD_SECRET_FILE=guard_program.NOTIFY_SECRET)
