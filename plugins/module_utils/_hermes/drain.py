# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hermes's drain marker, with which a gateway finishes its turns and accepts no new ones.

Hermes 0.18.2 and later support it. The installed Hermes itself is tried, because its version may be
unknown. A stale marker blocks the gateway, so the writer always removes it; the unit's ExecStopPost
and the next check remove the marker of a killed arbiter. The marker is written and removed as the
gateway's user, outside the sandbox of our units.
"""

from __future__ import annotations

import os
import time

from .._host import files
from .._host.errors import FileError, RunError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .discovery import Gateway

NAME = ".drain_request.json"
PRINCIPAL = "hermes-guard"
# Seconds. If removing a file takes longer, the disk or server of the home hangs.
REMOVE_SECONDS = 10
# Run by Hermes's own Python. If supported, it suppresses the announcement in the home channel: the
# users concerned have received their answers.
_WRITE = """
import inspect, pathlib, sys
from gateway.drain_control import write_drain_request as write
known = inspect.signature(write).parameters
quiet = {"suppress_notification": True} if "suppress_notification" in known else {}
write(principal=sys.argv[2], home=pathlib.Path(sys.argv[1]), **quiet)
"""


def write(gateway: Gateway) -> bool:
    """Ask the gateway to drain, through Hermes's own code.

    Returns False if another client drains it, or if Hermes is too old to have this code.
    """
    # Not at the top, like confined below: a check without work to do needs neither.
    from . import client

    if foreign(gateway):
        return False
    try:
        done = client.run_python(gateway, ["-c", _WRITE, gateway.home, PRINCIPAL], timeout=60)
    except RunError:
        return False
    return done.rc == 0 and ours(gateway)


def ours(gateway: Gateway) -> bool:
    """Whether the guard wrote the marker in the home; another client's is never touched."""
    content = _marker(gateway)
    return content is not None and content.get("principal") == PRINCIPAL


def age(gateway: Gateway) -> float | None:
    """Seconds since the guard wrote its marker; None if the home has none.

    Uses the wall clock, so the value can be negative after a clock change.
    """
    try:
        written = os.lstat(os.path.join(gateway.home, NAME)).st_mtime
    except OSError:
        return None
    return time.time() - written if ours(gateway) else None


def foreign(gateway: Gateway) -> bool:
    """Whether another client drains the gateway."""
    content = _marker(gateway)
    return content is not None and content.get("principal") != PRINCIPAL


def _marker(gateway: Gateway) -> dict[str, Any] | None:
    try:
        return files.read_json(os.path.join(gateway.home, NAME), owners={gateway.uid})
    except FileError:
        return None


def remove(gateway: Gateway) -> bool:
    """Remove the guard's marker; return whether it existed. Raises RunError if removal fails."""
    if not ours(gateway):
        return False
    from .._host import confined

    path = os.path.join(gateway.home, NAME)
    done = confined.run(["rm", "-f", "--", path], gateway.account, timeout=REMOVE_SECONDS)
    if done.rc != 0:
        raise RunError(
            "cannot remove the drain marker in %s: %s" % (gateway.home, done.err.strip())
        )
    return True
