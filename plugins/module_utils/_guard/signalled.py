# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When systemd signals the process that a restart ends.

The drain marker stays until then, because Hermes accepts turns within a second of its removal.
"""

from __future__ import annotations

from .._host.errors import SystemdError
from .._host.waiting import wait_until

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .._host.systemd import Manager

# systemd sends the signal after the unit's ExecStop=, which Hermes has since 0.21.5. That took up
# to 2.3 s on a loaded host with two cores; a smaller host may be slower.
TOLD_SECONDS = 10
TOLD_LOOK_SECONDS = 0.1
# How long the marker remains after the process was signalled. A new process needs longer until it
# checks for a marker.
MARKER_SECONDS = 1
# The exit of the process starts the downtime, so it is polled often.
EXIT_LOOK_SECONDS = 0.05
# Values of SubState before the signal.
_BEFORE = ("", "running", "reload", "stop")


def wait(manager: Manager, unit: str, has_ended: Callable[[], bool]) -> None:
    """Wait until systemd has signalled the process of ``unit``, and a second longer.

    Returns early if ``has_ended`` says that the process has exited, and in any case after
    TOLD_SECONDS and MARKER_SECONDS.
    """
    wait_until(lambda: has_ended() or _is_told(manager, unit), TOLD_SECONDS, TOLD_LOOK_SECONDS)
    wait_until(has_ended, MARKER_SECONDS, EXIT_LOOK_SECONDS)


def is_pending(manager: Manager, unit: str) -> bool:
    """Whether a job of ``unit`` waits or is in progress, such as the restart of a killed guard."""
    return bool(_property(manager, unit, "Job"))


def _is_told(manager: Manager, unit: str) -> bool:
    state = _property(manager, unit, "SubState")
    return state is not None and state not in _BEFORE


def _property(manager: Manager, unit: str, name: str) -> str | None:
    """A property of a unit; None also while systemd does not answer."""
    try:
        blocks = manager.show([unit], [name])
    except SystemdError:
        return None
    return blocks[0].get(name) if blocks else None
