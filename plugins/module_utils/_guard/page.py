# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the metrics page of this host, hermes-guard.prom, at the end of a full check.

The textfile collector of node_exporter reads it. It contains all gateways in guard.conf, including
those that are not running or could not be sampled.
"""

from __future__ import annotations

import os
import time

from .._host import files, guard_program, proc
from . import (
    config,
    counters,
    file_lock,
    last_seen,
    limits,
    metrics,
    page_facts,
    page_link,
    progress,
    restart_calendar,
    verdict_cache,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from .config import Settings
    from .progress import Seen

# Seconds until a timer is queried again: an operator may have stopped or started it.
TIMER_SECONDS = 3600


def lock() -> file_lock.Lock | None:
    """The lock for writing the page: an operator may run a check at the same time as the timer.

    Both checks would start from the same counters, and the last one would discard the counts of the
    other. To Prometheus, a counter that decreases has been reset. None if the disk is read-only;
    write() reports that.
    """
    try:
        return file_lock.Lock(os.path.join(config.STATE, guard_program.PAGE_LOCK))
    except OSError:
        return None


def age() -> float | None:
    """The seconds since a check has written the page; None if it does not exist."""
    try:
        return abs(time.time() - os.stat(page_link.page()).st_mtime)
    except OSError:
        return None


def prepare(every: Collection[Settings], seen: dict[str, Seen]) -> None:
    """Query data for the page that a check does not have; slow, and rarely due."""
    now = time.time()
    wanted = []
    for settings in every:
        try:
            wanted.append((settings, _loaded(settings, seen)))
        except Exception:  # pylint: disable=broad-exception-caught
            # write() reports the error.
            continue
    if any(_is_due(settings, one, now) for settings, one in wanted):
        # Imported here because most checks query nothing.
        from . import page_questions

        page_questions.ask(wanted, now)


def write(
    every: Collection[Settings], seen: dict[str, Seen], took: float, failed: Collection[str]
) -> list[str]:
    """Write the page and its counters; returns a line for each error.

    ``took`` is the duration of the check in seconds; ``failed`` are the names of gateways that it
    could not check. After an error, the page of the last check remains.
    """
    if not every and not os.path.exists(page_link.page()):
        return []
    guard = {
        "check_timestamp_seconds": int(time.time()),
        "check_duration_seconds": round(took, 3),
        "check_failed_gateways": len(failed),
    }
    lines: list[str] = []
    text = render(every, seen, guard, lines)
    lines += _save(every, seen)
    try:
        # The next check replaces the page, so it need not be flushed to disk.
        files.write_atomic(page_link.page(), text, sync=False)
    except OSError as exc:
        lines.append("the metrics page cannot be written: %s" % exc)
    return lines


def _save(every: Collection[Settings], seen: dict[str, Seen]) -> list[str]:
    """Save the counters of all gateways; returns a line for each failure."""
    lines = []
    for settings in every:
        one = seen.get(settings.name)
        try:
            if one is not None and one.counters is not None:
                one.counters.save()
        except (OSError, ValueError) as exc:
            lines.append("%s: its counters cannot be written: %s" % (settings.name, exc))
    return lines


def render(
    every: Collection[Settings], seen: dict[str, Seen], guard: dict[str, Any], lines: list[str]
) -> str:
    """The page; ``lines`` gets one for each gateway whose metrics are not available."""
    from .cli import VERSION

    now = time.time()
    found = []
    for settings in every:
        try:
            found.append(page_facts.of_gateway(settings, _loaded(settings, seen), now))
        except Exception as exc:  # pylint: disable=broad-exception-caught
            # Its samples contain a user's text; the others must stay on the page.
            lines.append("%s: its metrics are not available: %s" % (settings.name, exc))
            found.append({"gateway": settings.name, "up": 0})
    guard["info"] = metrics.labels(version=VERSION)
    guard["gateways"] = len(found)
    if every:
        guard["check_interval_seconds"] = max(settings.interval for settings in every)
    return metrics.page(guard, found)


def _loaded(settings: Settings, seen: dict[str, Seen]) -> Seen:
    """The gateway's results in this check, completed from its stored records."""
    one = seen.get(settings.name)
    if one is None:
        # Its user took too long, or its systemd does not answer: its process may still be running.
        one = seen[settings.name] = progress.Seen(None, last_seen.alive(settings))
    if one.counters is None:
        known = counters.Counters(settings.folder)
        if one.run is None or one.gateway is None:
            # The cgroup was removed at the end of the run.
            one.limit = known.run.get("limit") or proc.host_memory()["total_bytes"]
        elif not one.limit:
            one.limit = limits.kernel_limit(one.gateway)
        one.verdict = verdict_cache.read(settings.folder)
        one.counters = known
    return one


def _is_due(settings: Settings, one: Seen, now: float) -> bool:
    """Whether a query may be due for the page; page_questions.py checks each one."""
    return (
        timer_is_due(settings, one, now)
        or one.counters is not None
        and one.counters.is_over(one.run)
        or verdict_cache.is_due(one.verdict, one.run, one.limit, now)
    )


def timer_stamp(settings: Settings) -> int | None:
    """The modification time of the gateway's restart timer file; None without a timer."""
    try:
        return os.stat(restart_calendar.path(settings.name)).st_mtime_ns
    except OSError:
        return None


def timer_is_due(settings: Settings, one: Seen, now: float) -> bool:
    """Whether the next elapse of the gateway's restart timer must be queried from systemd."""
    known = {} if one.counters is None else one.counters.timer
    stamp = timer_stamp(settings)
    if stamp is None:
        return bool(known)
    asked, elapse = metrics.finite(known.get("asked")), metrics.finite(known.get("next"))
    if stamp != known.get("stamp") or asked is None or elapse is None or elapse <= now:
        return True
    return not 0 <= now - asked < TIMER_SECONDS
