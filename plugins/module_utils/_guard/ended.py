# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run of a gateway ended that the guard did not restart: crashed, killed, stopped.

A check that finds another run than the last check, or none, asks here, once for each end. systemd's
entries in the journal about that run say how it ended; its user can write such entries about their
own gateway, and about no other. The result is an entry of the ledger with the event ENDED.
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
    from typing import Any

    from .._host.journal import Entry
    from .config import Settings
    from .managed import ManagedGateway

EVENT = ledger.ENDED
# The codes of that event.
CRASHED, KILLED, OOM, EXITED = "crashed", "killed", "oom-killed", "exited"
RESTARTED, STOPPED, REBOOT, UNKNOWN = "restarted", "stopped", "reboot", "unknown"
# Those that are a fault: an operator hears of them.
FAULTS = (CRASHED, KILLED, OOM)

# sd-messages.h: SD_MESSAGE_UNIT_PROCESS_EXIT, UNIT_FAILURE_RESULT, UNIT_STOPPING, UNIT_SUCCESS, and
# UNIT_OUT_OF_MEMORY and UNIT_OOMD_KILL.
_EXIT = "98e322203f7a4ed290d09fe03c09fe15"
_RESULT = "d9b373ed55a64feb8242e02dbe79a49c"
_STOPPING = "de5b426a63be47a7b6ac3eaac82e2f6f"
_SUCCESS = "7ad2d189f7e94e70a38c781354912448"
_OOM = ("fe6faa94e7774663a0da52717891d8ef", "d989611b15e44c9dbf31e3c81256e4ed")
_MEMORY = "a process of it was killed because memory ran out"
_PROPERTIES = ("Id", "NRestarts", "Result")
_MAIN = re.compile(r": Main process exited, code=([a-z]{1,10}), status=([0-9]{1,3})")
# What Hermes ends with so that systemd starts it again.
_AGAIN = 75
# Entries of a run that are looked at. A user can write any number.
_MOST = 200
# Runs between two checks that are counted.
_MOST_RUNS = 100
# Seconds before the last sample of a run: clocks have whole seconds.
_EARLIER = 5
# Seconds between two messages to the notify command: a gateway may crash all day.
_TELL_SECONDS = display.HOUR


def note(settings: Settings, gateway: ManagedGateway | None, run: str, seen: float) -> str | None:
    """Write to the ledger how ``run`` has ended; a line for the journal if the ledger did not know.

    ``gateway`` is what there is now; a check last saw that run at ``seen`` (epoch seconds).
    """
    if _is_known(settings.folder, run):
        return None
    code, reason, moment, runs = _how(gateway, run, seen)
    if gateway is None or not gateway.pid:
        reason += "; it is down now"
    elif runs > 1:
        reason += "; %d runs of it have ended like this since the last check" % runs
    told = _was_told(settings.folder)
    ledger.note(
        settings.folder,
        EVENT,
        code,
        reason,
        # Not before the last sample, whatever a journal says.
        time=round(min(max(moment, seen), time.time()), 3),
        invocation_id=run,
        runs=runs,
    )
    # One that is down has an alarm.
    if code in FAULTS and not told and gateway is not None and gateway.pid:
        alarms.put(settings, CRASHED, code, reason)
    return "%s: %s" % (code, reason)


def _is_known(folder: str, run: str) -> bool:
    """Whether the ledger says already how ``run`` ended: mostly the guard itself restarted it."""
    return any(
        one.get("invocation_id") == run
        and one.get("event") in ("begun", "restart", "failed", EVENT)
        for one in ledger.read(folder, 20)
    )


def _was_told(folder: str) -> bool:
    """Whether a crash was told of less than an hour ago."""
    return any(
        one.get("event") == EVENT
        and one.get("code") in FAULTS
        and abs(time.time() - one["time"]) < _TELL_SECONDS
        for one in ledger.read(folder, 20)
    )


