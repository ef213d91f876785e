# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds out how a run ended if the guard did not end it: crashed, killed, stopped.

A check that finds a new run, or none, calls note() once for each run that ended. systemd's journal
entries about that run say how it ended. A user can forge entries about their own gateway only. The
result is an entry of the ledger with the event ENDED.
"""

from __future__ import annotations

import re
import signal
import time

from .._hermes import discovery, unit_journal
from .._host import display
from .._host.errors import RunError, SystemdError
from . import alarms, ledger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from .._host.journal import Entry
    from .config import Settings
    from .managed import ManagedGateway

EVENT = ledger.ENDED
# The codes of the event ENDED.
CRASHED, KILLED, OOM, EXITED = "crashed", "killed", "oom-killed", "exited"
RESTARTED, STOPPED, REBOOT, UNKNOWN = "restarted", "stopped", "reboot", "unknown"
# The events that mark the end of a run.
_ENDS = ("begun", "restart", "failed", EVENT)
# Appended to the reason of the last end if the gateway has not started again.
DOWN = "; it has not started again"
# The codes that are a fault: the notify command is called.
FAULTS = (CRASHED, KILLED, OOM)

_MEMORY = "one of its processes was OOM-killed"
_GIVEN_UP = "systemd marked the unit as failed: %s"
_NOT_IN_JOURNAL = "how it ended is unknown: the journal has no entry about it"
_PROPERTIES = ("Id", "NRestarts", "Result")
_MAIN = re.compile(r": Main process exited, code=([a-z]{1,10}), status=([0-9]{1,3})")
# The exit code with which Hermes asks systemd for a restart.
_AGAIN = 75
# Entries of one run that are read: a user can write any number.
_MOST = 200
# Runs between two checks that are counted.
_MOST_RUNS = 100
# Seconds to look back before the last sample of a run: timestamps are whole seconds.
_EARLIER = 5
# Seconds between two notifications: a gateway may crash all day.
_TELL_SECONDS = display.HOUR


def note(settings: Settings, gateway: ManagedGateway | None, run: str, seen: float) -> list[str]:
    """Write to the ledger how ``run`` and later runs have ended: lines for the journal.

    ``gateway`` is the current state; a check last saw that run at ``seen`` (epoch seconds). Runs
    that the guard ended are in the ledger already.
    """
    known = ledger.read(settings.folder, 20)
    new = gateway.invocation_id if gateway is not None and gateway.pid else None
    if new is not None and any(_leads(one, run, new) for one in known):
        return []
    notified = any(_is_recent_fault(one) for one in known)
    ended = {one.get("invocation_id") for one in known if one.get("event") in _ENDS}
    ends = [one for one in _ends(gateway, run, seen, ended) if one.run not in ended]
    for end in ends:
        if end is ends[-1] and new is None:
            end.reason += DOWN
        elif end.runs > 1:
            end.reason += "; %d runs have ended like this since the last check" % end.runs
        ledger.note(
            settings.folder,
            EVENT,
            end.code,
            end.reason,
            # Never before the last sample: a user may forge times in the journal.
            time=round(min(max(end.time, seen), time.time()), 3),
            invocation_id=end.run,
            runs=end.runs,
        )
    faults = [end for end in ends if end.code in FAULTS]
    # A gateway that is down has an alert instead.
    if faults and not notified and new is not None:
        alarms.put(settings, CRASHED, faults[-1].code, faults[-1].reason)
    return ["%s: %s" % (end.code, end.reason) for end in ends]


def _leads(one: dict[str, Any], run: str, new: str) -> bool:
    """Whether the entry of the ledger is a restart by the guard from ``run`` to the run ``new``."""
    return (one.get("invocation_id"), one.get("new_invocation_id")) == (run, new)


def _is_recent_fault(one: dict[str, Any]) -> bool:
    """Whether the entry of the ledger is a crash that was notified less than an hour ago."""
    recent = abs(time.time() - one["time"]) < _TELL_SECONDS
    return recent and one.get("event") == EVENT and one.get("code") in FAULTS


class _End:
    """How and when (epoch seconds) ``run`` ended, and how many ``runs`` ended like that."""

    __slots__ = ("code", "reason", "run", "runs", "time")

    def __init__(self, run: str, code: str, reason: str, moment: float) -> None:
        self.run = run
        self.code = code
        self.reason = reason
        self.time = moment
        self.runs = 1


def _ends(
    gateway: ManagedGateway | None, run: str, seen: float, ended: Collection[object]
) -> list[_End]:
    """One _End for each way in which ``run`` and later runs have ended; the newest last.

    ``ended`` holds the runs whose end is already in the ledger.
    """
    now = time.time()
    if seen < now - time.clock_gettime(time.CLOCK_BOOTTIME):
        return [_End(run, REBOOT, "the host was rebooted", now)]
    if gateway is None:
        text = "the systemd manager of its user was stopped, which stopped the gateway"
        return [_End(run, STOPPED, text, now)]
    by_run: dict[str, list[Entry]] = {run: []}
    for entry in unit_journal.read([gateway], seen - _EARLIER).entries:
        identity = unit_journal.invocation(entry)
        if identity and unit_journal.gateway_of(entry, [gateway]) is not None:
            by_run.setdefault(identity, []).append(entry)
    if gateway.pid and gateway.invocation_id:
        by_run.pop(gateway.invocation_id, None)
    found: dict[str, _End] = {}
    for name, entries in list(by_run.items())[-_MOST_RUNS:]:
        code, reason, moment = judge(entries)
        if code == UNKNOWN:
            if name != run:
                continue
            code, reason = _by_systemd(gateway)
        if name in ended:
            continue
        # Keep the newest run for each way to end.
        end = _End(name, code, reason, moment or now)
        before = found.pop(code, None)
        end.runs += before.runs if before else 0
        found[code] = end
    return list(found.values())


def judge(entries: list[Entry]) -> tuple[str, str, float]:
    """How a run ended, from systemd's ``entries`` about it: a code, a sentence, the time (or 0).

    A process that ends after a request to stop the unit counts as stopped, however it ended.
    """
    entries = entries[-_MOST:]
    result, ended = "", None
    for entry in entries:
        identity = entry.fields.get("MESSAGE_ID")
        if identity == unit_journal.STOPPING and ended is None:
            return _asked_for(entry, entries)
        if identity in unit_journal.OOM_KILLS:
            return OOM, _MEMORY, entry.time
        if identity == unit_journal.PROCESS_EXIT and ended is None:
            found = _MAIN.search(entry.fields.get("MESSAGE", ""))
            ended = None if found is None else (found.group(1), int(found.group(2)), entry.time)
        if identity == unit_journal.FAILURE_RESULT:
            result = entry.fields.get("UNIT_RESULT", "")
        if identity == unit_journal.SUCCESS and ended is None and not result:
            return EXITED, "it exited without an error", entry.time
    if result == "oom-kill":
        return OOM, _MEMORY, entries[-1].time
    if ended is None:
        if result:
            words = display.printable(result, 30)
            return CRASHED, _GIVEN_UP % words, entries[-1].time
        return UNKNOWN, _NOT_IN_JOURNAL, 0.0
    return _by_itself(*ended)


def _asked_for(entry: Entry, entries: list[Entry]) -> tuple[str, str, float]:
    """Whether a request to stop the unit was part of a restart: its last entry says so."""
    if any(
        one.fields.get("MESSAGE_ID") == unit_journal.STOPPED
        and one.fields.get("JOB_TYPE") == "restart"
        for one in entries
    ):
        return RESTARTED, "it was restarted by someone other than the guard", entry.time
    return STOPPED, "it was stopped by someone other than the guard", entry.time


def _by_itself(how: str, status: int, moment: float) -> tuple[str, str, float]:
    if how == "exited":
        if status == _AGAIN:
            return EXITED, "it asked systemd for a restart (exit code %d)" % _AGAIN, moment
        return CRASHED, "it exited with exit code %d" % status, moment
    try:
        name = signal.Signals(status).name
    except ValueError:
        name = "signal %d" % status
    if how == "dumped" or name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE"):
        return CRASHED, "it crashed with %s" % name, moment
    return KILLED, "its process was killed with %s, but not by systemd" % name, moment


def _by_systemd(gateway: ManagedGateway) -> tuple[str, str]:
    """The code and the sentence from the unit's properties, if the journal has no answer."""
    try:
        blocks = discovery.manager_of(gateway, 10).show([str(gateway.unit)], _PROPERTIES)
    except (SystemdError, RunError):
        return UNKNOWN, _NOT_IN_JOURNAL
    known = blocks[0] if blocks else {}
    if gateway.pid:
        if known.get("NRestarts", "0") != "0":
            return UNKNOWN, "it ended, and systemd restarted it; %s" % _NOT_IN_JOURNAL
        return RESTARTED, "someone other than the guard restarted it; %s" % _NOT_IN_JOURNAL
    result = known.get("Result", "")
    if result in ("", "success"):
        return UNKNOWN, _NOT_IN_JOURNAL
    if result == "oom-kill":
        return OOM, _MEMORY
    return CRASHED, _GIVEN_UP % display.printable(result, 30)


def recent(folder: str) -> list[dict[str, Any]]:
    """The ends in the ledger from the last week, oldest first, at most 20."""
    since = time.time() - 7 * display.DAY
    return [
        {name: one.get(name) for name in ("time", "code", "reason", "runs")}
        for one in ledger.read(folder, 500)
        if one.get("event") == EVENT and one["time"] >= since
    ][-20:]
