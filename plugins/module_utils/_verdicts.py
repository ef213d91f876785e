# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on each gateway of this host: its history and its limit, brought together."""
from __future__ import annotations

import os
import time

from . import _compare, _conf, _discover, _history, _proc, _sample, _series, _suspend, _trend

# How far back the journal is read where there is no history.
FIRST_DAY_HOURS = 720


def of_names(names, points=0):
    """As of_gateways for the configured gateways ``names`` (empty: all). ConfError names one that is not configured."""
    every = _conf.load()
    unknown = sorted(set(names).difference(every))
    if unknown:
        raise _conf.ConfError("names: %r is not configured on this host; there are: %s" % (unknown[0], ", ".join(sorted(every)) or "none"))
    return of_gateways([every[name] for name in sorted(every) if not names or name in names], points)


def of_gateways(every, points=0):
    """What _trend.trend says of each of ``every`` (list of Settings), by name; with up to ``points`` of its history for a chart where asked."""
    now = _discover.reload(every)
    return {settings.name: _one(settings, now.get(settings.name), points) for settings in every}


def _one(settings, gateway, points):
    running = gateway is not None and gateway.pid is not None and not gateway.problem
    series, problem = _read(settings)
    if not len(series) and running:
        # The first day: what can be seen now is a start.
        row = _sample.take(gateway, settings)
        before = _earlier_lives(gateway)
        problem = problem or "there is no history yet; the figures are those of now%s" % (
            " and the memory peaks that systemd logged at %d earlier stops" % len(before) if before else "")
        series = _series.of_rows(before + ([row] if row else []))
    if problem:
        series.notes.append(problem)
    limit_bytes, limit_from = limit(settings, gateway if running else None, series)
    answer = _trend.trend(series, limit_bytes, time.time(), settings.trend_scale, limit_from)
    answer["running"] = gateway is not None and gateway.pid is not None
    answer["suspended_until"] = _suspend.until(settings.folder)
    if points:
        answer["chart"] = _trend.chart(series, points)
    return answer


def _earlier_lives(gateway):
    """What systemd logged of earlier lives when they ended, as one sample each (list of dict): their memory peak, after their uptime."""
    # Needed on the first day only, by what is started up to 1,440 times a day.
    from . import _oom
    return [
        {"timestamp": life["time"], "invocation_id": life["invocation_id"], "uptime_seconds": life["uptime_seconds"], "rss_bytes": life["peak_bytes"]}
        for life in _oom.find([gateway], FIRST_DAY_HOURS)["lives"]
    ]


def of_change(every, since=None):
    """What _compare.compare says of each of ``every`` (list of Settings), by name."""
    return {settings.name: _compare.compare(_read(settings)[0], since, settings.trend_scale) for settings in every}


def _read(settings):
    path = os.path.join(settings.folder, _history.NAME)
    if not os.path.exists(path):
        return _series.of_rows([]), None
    try:
        return _series.of_file(path), None
    except _series.SeriesError as exc:
        # The other gateways, and what can be seen of this one now, are the rest of the answer.
        return _series.of_rows([]), str(exc)


def limit(settings, gateway, series):
    """(bytes that the gateway must stay below, where that is said): its cgroup's limit, else the watchdog's threshold, else the RAM that is left to it."""
    most = _proc.cgroup_memory(gateway.control_group)["cgroup_max_bytes"] if gateway else None
    if most:
        return most, "MemoryMax"
    if settings.threshold is not None:
        return settings.threshold, "the watchdog's threshold"
    own = series.footprint[-1] if gateway and len(series) else 0
    return int(_proc.host_memory()["available_bytes"] + own), "available RAM"