def _how(gateway: ManagedGateway | None, run: str, seen: float) -> tuple[str, str, float, int]:
    """The code, the sentence, when it was, and how many runs since ``seen`` ended so."""
    now = time.time()
    if seen < now - time.clock_gettime(time.CLOCK_BOOTTIME):
        return REBOOT, "the host was restarted", now, 1
    if gateway is None:
        return STOPPED, "the systemd of its user was stopped, and the gateway with it", now, 1
    answer = unit_journal.read([gateway], seen - _EARLIER)
    by_run: dict[str, list[Entry]] = {}
    for entry in answer.entries:
        identity = unit_journal.invocation(entry)
        if identity and unit_journal.gateway_of(entry, [gateway]) is not None:
            by_run.setdefault(identity, []).append(entry)
    code, reason, moment = judge(by_run.pop(run, []))
    if code == UNKNOWN:
        code, reason = _by_systemd(gateway)
    now_running = gateway.invocation_id if gateway.pid else None
    others = [one for name, one in by_run.items() if name != now_running][:_MOST_RUNS]
    return code, reason, moment or now, 1 + len([one for one in others if judge(one)[0] == code])


def judge(entries: list[Entry]) -> tuple[str, str, float]:
    """How the run ended that systemd wrote ``entries`` about: a code, a sentence, and when (or 0).

    A process that ends after systemd was asked to stop the unit was stopped, however it ended.
    """
    entries = entries[-_MOST:]
    result, ended = "", None
    for entry in entries:
        identity = entry.fields.get("MESSAGE_ID")
        if identity == _STOPPING and ended is None:
            return _asked_for(entry)
        if identity in _OOM:
            return OOM, _MEMORY, entry.time
        if identity == _EXIT and ended is None:
            found = _MAIN.search(entry.fields.get("MESSAGE", ""))
            ended = None if found is None else (found.group(1), int(found.group(2)), entry.time)
        if identity == _RESULT:
            result = entry.fields.get("UNIT_RESULT", "")
        if identity == _SUCCESS and ended is None and not result:
            return EXITED, "it ended by itself, without an error", entry.time
    if result == "oom-kill":
        return OOM, _MEMORY, entries[-1].time
    if ended is None:
        if result:
            words = display.printable(result, 30)
            return CRASHED, "systemd gave it up: %s" % words, entries[-1].time
        return UNKNOWN, "how it ended is not known: the journal does not say", 0.0
    return _by_itself(*ended)


def _asked_for(entry: Entry) -> tuple[str, str, float]:
    if entry.fields.get("JOB_TYPE") in ("restart", "try-restart"):
        return RESTARTED, "it was restarted by someone else than the guard", entry.time
    return STOPPED, "it was stopped by someone else than the guard", entry.time


def _by_itself(how: str, status: int, moment: float) -> tuple[str, str, float]:
    if how == "exited":
        if status == _AGAIN:
            return EXITED, "it asked systemd for a restart (exit code %d)" % _AGAIN, moment
        return CRASHED, "it ended by itself with exit code %d" % status, moment
    try:
        name = signal.Signals(status).name
    except ValueError:
        name = "signal %d" % status
    if how == "dumped" or name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE"):
        return CRASHED, "it crashed with %s" % name, moment
    return KILLED, "its process was killed with %s, and not by systemd" % name, moment


def _by_systemd(gateway: ManagedGateway) -> tuple[str, str]:
    """The code and the sentence if the journal does not say: by what systemd knows of the unit."""
    unknown = "how it ended is not known: the journal does not say"
    try:
        blocks = discovery.manager_of(gateway, 10).show([str(gateway.unit)], _PROPERTIES)
    except (SystemdError, RunError):
        return UNKNOWN, unknown
    known = blocks[0] if blocks else {}
    if gateway.pid:
        if known.get("NRestarts", "0") != "0":
            return UNKNOWN, "it ended, and systemd started it again; %s" % unknown
        return RESTARTED, "someone else than the guard started it again; %s" % unknown
    result = known.get("Result", "")
    if result in ("", "success"):
        return UNKNOWN, unknown
    if result == "oom-kill":
        return OOM, _MEMORY
    return CRASHED, "systemd gave it up: %s" % display.printable(result, 30)


def recent(folder: str) -> list[dict[str, Any]]:
    """The entries of the ledger about such ends in the last week, oldest first, at most 20."""
    since = time.time() - 7 * display.DAY
    return [
        {name: one.get(name) for name in ("time", "code", "reason", "runs")}
        for one in ledger.read(folder, 500)
        if one.get("event") == EVENT and one["time"] >= since
    ][-20:]
