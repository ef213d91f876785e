# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads systemd's journal entries about the units of gateways, and the earlier runs in them.

Only systemd 256 and later log the memory peak of a unit that stops.

Users can write entries like those of their own systemd, without limit. So the entries of each user
are read separately and limited: a flood of entries affects only the gateways of that user.
"""

from __future__ import annotations

import re
import time
from typing import NamedTuple

from .._host import journal
from .._host.errors import JournalError
from .discovery import Gateway

# MESSAGE_ID of entries about a unit: sd-messages.h of systemd, SD_MESSAGE_UNIT_STARTED and so on.
STARTED = "39f53479d3a045ac8e11786248231fbf"
STOPPING = "de5b426a63be47a7b6ac3eaac82e2f6f"
STOPPED = "9d1aaa27d60140bd96365438aad20286"
SUCCESS = "7ad2d189f7e94e70a38c781354912448"
PROCESS_EXIT = "98e322203f7a4ed290d09fe03c09fe15"
FAILURE_RESULT = "d9b373ed55a64feb8242e02dbe79a49c"
RESOURCES = "ae8f7b866b0347b9af31fe1c80b127c0"
OUT_OF_MEMORY = "fe6faa94e7774663a0da52717891d8ef"
OOMD_KILL = "d989611b15e44c9dbf31e3c81256e4ed"
# Either kind of OOM kill, by the kernel or by systemd-oomd.
OOM_KILLS = (OUT_OF_MEMORY, OOMD_KILL)
# The newest runs of one gateway: four months with a restart every six hours.
MAX_RUNS = 500
# Seconds for the entries of one user: journal.MAX_ENTRIES take 2 s on a slow disk.
USER_TIMEOUT = 20.0

# Limited in length: a user could write a message of 4,000 digits.
_PEAK = re.compile(r"(?<![0-9.])([0-9.]{1,12})([BKMGTPE]) memory peak")
_SWAP_PEAK = re.compile(r"(?<![0-9.])([0-9.]{1,12})([BKMGTPE]) memory swap peak")
# Bytes or nanoseconds. No real value has more digits, but users can write any number.
_WHOLE = re.compile(r"[0-9]{1,18}\Z")
_ROUNDED = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?\Z")
_IDENTITY = re.compile(r"[0-9A-Za-z-]{1,64}\Z")


class Query(NamedTuple):
    """``matches`` for journalctl(1), and the names of the gateways concerned."""

    names: str
    matches: list[str]


class Run(NamedTuple):
    """An earlier run of a unit, as systemd summarised it when the unit stopped.

    ``time`` is the end of the run in epoch seconds. ``uptime_seconds`` is None if the entries lack
    the start; ``swap_peak_bytes`` and ``cpu_seconds`` are None if they are not logged.
    """

    time: float
    name: str
    unit: str | None
    invocation_id: str | None
    uptime_seconds: int | None
    peak_bytes: int
    swap_peak_bytes: int | None
    cpu_seconds: float | None


def read(gateways: list[Gateway], since: float) -> journal.Answer:
    """systemd's entries about the units of ``gateways`` since epoch second ``since``.

    The oldest is first. A note, not a JournalError, reports entries that cannot be read.
    """
    found: list[journal.Entry] = []
    notes: list[str] = []
    for query in queries(gateways):
        try:
            answer = journal.entries(query.matches, since, timeout=USER_TIMEOUT)
        except JournalError as exc:
            notes.append("the journal about %s cannot be read: %s" % (query.names, exc))
            continue
        if len(answer.entries) >= journal.MAX_ENTRIES:
            notes.append(
                "the journal has more entries about %s than the last %d, which were read"
                % (query.names, journal.MAX_ENTRIES)
            )
        found += [entry for entry in answer.entries if gateway_of(entry, gateways)]
        notes += notes_of(answer)
    return journal.Answer(sorted(found, key=lambda entry: entry.time), notes)


def notes_of(answer: journal.Answer) -> list[str]:
    """The messages of journalctl besides its ``answer``, as notes."""
    return ["journalctl: " + line[:200] for line in answer.said[:3]]


def queries(gateways: list[Gateway]) -> list[Query]:
    """The journal queries for systemd's entries about the units of ``gateways``.

    There is one query for the system units of each user, and one for the user units of each user;
    none if no gateway has a unit. Any user can write UNIT= to the journal, so the manager's pid or
    uid, which journald itself records, must also match.
    """
    grouped: dict[tuple[str, int], list[Gateway]] = {}
    for gateway in gateways:
        if gateway.unit and gateway.scope in ("system", "user"):
            grouped.setdefault((gateway.scope, gateway.uid), []).append(gateway)
    found = []
    for (scope, uid), group in sorted(grouped.items(), key=lambda item: item[0]):
        by, about = ("_PID=1", "UNIT=") if scope == "system" else ("_UID=%d" % uid, "USER_UNIT=")
        names = ", ".join(gateway.name for gateway in group)
        found.append(Query(names, [by] + [about + str(gateway.unit) for gateway in group]))
    return found


def gateway_of(entry: journal.Entry, gateways: list[Gateway]) -> Gateway | None:
    """The gateway that ``entry`` is about; None unless the gateway's own manager wrote it."""
    fields = entry.fields
    by_system = fields.get("UNIT") if fields.get("_PID") == "1" else None
    by_user, uid = fields.get("USER_UNIT"), fields.get("_UID")
    for gateway in gateways:
        if not gateway.unit:
            continue
        if gateway.scope == "system" and gateway.unit == by_system:
            return gateway
        if gateway.scope == "user" and gateway.unit == by_user and uid == str(gateway.uid):
            return gateway
    return None


