# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds when the main process of a gateway ended without a stop by systemd."""

from __future__ import annotations

import bisect
import re
from typing import NamedTuple

from .._hermes import unit_journal
from .._hermes.discovery import Gateway
from .._host import journal
from .kill import SAME_RUN

_EXITED = re.compile(r": Main process exited, code=(killed|dumped|exited), status=(\d{1,3})/\w+\Z")
# Seconds: the kernel and systemd use different clocks in the journal.
_EARLY = 1
# Exits at the same moment. A real gateway has a few in three minutes.
_MANY = 100
# A gateway that receives SIGTERM exits with 1.
_ENDINGS = {("killed", "9"): True, ("killed", "15"): True, ("exited", "1"): False}


class Exit(NamedTuple):
    """The end of a main process at ``time``; ``by_signal`` if a signal killed it."""

    time: float
    by_signal: bool


class Exits:
    """The exits of main processes by gateway. Each can explain one kill and is then removed.

    A user may forge any number of exits of their own gateway, so each lookup is limited to a few.
    """

    def __init__(self) -> None:
        self._found: dict[str, list[Exit]] = {}
        self._taken: set[tuple[str, Exit]] = set()

    def add(self, name: str, one: Exit) -> None:
        """Add an exit of the gateway ``name``; exits must be added in order of time."""
        self._found.setdefault(name, []).append(one)

    def near(self, name: str, time: float, patience: float) -> list[Exit]:
        """Exits of the gateway ``name`` at ``time`` or up to ``patience`` seconds later."""
        every = self._found.get(name, [])
        start = bisect.bisect_left(every, (time - _EARLY, False))
        close = every[start : start + _MANY]
        return [
            one for one in close if one.time - time <= patience and (name, one) not in self._taken
        ]

    def take(self, name: str, one: Exit) -> None:
        """Remove ``one`` of the gateway ``name``, because it explains a kill."""
        self._taken.add((name, one))


def exits(entries: list[journal.Entry], gateways: list[Gateway]) -> Exits:
    """The exits of main processes of ``gateways`` in ``entries``, which are in order of time.

    Only exits that a signal may have caused; stops by systemd are left out.
    """
    stopping: dict[str, float] = {}
    found = Exits()
    for entry in entries:
        gateway = unit_journal.gateway_of(entry, gateways)
        if gateway is None:
            continue
        if entry.fields.get("MESSAGE_ID") == unit_journal.STOPPING:
            stopping[gateway.name] = entry.time
            continue
        ended = _EXITED.search(entry.fields.get("MESSAGE", ""))
        by_signal = _ENDINGS.get((ended.group(1), ended.group(2))) if ended else None
        if by_signal is None or entry.time - stopping.get(gateway.name, 0.0) <= SAME_RUN:
            continue
        found.add(gateway.name, Exit(entry.time, by_signal))
    return found
