# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the main process of a gateway ended without having been asked to by its systemd."""

from __future__ import annotations

import re
from typing import NamedTuple

from .._hermes import unit_journal
from .._hermes.discovery import Gateway
from .._host import journal
from .kill import SAME_RUN

# sd-messages.h: SD_MESSAGE_UNIT_STOPPING.
STOPPING = "de5b426a63be47a7b6ac3eaac82e2f6f"
_EXITED = re.compile(r": Main process exited, code=(killed|dumped|exited), status=(\d{1,3})/\w+\Z")
# A gateway that gets SIGTERM ends with 1.
_ENDINGS = {("killed", "9"): True, ("killed", "15"): True, ("exited", "1"): False}


class Exit(NamedTuple):
    """The end at ``time`` of the main process of the gateway ``name``.

    ``by_signal`` if a signal ended it, and not the program itself.
    """

    name: str
    time: float
    by_signal: bool


def exits(entries: list[journal.Entry], gateways: list[Gateway]) -> list[Exit]:
    """The ends of main processes of ``gateways`` that ``entries`` report, oldest first.

    Only those that a signal may be the cause of, and none that systemd itself has stopped.
    """
    stopping: dict[str, float] = {}
    found = []
    for entry in entries:
        gateway = unit_journal.gateway_of(entry, gateways)
        if gateway is None:
            continue
        if entry.fields.get("MESSAGE_ID") == STOPPING:
            stopping[gateway.name] = entry.time
            continue
        ended = _EXITED.search(entry.fields.get("MESSAGE", ""))
        by_signal = _ENDINGS.get((ended.group(1), ended.group(2))) if ended else None
        if by_signal is None or entry.time - stopping.get(gateway.name, 0.0) <= SAME_RUN:
            continue
        found.append(Exit(gateway.name, entry.time, by_signal))
    return found
