# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of metrics of this host: hermes-guard.prom, which a full check writes at its end.

The textfile collector of node_exporter reads it. All gateways are on it, those too that do not run
or could not be sampled; one that guard.conf no longer names is not on the next one.
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
    progress,
    verdict_cache,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from .config import Settings
    from .progress import Seen

# Seconds: an operator may have stopped a timer, or started it.
TIMER_SECONDS = 3600
TIMERS = "/etc/systemd/system"


def path() -> str:
    """The file that the page is written to."""
    return os.path.join(config.STATE, guard_program.PAGE)


def lock() -> file_lock.Lock | None:
    """The lock of the check that writes the page: an operator may run one beside the timer's.

    Both would begin with the same counters, and the one that ends last would take back what the
    other has counted. To Prometheus, a counter that falls has begun anew. None if the disk is
    read-only: write() says so.
    """
    try:
        return file_lock.Lock(os.path.join(config.STATE, guard_program.PAGE_LOCK))
    except OSError:
        return None


def age() -> float | None:
    """The seconds since a check has written the page; None if there is none."""
    try:
        return abs(time.time() - os.stat(path()).st_mtime)
    except OSError:
        return None


def prepare(every: Collection[Settings], seen: dict[str, Seen]) -> None:
    """Ask what the page needs and a check does not know: it may take long, and is due seldom."""
    now = time.time()
    wanted = []
    for settings in every:
        try:
            wanted.append((settings, _loaded(settings, seen)))
        except Exception:  # pylint: disable=broad-exception-caught
            # What is wrong with it, write() says.
            continue
    if any(_is_due(settings, one, now) for settings, one in wanted):
        # Not at the top: most checks ask nothing.
        from . import page_questions

        page_questions.ask(wanted, now)


def write(
    every: Collection[Settings], seen: dict[str, Seen], took: float, failed: Collection[str]
) -> list[str]:
    """Write the page, and the counters that are on it; a line for each thing that went wrong.

    ``took``: how long the check took, in seconds; ``failed`` are the names of gateways that it
    could not check. An error leaves the page of the last check.
    """
    if not every and not os.path.exists(path()):
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
        # The next check writes it anew: no disk has to wait for it.
        files.write_atomic(path(), text, sync=False)
    except OSError as exc:
        lines.append("the page of metrics cannot be written: %s" % exc)
    return lines


def _save(every: Collection[Settings], seen: dict[str, Seen]) -> list[str]:
    """Keep the counters of all gateways; a line for each of which that failed."""
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
    """The page; ``lines`` gets one for each gateway of which only the name can be told."""
    from .cli import VERSION

    now = time.time()
    found = []
    for settings in every:
        try:
            found.append(page_facts.of_gateway(settings, _loaded(settings, seen), now))
        except Exception as exc:  # pylint: disable=broad-exception-caught
            # Its samples quote a user; the others are the rest of the page.
            lines.append("%s: its metrics cannot be told: %s" % (settings.name, exc))
            found.append({"gateway": settings.name, "up": 0})
    guard["info"] = metrics.labels(version=VERSION)
    guard["gateways"] = len(found)
    if every:
        guard["check_interval_seconds"] = max(settings.interval for settings in every)
    return metrics.page(guard, found)


def _loaded(settings: Settings, seen: dict[str, Seen]) -> Seen:
    """What was seen of the gateway, with what is kept of it."""
    one = seen.get(settings.name)
    if one is None:
        # Its user took too long, or its systemd does not answer: its process may run all the same.
        one = seen[settings.name] = progress.Seen(None, last_seen.alive(settings))
    if one.counters is None:
        known = counters.Counters(settings.folder)
        if one.run is None or one.gateway is None:
            # The cgroup went with the run.
            one.limit = known.run.get("limit") or proc.host_memory()["total_bytes"]
        elif not one.limit:
            one.limit = limits.kernel_limit(one.gateway)
        one.verdict = verdict_cache.read(settings.folder)
        one.counters = known
    return one


def _is_due(settings: Settings, one: Seen, now: float) -> bool:
    """Whether anything is to be asked for the page, at most: page_questions.py looks closer."""
    return (
        timer_is_due(settings, one, now)
        or one.counters is not None
        and one.counters.is_over(one.run)
        or verdict_cache.is_due(one.verdict, one.run, one.limit, now)
    )


def timer_stamp(settings: Settings) -> int | None:
    """When the file of the gateway's restart timer was last changed; None without a timer."""
    try:
        return os.stat(os.path.join(TIMERS, settings.restart_timer)).st_mtime_ns
    except OSError:
        return None


def timer_is_due(settings: Settings, one: Seen, now: float) -> bool:
    """Whether systemd is to be asked when the gateway's restart timer fires next."""
    known = {} if one.counters is None else one.counters.timer
    stamp = timer_stamp(settings)
    if stamp is None:
        return bool(known)
    asked, elapse = metrics.finite(known.get("asked")), metrics.finite(known.get("next"))
    if stamp != known.get("stamp") or asked is None or elapse is None or elapse <= now:
        return True
    return not 0 <= now - asked < TIMER_SECONDS
