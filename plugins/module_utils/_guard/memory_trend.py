# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on each gateway of this host: its history and its limit, brought together."""

from __future__ import annotations

import os
import time

from .._hermes import discovery, known_leaks, unit_journal
from .._host import cgroup, choice, proc
from .._host.errors import HistoryError
from .._trend import analysis, comparison, samples
from . import config, history, sampling, suspension

# How far back the journal is read where there is no history.
FIRST_DAY_HOURS = 720


def of_names(names, points=0):
    """As of_gateways for the configured gateways ``names`` (empty: all). SettingError names one that is not configured."""
    every = config.load().values()
    return of_gateways(
        choice.select("names", names, every, "is not configured on this host"), points
    )


def of_gateways(every, points=0):
    """What analysis.trend says of each of ``every`` (list of Settings), by name; with up to ``points`` of its history for a chart where asked."""
    now = discovery.refresh(every)
    return {settings.name: _one(settings, now.get(settings.name), points) for settings in every}


def _one(settings, gateway, points):
    running = gateway is not None and gateway.pid is not None and not gateway.problem
    series, problem = _read(settings)
    if not len(series) and running:
        # The first day: what can be seen now is a start.
        row = sampling.take(gateway, settings)
        before = _earlier_runs(gateway)
        problem = problem or "there is no history yet; the figures are those of now%s" % (
            " and the memory peaks that systemd logged at %d earlier stops" % len(before)
            if before
            else ""
        )
        series = samples.of_rows(before + ([row] if row else []))
    if problem:
        series.notes.append(problem)
    limit_bytes, limit_from = limit(settings, gateway if running else None, series)
    answer = analysis.trend(series, limit_bytes, time.time(), limit_from, known_leaks.known)
    answer["running"] = gateway is not None and gateway.pid is not None
    answer["suspended_until"] = suspension.until(settings.folder)
    if points:
        answer["chart"] = analysis.chart(series, points)
    return answer


def _earlier_runs(gateway):
    """What systemd logged of earlier runs when they ended, as a sample (dict) each: their memory peak, after their uptime."""
    return [
        {
            "timestamp": run.time,
            "invocation_id": run.invocation_id,
            "uptime_seconds": run.uptime_seconds,
            "rss_bytes": run.peak_bytes,
        }
        for run in unit_journal.earlier_runs(gateway, FIRST_DAY_HOURS)
    ]


def of_change(every, since=None):
    """What comparison.compare says of each of ``every`` (list of Settings), by name."""
    return {settings.name: comparison.compare(_read(settings)[0], since) for settings in every}


def _read(settings):
    path = os.path.join(settings.folder, history.NAME)
    if not os.path.exists(path):
        return samples.of_rows([]), None
    try:
        return samples.of_file(path), None
    except HistoryError as exc:
        # The other gateways, and what can be seen of this one now, are the rest of the answer.
        return samples.of_rows([]), str(exc)


def limit(settings, gateway, series):
    """(bytes that the gateway must stay below, where that is said): its cgroup's limit, else the watchdog's threshold, else the RAM that is left to it."""
    most = cgroup.memory(gateway.control_group)["cgroup_max_bytes"] if gateway else None
    if most:
        return most, "MemoryMax"
    if settings.threshold is not None:
        return settings.threshold, "the watchdog's threshold"
    own = series.footprint[-1] if gateway and len(series) else 0
    return int(proc.host_memory()["available_bytes"] + own), "available RAM"
