# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a check reads in the home of a gateway, which may be on a hanging server."""

from __future__ import annotations

import os

from .._hermes import drain, heartbeat, state_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .managed import ManagedGateway

CONFIGURATIONS = ("config.yaml", "/etc/hermes/config.yaml")


class Home:
    """What was read in a home; empty at first, as for a home that must not be read.

    ``said`` is the result of state_file.runtime; ``stamps`` are those of the configuration files,
    None if not read. ``marker_seconds`` is the age of the guard's drain marker, ``silent_seconds``
    that of the last heartbeat (None if unknown). ``suspect`` says whether the heartbeat is late.
    """

    def __init__(self) -> None:
        self.said: dict[str, Any] = state_file.unknown()
        self.stamps: list[list[int] | None] | None = None
        self.marker_seconds: float | None = None
        self.silent_seconds: float | None = None
        self.suspect = False


def look(gateway: ManagedGateway) -> Home:
    """Read the home of the gateway; an empty Home if that is not safe."""
    found = Home()
    if gateway.problem:
        return found
    found.marker_seconds = drain.age(gateway)
    if gateway.pid is None:
        return found
    found.stamps = [_stamp(os.path.join(gateway.home, name)) for name in CONFIGURATIONS]
    found.silent_seconds = heartbeat.silence(gateway)
    found.suspect = heartbeat.is_too_long(found.silent_seconds, gateway.home)
    found.said = state_file.runtime(gateway)
    return found


def _stamp(path: str) -> list[int] | None:
    try:
        info = os.stat(path)
    except OSError:
        return None
    return [info.st_mtime_ns, info.st_size]
