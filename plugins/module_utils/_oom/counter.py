# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds OOM kills by the counter of a gateway's cgroup, as recorded in the history.

The history survives restarts of the unit and the rotation of the journal; each run has a new
counter.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from .._guard import config, history
from .._hermes.discovery import Gateway
from .._host import cgroup
from .kill import COUNTER, MAX_KILLS, SAME_KILL, Kill

# A month of samples every five minutes has 8,640.
_MAX_SAMPLES = 10000
# Kills at one step of the counter: a hundred entries are as useful as a thousand.
_MAX_COUNTED = 100
# Seconds. The history has a sample every few minutes; a rise over a longer gap has no known time.
_DATED = 3600


class Reading(NamedTuple):
    """The value of the counter at ``time``, and the run with its uptime; None is unknown."""

    time: float
    oom_kills: int | None
    uptime_seconds: float | None
    invocation_id: str | None = None


class Rise(NamedTuple):
    """A rise of the counter by ``kills`` between ``after`` and ``time``."""

    after: float
    time: float
    kills: int


class Seen(NamedTuple):
    """The period in which samples show a pid as the gateway's."""

    first: float
    last: float


class Counted(NamedTuple):
    """The current counter, its rises in the requested period, and earlier kills of unknown time."""

    oom_kills: int | None
    rises: list[Rise]
    undated: int


def samples(gateway: Gateway, since: float) -> list[dict[str, Any]]:
    """The history of ``gateway`` from the last sample before ``since`` on. Raises OSError."""
    rows = history.tail(os.path.join(config.STATE, gateway.name), _MAX_SAMPLES)
    before = [index for index, row in enumerate(rows) if row["timestamp"] < since]
    return rows[before[-1] :] if before else rows


def pids(rows: list[dict[str, Any]]) -> dict[int, Seen]:
    """The pids in ``rows`` of the history."""
    seen: dict[int, Seen] = {}
    for row in rows:
        pid, time = row["pid"], row["timestamp"]
        if pid:
            first = seen[pid].first if pid in seen else time - (row["uptime_seconds"] or 0)
            seen[pid] = Seen(first, time)
    return seen


def count(gateway: Gateway, rows: list[dict[str, Any]], since: float, now: float) -> Counted:
    """The counter of ``gateway`` at ``now``, and its rises in ``rows`` of the history."""
    present = cgroup.memory(gateway.control_group)["oom_kills"]
    readings = [
        Reading(row["timestamp"], row["oom_kills"], row["uptime_seconds"], row["invocation_id"])
        for row in rows
    ]
    readings.append(Reading(now, present, gateway.uptime_seconds, gateway.invocation_id))
    every = rises(readings)
    dated = [rise for rise in every if rise.after >= since - _DATED]
    undated = sum(rise.kills for rise in every) - sum(rise.kills for rise in dated)
    return Counted(present, dated, undated)


def rises(readings: list[Reading]) -> list[Rise]:
    """Each rise of the counter between successive ``readings`` with a value."""
    found = []
    last = None
    for reading in readings:
        value = reading.oom_kills
        if value is None:
            continue
        after = reading.time - (reading.uptime_seconds or 0)
        rise = value
        if last is not None and last.oom_kills is not None:
            if _is_new_run(last, reading):
                after = max(after, last.time)
            else:
                after = last.time
                rise = value - last.oom_kills
        if rise:
            found.append(Rise(after, reading.time, rise))
        last = reading
    return found


def _is_new_run(last: Reading, reading: Reading) -> bool:
    """Whether the run changed; a counter that falls is a new run too."""
    if (reading.oom_kills or 0) < (last.oom_kills or 0):
        return True
    return len({reading.invocation_id, last.invocation_id} - {None}) > 1


def add(kills: list[Kill], counted: list[Rise], gateway: Gateway) -> None:
    """Add to ``kills`` those that only the counter shows, at the time of the sample."""
    own = [kill for kill in kills if kill.name == gateway.name]
    # Each rise is at least one kill, so these are enough for the list.
    for rise in counted[-MAX_KILLS:]:
        known = [
            kill
            for kill in own
            if not kill.counted and rise.after - SAME_KILL <= kill.time <= rise.time + SAME_KILL
        ][: rise.kills]
        for kill in known:
            kill.counted = True
        for _more in range(min(rise.kills - len(known), _MAX_COUNTED)):
            kill = Kill(gateway, rise.time, COUNTER)
            kill.counted = True
            kills.append(kill)