def invocation(entry: journal.Entry) -> str | None:
    """The invocation ID of the run that ``entry`` is about."""
    identity = entry.fields.get("INVOCATION_ID") or entry.fields.get("USER_INVOCATION_ID") or ""
    return identity if _IDENTITY.match(identity) else None


def runs(entries: list[journal.Entry], gateways: list[Gateway]) -> list[Run]:
    """The earlier runs of ``gateways`` with a memory peak in ``entries``, oldest first.

    Returns at most the newest MAX_RUNS of each gateway.
    """
    started = {}
    found: dict[str, list[Run]] = {}
    for entry in entries:
        gateway = gateway_of(entry, gateways)
        if gateway is None:
            continue
        key = (gateway.name, invocation(entry))
        if entry.fields.get("MESSAGE_ID") == STARTED:
            started[key] = entry.time
        run = _run(entry, gateway, started.get(key))
        if run is not None:
            found.setdefault(gateway.name, []).append(run)
    newest = [run for every in found.values() for run in every[-MAX_RUNS:]]
    return sorted(newest, key=lambda run: run.time)


def _run(entry: journal.Entry, gateway: Gateway, started: float | None) -> Run | None:
    """The run of ``gateway`` that ``entry`` summarises; None if it lacks the memory peak."""
    fields = entry.fields
    text = fields.get("MESSAGE", "")
    if fields.get("MESSAGE_ID") != RESOURCES and ": Consumed " not in text:
        return None
    peak = _bytes(fields.get("MEMORY_PEAK"), _PEAK, text)
    if peak is None:
        return None
    processor = fields.get("CPU_USAGE_NSEC", "")
    return Run(
        time=entry.time,
        name=gateway.name,
        unit=gateway.unit,
        invocation_id=invocation(entry),
        uptime_seconds=None if started is None else int(entry.time - started),
        peak_bytes=peak,
        swap_peak_bytes=_bytes(fields.get("MEMORY_SWAP_PEAK"), _SWAP_PEAK, text),
        cpu_seconds=int(processor) / 1e9 if _WHOLE.match(processor) else None,
    )


def earlier_runs(gateway: Gateway, hours: float) -> list[Run]:
    """Like runs(), for the entries about ``gateway`` of the last ``hours``.

    Returns an empty list if the gateway has no unit or the journal cannot be read.
    """
    return runs(read([gateway], time.time() - hours * 3600.0).entries, [gateway])


def _bytes(field: str | None, pattern: re.Pattern[str], text: str) -> int | None:
    """The bytes in the journal's field if it is present, else the rounded value in the text."""
    if field and _WHOLE.match(field):
        return int(field)
    found = pattern.search(text)
    if found is None or not _ROUNDED.match(found.group(1)):
        return None
    size = int(float(found.group(1)) * 1024 ** "BKMGTPE".index(found.group(2)))
    return size if _WHOLE.match(str(size)) else None
