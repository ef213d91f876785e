# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page of metrics needs and only other programs, or much arithmetic, can tell.

systemd is asked when timers fire next, once an hour and when one has fired; the journal whether the
main process was killed, once after the end of each run; and one gateway a check is judged.
"""

from __future__ import annotations

import contextlib
import time

from .._hermes import unit_journal
from .._host import timers
from .._host.errors import GuardError
from . import history, page, progress, verdict_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from .._host.journal import Entry
    from .config import Settings
    from .managed import ManagedGateway
    from .progress import Seen

    Wanted = Collection[tuple[Settings, Seen]]

# sd-messages.h: SD_MESSAGE_UNIT_OUT_OF_MEMORY and SD_MESSAGE_UNIT_OOMD_KILL.
KILLED = ("fe6faa94e7774663a0da52717891d8ef", "d989611b15e44c9dbf31e3c81256e4ed")
# Runs between two checks. A user can write such entries about their own gateway.
MOST_RUNS = 20
# After so long no further systemd's entries are asked for: the step has 45 s, and each may take 20.
JOURNAL_SECONDS = 10


def ask(wanted: Wanted, now: float) -> None:
    """Ask what is due for the page; the journal, in which a user can write much, at the end."""
    _judge_one(wanted, now)
    _ask_timers(wanted, now)
    _ask_journal(wanted, now)


def _ask_timers(wanted: Wanted, now: float) -> None:
    """When each restart timer fires next: one question for all that are due."""
    due = [(settings, one) for settings, one in wanted if page.timer_is_due(settings, one, now)]
    units = [settings.restart_timer for settings, _one in due if page.timer_stamp(settings)]
    try:
        elapse = timers.next_elapse(units)
    except (GuardError, OSError):
        # What is known of them is too old by then, and is asked again at the next check.
        elapse = {}
    for settings, one in due:
        stamp = page.timer_stamp(settings)
        if one.counters is None:
            continue
        known = {"stamp": stamp, "asked": now, "next": elapse.get(settings.restart_timer)}
        one.counters.set_timer({} if stamp is None else known)


def _ask_journal(wanted: Wanted, now: float) -> None:
    """Count the OOM kills that ended a run: its cgroup, which counts them, went with it."""
    over = [
        (settings, one)
        for settings, one in wanted
        if one.counters is not None and one.gateway is not None and one.counters.is_over(one.run)
    ]
    if not over:
        return
    since = {settings.name: _last_seen(settings, one) for settings, one in over}
    groups: dict[str, list[Seen]] = {}
    # Those of one systemd together, and who has waited longest first: a user may make it take long.
    for settings, one in sorted(over, key=lambda pair: since[pair[0].name]):
        groups.setdefault(progress.manager(settings), []).append(one)
    begun = time.monotonic()
    for group in groups.values():
        if time.monotonic() - begun > JOURNAL_SECONDS:
            # The next check asks about the others.
            return
        _ask_about(group, since, now)


def _ask_about(group: list[Seen], since: dict[str, float], now: float) -> None:
    """Count the OOM kills of gateways that one systemd runs."""
    gateways = [one.gateway for one in group if one.gateway is not None]
    for one in group:
        if one.counters is not None:
            # First: what does not answer is not asked for the same time again.
            one.counters.keep("asked", now)
    found = unit_journal.read(list(gateways), min(since[one.name] for one in gateways)).entries
    for one in group:
        if one.counters is not None and one.gateway is not None:
            after = [entry for entry in found if entry.time > since[one.gateway.name]]
            one.counters.add_oom_kills(killed_runs(after, one.gateway))


def killed_runs(entries: list[Entry], gateway: ManagedGateway) -> int:
    """How many runs of the gateway before the present one ``entries`` report an OOM kill of."""
    runs = {
        unit_journal.invocation(entry)
        for entry in entries
        if entry.fields.get("MESSAGE_ID") in KILLED
        and unit_journal.gateway_of(entry, [gateway]) is not None
    }
    return min(len(runs - {gateway.invocation_id if gateway.pid else None}), MOST_RUNS)


def _last_seen(settings: Settings, one: Seen) -> float:
    """Until when the cgroup of the run that has ended has counted, in epoch seconds."""
    times = [0.0]
    if one.counters is not None:
        times.append(float(one.counters.run.get("asked") or one.counters.run.get("start") or 0))
    with contextlib.suppress(OSError):
        # The newest sample may be that of the new run.
        times += [
            row["timestamp"]
            for row in history.tail(settings.folder, 2)
            if one.run is None or [row["invocation_id"], row["pid"]] != one.run
        ]
    return max(times)


def _judge_one(wanted: Wanted, now: float) -> None:
    """Judge the gateway whose verdict is the oldest of those that are due."""
    due = [
        (settings, one)
        for settings, one in wanted
        if verdict_cache.is_due(one.verdict, one.run, one.limit, now)
    ]
    for settings, one in sorted(due, key=lambda pair: pair[1].verdict.get("tried") or 0.0):
        try:
            one.verdict = verdict_cache.judge(settings, one.run, one.limit, now)
        except OSError:
            # Nothing can be kept of it: it must not be the first one for ever.
            continue
        except Exception:  # pylint: disable=broad-exception-caught
            # A history of which nobody thought: hermes-guard trend says what it is. The verdict of
            # before stays, with its time.
            one.verdict = verdict_cache.read(settings.folder)
        return
