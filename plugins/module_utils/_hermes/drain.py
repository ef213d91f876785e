# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hermes's drain marker: while it lies in the home, the gateway finishes its turns and takes no new ones (Hermes 0.18.2 and later).

Left behind it wedges the gateway, so whoever writes it removes it again, and what a killed arbiter left is removed by the unit's
ExecStopPost and by the next check. It is written and removed as the gateway's user.
"""

from __future__ import annotations

import os

from .._host import command, files
from .._host.errors import FileError, RunError
from . import client
from . import version as versions

NAME = ".drain_request.json"
PRINCIPAL = "hermes-guard"
# Where Hermes knows how, it is told not to announce the end of this process to the home channel: whoever is concerned has had a word.
_WRITE = (
    "import inspect, pathlib, sys; from gateway.drain_control import write_drain_request as write; "
    "quiet = {'suppress_notification': True} if 'suppress_notification' in inspect.signature(write).parameters else {}; "
    "write(principal=sys.argv[2], home=pathlib.Path(sys.argv[1]), **quiet)"
)


def supported(version):
    """Whether Hermes ``version`` (str or None) knows the marker: 0.18.2 and later."""
    return (versions.numbers(version) or (0, 0, 0)) >= (0, 18, 2)


def write(gateway):
    """Ask the Gateway to drain, through Hermes's own code; False where that did not work, or somebody else drains it."""
    if foreign(gateway):
        return False
    try:
        done = client.run_python(gateway, ["-c", _WRITE, gateway.home, PRINCIPAL], timeout=60)
    except RunError:
        return False
    return done.rc == 0 and ours(gateway)


def ours(gateway):
    """Whether a marker of ours lies in the home. Another's (the dashboard's, an operator's) is none of our business."""
    content = _marker(gateway)
    return content is not None and content.get("principal") == PRINCIPAL


def foreign(gateway):
    """Whether somebody else drains the Gateway."""
    content = _marker(gateway)
    return content is not None and content.get("principal") != PRINCIPAL


def _marker(gateway):
    try:
        return files.read_json(os.path.join(gateway.home, NAME), owners={gateway.uid})
    except FileError:
        return None


def remove(gateway):
    """Remove our marker where there is one; True where it was there. Raises RunError where it cannot be removed."""
    if not ours(gateway):
        return False
    done = command.run(["rm", "-f", "--", os.path.join(gateway.home, NAME)], user=gateway.account)
    if done.rc != 0:
        raise RunError(
            "the drain marker in %s cannot be removed: %s" % (gateway.home, done.err.strip())
        )
    return True
