# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a check reads in the home of a gateway, which may be on a server that hangs."""

from __future__ import annotations

import collections
import os

from .._hermes import drain, heartbeat, state_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple

    from .managed import ManagedGateway

    class Home(NamedTuple):
        """``said`` as state_file.runtime; ``stamps`` of the configuration, None if not looked at.

        ``marker_seconds`` is the age of a drain marker of ours, ``silent_seconds`` that of the last
        beat (None if unknown), ``suspect`` whether the beat of the gateway has stopped.
        """

        said: dict[str, Any]
        stamps: list[list[int] | None] | None
        marker_seconds: float | None
        silent_seconds: float | None
        suspect: bool
else:
    Home = collections.namedtuple("Home", "said stamps marker_seconds silent_seconds suspect")

CONFIGURATIONS = ("config.yaml", "/etc/hermes/config.yaml")


def unknown() -> Home:
    """What is known of a home that must not be looked at."""
    return Home(state_file.unknown(), None, None, None, False)


def look(gateway: ManagedGateway) -> Home:
    """What the home of the gateway says; nothing if it is not safe to look at."""
    if gateway.problem:
        return unknown()
    marker = drain.age(gateway)
    if gateway.pid is None:
        return Home(state_file.unknown(), None, marker, None, False)
    stamps = [_stamp(os.path.join(gateway.home, name)) for name in CONFIGURATIONS]
    silent = heartbeat.silence(gateway)
    suspect = heartbeat.is_too_long(silent, gateway.home)
    return Home(state_file.runtime(gateway), stamps, marker, silent, suspect)


def _stamp(path: str) -> list[int] | None:
    try:
        info = os.stat(path)
    except OSError:
        return None
    return [info.st_mtime_ns, info.st_size]
