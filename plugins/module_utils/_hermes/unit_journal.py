# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd wrote to the journal about the units of gateways, and the earlier runs in it.

Only systemd 256 and later log the memory peak of a unit that stops.
"""

from __future__ import annotations

import re
import time
from typing import NamedTuple

from .._host import journal
from .._host.errors import JournalError
from .discovery import Gateway

# sd-messages.h: SD_MESSAGE_UNIT_STARTED, SD_MESSAGE_UNIT_RESOURCES.
STARTED = "39f53479d3a045ac8e11786248231fbf"
RESOURCES = "ae8f7b866b0347b9af31fe1c80b127c0"

_PEAK = re.compile(r"([0-9.]+)([BKMGTPE]) memory peak")
_SWAP_PEAK = re.compile(r"([0-9.]+)([BKMGTPE]) memory swap peak")


class Run(NamedTuple):
    """An earlier run of a unit, as systemd summed it up when the unit stopped.

    ``time`` is when it stopped, in epoch seconds. ``uptime_seconds`` is None if the start is not
    among the entries; ``swap_peak_bytes`` and ``cpu_seconds`` are None if they are not logged.
    """

    time: float
    name: str
    unit: str | None
    invocation_id: str | None
    uptime_seconds: int | None
    peak_bytes: int
    swap_peak_bytes: int | None
    cpu_seconds: float | None


def matches(gateways: list[Gateway]) -> list[str]:
    """The matches, for journalctl(1), of what systemd wrote about the units of ``gateways``.

    Empty if none of them has a unit. Any user can write UNIT= into the journal: the manager's pid
    or uid, which is journald's own word, has to match as well.
    """
    groups = []
    system = [one.unit for one in gateways if one.unit and one.scope == "system"]
    if system:
        groups.append(["_PID=1"] + ["UNIT=" + unit for unit in system])
    users = [(one.uid, one.unit) for one in gateways if one.unit and one.scope == "user"]
    for uid in sorted({uid for uid, unit in users}):
        own = ["USER_UNIT=" + unit for owner, unit in users if owner == uid]
        groups.append(["_UID=%d" % uid] + own)
    found: list[str] = []
    for group in groups:
        found += (["+"] if found else []) + group
    return found


def gateway_of(entry: journal.Entry, gateways: list[Gateway]) -> Gateway | None:
    """The gateway that ``entry`` is about; None if the systemd that runs it did not write it."""
    fields = entry.fields
    for gateway in gateways:
        if (
            gateway.scope == "system"
            and gateway.unit
            and fields.get("UNIT") == gateway.unit
            and fields.get("_PID") == "1"
        ):
            return gateway
        if (
            gateway.scope == "user"
            and fields.get("USER_UNIT") == gateway.unit
            and fields.get("_UID") == str(gateway.uid)
        ):
            return gateway
    return None


def invocation(entry: journal.Entry) -> str | None:
    """systemd's id of the run that ``entry`` is about."""
    return entry.fields.get("INVOCATION_ID") or entry.fields.get("USER_INVOCATION_ID") or None


def runs(entries: list[journal.Entry], gateways: list[Gateway]) -> list[Run]:
    """The earlier runs of ``gateways``, oldest first, if ``entries`` say their memory peak."""
    started = {}
    found = []
    for entry in entries:
        gateway = gateway_of(entry, gateways)
        if gateway is None:
            continue
        identity = invocation(entry)
        if entry.fields.get("MESSAGE_ID") == STARTED:
            started[identity] = entry.time
        text = entry.fields.get("MESSAGE", "")
        if entry.fields.get("MESSAGE_ID") != RESOURCES and ": Consumed " not in text:
            continue
        peak = _bytes(entry.fields.get("MEMORY_PEAK"), _PEAK, text)
        if peak is None:
            continue
        uptime = int(entry.time - started[identity]) if identity in started else None
        processor = entry.fields.get("CPU_USAGE_NSEC", "")
        found.append(
            Run(
                time=entry.time,
                name=gateway.name,
                unit=gateway.unit,
                invocation_id=identity,
                uptime_seconds=uptime,
                peak_bytes=peak,
                swap_peak_bytes=_bytes(entry.fields.get("MEMORY_SWAP_PEAK"), _SWAP_PEAK, text),
                cpu_seconds=int(processor) / 1e9 if processor.isdigit() else None,
            )
        )
    return found


def earlier_runs(gateway: Gateway, hours: float) -> list[Run]:
    """As runs(), of what the journal holds about ``gateway`` of the last ``hours``.

    Empty if the gateway has no unit, or the journal cannot be read.
    """
    wanted = matches([gateway])
    if not wanted:
        return []
    try:
        entries = journal.entries(wanted, time.time() - hours * 3600.0).entries
    except JournalError:
        return []
    return runs(entries, [gateway])


def _bytes(field: str | None, pattern: re.Pattern[str], text: str) -> int | None:
    """The journal's field if it is there, else what the text says, rounded as it is there."""
    if field and field.isdigit():
        return int(field)
    found = pattern.search(text)
    if found is None or not re.match(r"\d+(?:\.\d+)?\Z", found.group(1)):
        return None
    return int(float(found.group(1)) * 1024 ** "BKMGTPE".index(found.group(2)))
