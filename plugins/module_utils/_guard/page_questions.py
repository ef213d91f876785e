# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gets data for the metrics page that needs other programs or long calculations.

Queries systemd for the next elapse of timers, hourly and after an elapse. Queries the journal for
OOM kills once after each run. Renews the verdict of at most one gateway per check.
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

# Most runs between two checks. A user can write such entries about their own gateway.
MOST_RUNS = 20
# Seconds after which no further manager's entries are queried: the step has 45 s, a query takes up
# to 20 s.
JOURNAL_SECONDS = 10


def ask(wanted: Wanted, now: float) -> None:
    """Run the queries that are due; the journal last, because a user can fill it."""
    _judge_one(wanted, now)
    _ask_timers(wanted, now)
    _ask_journal(wanted, now)


def _ask_timers(wanted: Wanted, now: float) -> None:
    """Query the next elapse of all restart timers that are due, with one call."""
    due = [(settings, one) for settings, one in wanted if page.timer_is_due(settings, one, now)]
    units = [settings.restart_timer for settings, _one in due if page.timer_stamp(settings)]
    try:
        elapse = timers.next_elapse(units)
    except (GuardError, OSError):
        # The known values are too old; the next check queries again.
        elapse = {}
    for settings, one in due:
        stamp = page.timer_stamp(settings)
        if one.counters is None:
            continue
        known = {"stamp": stamp, "asked": now, "next": elapse.get(settings.restart_timer)}
        one.counters.set_timer({} if stamp is None else known)


def _ask_journal(wanted: Wanted, now: float) -> None:
    """Count the OOM kills that ended a run: its cgroup, which counted them, no longer exists."""
    over = [
        (settings, one)
        for settings, one in wanted
        if one.counters is not None and one.gateway is not None and one.counters.is_over(one.run)
    ]
    if not over:
        return
    since = {settings.name: _last_seen(settings, one) for settings, one in over}
    groups: dict[str, list[Seen]] = {}
    # Grouped by manager, the longest waiting first: a user can make a query slow.
    for settings, one in sorted(over, key=lambda pair: since[pair[0].name]):
        groups.setdefault(progress.manager(settings), []).append(one)
    begun = time.monotonic()
    for group in groups.values():
        if time.monotonic() - begun > JOURNAL_SECONDS:
            # The next check handles the others.
            return
        _ask_about(group, since, now)


def _ask_about(group: list[Seen], since: dict[str, float], now: float) -> None:
    """Count the OOM kills of gateways of one systemd manager."""
    gateways = [one.gateway for one in group if one.gateway is not None]
    for one in group:
        if one.counters is not None:
            # Stored first, so that a query that hangs is not repeated for the same period.
            one.counters.keep("asked", now)
    found = unit_journal.read(list(gateways), min(since[one.name] for one in gateways)).entries
    for one in group:
        if one.counters is not None and one.gateway is not None:
            after = [entry for entry in found if entry.time > since[one.gateway.name]]
            one.counters.add_oom_kills(killed_runs(after, one.gateway))


def killed_runs(entries: list[Entry], gateway: ManagedGateway) -> int:
    """The number of earlier runs of the gateway for which ``entries`` report an OOM kill."""
    runs = {
        unit_journal.invocation(entry)
        for entry in entries
        if entry.fields.get("MESSAGE_ID") in unit_journal.OOM_KILLS
        and unit_journal.gateway_of(entry, [gateway]) is not None
    }
    return min(len(runs - {gateway.invocation_id if gateway.pid else None}), MOST_RUNS)


def _last_seen(settings: Settings, one: Seen) -> float:
    """The last time that the cgroup of the ended run was read, in epoch seconds."""
    times = [0.0]
    if one.counters is not None:
        times.append(float(one.counters.run.get("asked") or one.counters.run.get("start") or 0))
    with contextlib.suppress(OSError):
        # The newest sample may belong to the new run.
        times += [
            row["timestamp"]
            for row in history.tail(settings.folder, 2)
            if one.run is None or [row["invocation_id"], row["pid"]] != one.run
        ]
    return max(times)


def _judge_one(wanted: Wanted, now: float) -> None:
    """Renew the oldest verdict that is due."""
    due = [
        (settings, one)
        for settings, one in wanted
        if verdict_cache.is_due(one.verdict, one.run, one.limit, now)
    ]
    for settings, one in sorted(due, key=lambda pair: pair[1].verdict.get("tried") or 0.0):
        try:
            one.verdict = verdict_cache.judge(settings, one.run, one.limit, now)
        except OSError:
            # Its attempt cannot be stored: skip it, or it would always come first.
            continue
        except Exception:  # pylint: disable=broad-exception-caught
            # An unexpected history: hermes-guard trend shows the error. The last verdict and its
            # time remain.
            one.verdict = verdict_cache.read(settings.folder)
        return
