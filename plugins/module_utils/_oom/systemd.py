# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds OOM kills that systemd and systemd-oomd wrote to the journal.

An entry is recognised by its message id or by its text (systemd 247 to 257): a forwarder may drop
the ids, and a translation may change the texts.
"""

from __future__ import annotations

import bisect
import re
from typing import NamedTuple

from .._hermes import unit_journal
from .._hermes.discovery import Gateway
from .._host import journal, systemd
from .._host.errors import JournalError
from . import daemons
from .kill import KERNEL, MAX_KILLS, OOMD, SAME_KILL, SAME_RUN, SYSTEMD, Kill, newest
from .unit_cgroup import holds, in_unit, manager_uid
from .victim import Victim

OOMD_UNIT = "systemd-oomd.service"

# The kinds of reports: the manager saw a kill by the kernel; systemd-oomd reports its own kill; the
# manager reports a kill by systemd-oomd; the result of a unit that has ended.
BY_KERNEL, BY_OOMD, BY_OOMD_UNIT, RESULT = "oom", "oomd", "oomd-unit", "result"
# systemd-oomd 260 and later first announce which cgroup they will kill.
BY_OOMD_MARK = "oomd-mark"

# systemd reports one kill up to three times.
_REPORTS = 3 * MAX_KILLS
# The first version that logs MEMORY_PEAK of a unit that stops.
_LOGS_PEAKS = 256
_OOMD_KILLED = re.compile(r"(?:Killed|(Marked)) (/\S+) (?:for killing )?due to ")
_OOMD_KILLED_UNIT = re.compile(r": systemd-oomd killed (?:some|\d+) process\(es\) in this unit\.\Z")


class Report(NamedTuple):
    """A report of a kill in one entry: its kind, gateway, time and run."""

    kind: str
    gateway: Gateway
    time: float
    invocation: str | None

    @property
    def name(self) -> str:
        """The name of the gateway."""
        return self.gateway.name


def entries(gateways: list[Gateway], since: float) -> journal.Answer:
    """The entries of systemd and the OOM daemons about the units of ``gateways``, and notes."""
    writers = ["_SYSTEMD_UNIT=" + unit for unit in [OOMD_UNIT, *daemons.UNITS]]
    managers = sorted({_manager(gateway.uid) for gateway in gateways if gateway.scope == "user"})
    if managers:
        writers += ["+", "_PID=1"] + ["UNIT=" + manager for manager in managers]
    try:
        own = journal.entries(writers, since)
    except JournalError as exc:
        return journal.Answer([], ["the journal cannot be read: %s" % exc])
    units = unit_journal.read(gateways, since)
    # journalctl repeats the same notes on each call.
    notes = [*dict.fromkeys(unit_journal.notes_of(own) + units.said)]
    if len(own.entries) >= journal.MAX_ENTRIES:
        notes.append(
            "only the last %d entries of the OOM daemons were read; the journal has more"
            % journal.MAX_ENTRIES
        )
    version = systemd.version()
    if version is not None and version < _LOGS_PEAKS:
        notes.append(
            "systemd %d does not log the memory peak of a unit that stops; 256 and later do"
            % version
        )
    found = sorted(own.entries + units.entries, key=lambda entry: entry.time)
    return journal.Answer(found, notes)


def add(kills: list[Kill], entries: list[journal.Entry], gateways: list[Gateway]) -> None:
    """Add to ``kills`` those in ``entries`` of the journal that no other source reports.

    For each gateway, only as many of the newest reports as MAX_KILLS can have.
    """
    by_name: dict[str, list[Kill]] = {}
    for kill in kills:
        by_name.setdefault(kill.name, []).append(kill)
    reports = [report for entry in entries for report in reports_of(entry, gateways)]
    for report in newest(reports, _REPORTS):
        own = by_name.setdefault(report.gateway.name, [])
        found = _known(own, report)
        if found is None:
            by_oomd = report.kind in (BY_OOMD, BY_OOMD_MARK)
            found = Kill(report.gateway, report.time, OOMD if by_oomd else SYSTEMD)
            kills.append(found)
            own.append(found)
        found.kinds.add(report.kind)
        found.invocation = found.invocation or report.invocation
        if report.kind in (BY_OOMD, BY_OOMD_MARK, BY_OOMD_UNIT):
            found.scope = OOMD


def _known(kills: list[Kill], report: Report) -> Kill | None:
    """The kill in ``kills`` that the report is about, None if it is new."""
    known = [kill for kill in kills if is_about(report, kill)]
    fresh = [kill for kill in known if report.kind not in kill.kinds]
    if fresh:
        return fresh[-1]
    # Another report of the same kind is another kill, unless the kernel's log has shown all kills.
    return known[-1] if any(kill.source == KERNEL for kill in known) else None


def is_about(report: Report, kill: Kill) -> bool:
    """Whether ``report`` is about ``kill``, by run and time."""
    if kill.name != report.gateway.name:
        return False
    later = report.time - kill.time
    if kill.invocation and report.invocation:
        if kill.invocation != report.invocation:
            return False
        if report.kind == RESULT:
            # Logged when the last process has ended, which can take TimeoutStopSec.
            return later >= -SAME_KILL
    return -SAME_KILL <= later <= SAME_RUN


def reports_of(entry: journal.Entry, gateways: list[Gateway]) -> list[Report]:
    """The reports in ``entry`` about kills of ``gateways``, one for each affected gateway."""
    text = entry.fields.get("MESSAGE", "")
    identity = unit_journal.invocation(entry)
    if entry.fields.get("_SYSTEMD_UNIT") == OOMD_UNIT:
        killed = _OOMD_KILLED.match(text)
        if killed is None:
            return []
        kind, path = BY_OOMD_MARK if killed.group(1) else BY_OOMD, killed.group(2)
        return [
            Report(kind, gateway, entry.time, identity)
            for gateway in gateways
            if in_unit(path, gateway) or holds(path, gateway)
        ]
    found = unit_journal.gateway_of(entry, gateways)
    kind_of_unit = _kind(entry, text)
    if found is None or kind_of_unit is None:
        return []
    return [Report(kind_of_unit, found, entry.time, identity)]


def manager_notes(
    entries: list[journal.Entry], gateways: list[Gateway], kills: list[Kill], others: list[Victim]
) -> list[str]:
    """Notes on kills that only the system manager reports for the manager of a user.

    ``others`` are the killed processes that were not gateways. The journal of a user is smaller
    than that of the system and may be gone.
    """
    notes = []
    for uid in sorted({gateway.uid for gateway in gateways if gateway.scope == "user"}):
        names = [one.name for one in gateways if one.scope == "user" and one.uid == uid]
        unit = _manager(uid)
        times = [kill.time for kill in kills if kill.name in names]
        times += [one.time for one in others if uid in (one.uid, manager_uid(one.memcg or ""))]
        times.sort()
        unclear = [
            entry
            for entry in entries
            if entry.fields.get("_PID") == "1"
            and entry.fields.get("UNIT") == unit
            and _kind(entry, entry.fields.get("MESSAGE", ""))
            and not _is_near(entry.time, times)
        ]
        if unclear:
            notes.append(
                "systemd reports %d OOM kills in %s; it is unknown whether they belonged to %s,"
                " because the journal of that user has no entry about them"
                % (len(unclear), unit, ", ".join(names))
            )
    return notes


def _is_near(time: float, times: list[float]) -> bool:
    """Whether one of the sorted ``times`` is close enough to ``time`` to be the same run."""
    place = bisect.bisect_left(times, time - SAME_RUN)
    return place < len(times) and times[place] <= time + SAME_RUN


def _manager(uid: int) -> str:
    return "user@%d.service" % uid


def _kind(entry: journal.Entry, text: str) -> str | None:
    """The kind of report by the manager of a unit in ``entry``, None if it is another message."""
    message_id = entry.fields.get("MESSAGE_ID")
    if message_id == unit_journal.OUT_OF_MEMORY or text.endswith(
        "A process of this unit has been killed by the OOM killer."
    ):
        return BY_KERNEL
    if message_id == unit_journal.OOMD_KILL or _OOMD_KILLED_UNIT.search(text):
        return BY_OOMD_UNIT
    oom_result = (
        message_id == unit_journal.FAILURE_RESULT and entry.fields.get("UNIT_RESULT") == "oom-kill"
    )
    if oom_result or text.endswith("Failed with result 'oom-kill'."):
        return RESULT
    return None
