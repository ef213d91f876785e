# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hermes's drain marker, which makes a gateway finish its turns and take no new ones.

Hermes 0.18.2 and later know it: whether the installed one does, it says itself, for its version may
be unknown. A marker that is left behind wedges the gateway, so whoever writes
it removes it again; what a killed arbiter left is removed by the unit's ExecStopPost and by the
next check. It is written and removed as the gateway's user, outside of the sandbox of our units.
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
# A home that takes longer to remove a file from is on a disk or a server that hangs.
REMOVE_SECONDS = 10
# Run by Hermes's own Python. If Hermes can, it does not announce the end of the process to the home
# channel: the users who are concerned have had their answers.
_WRITE = """
import inspect, pathlib, sys
from gateway.drain_control import write_drain_request as write
known = inspect.signature(write).parameters
quiet = {"suppress_notification": True} if "suppress_notification" in known else {}
write(principal=sys.argv[2], home=pathlib.Path(sys.argv[1]), **quiet)
"""


def write(gateway: Gateway) -> bool:
    """Ask the gateway to drain, through Hermes's own code; False if someone else drains it.

    False too if that did not work: an older Hermes has no such code.
    """
    # Not at the top, like confined below: a check that has nothing to do needs neither.
    from . import client

    if foreign(gateway):
        return False
    try:
        done = client.run_python(gateway, ["-c", _WRITE, gateway.home, PRINCIPAL], timeout=60)
    except RunError:
        return False
    return done.rc == 0 and ours(gateway)


def ours(gateway: Gateway) -> bool:
    """Whether the home has a marker of ours. Another's is left alone: the dashboard's, say."""
    content = _marker(gateway)
    return content is not None and content.get("principal") == PRINCIPAL


def age(gateway: Gateway) -> float | None:
    """How many seconds ago our marker was written; None if the home has none.

    By the wall clock, so a clock that was set makes it negative.
    """
    try:
        written = os.lstat(os.path.join(gateway.home, NAME)).st_mtime
    except OSError:
        return None
    return time.time() - written if ours(gateway) else None


def foreign(gateway: Gateway) -> bool:
    """Whether someone else drains the gateway."""
    content = _marker(gateway)
    return content is not None and content.get("principal") != PRINCIPAL


def _marker(gateway: Gateway) -> dict[str, Any] | None:
    try:
        return files.read_json(os.path.join(gateway.home, NAME), owners={gateway.uid})
    except FileError:
        return None


def remove(gateway: Gateway) -> bool:
    """Remove our marker, if there is one; whether there was. RunError if it cannot be removed."""
    if not ours(gateway):
        return False
    from .._host import confined

    path = os.path.join(gateway.home, NAME)
    done = confined.run(["rm", "-f", "--", path], gateway.account, timeout=REMOVE_SECONDS)
    if done.rc != 0:
        raise RunError(
            "the drain marker in %s cannot be removed: %s" % (gateway.home, done.err.strip())
        )
    return True
