# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Computes the verdict on each gateway of this host from its history and its limit."""

from __future__ import annotations

import os
import time

from .._hermes import known_leaks, unit_journal
from .._host import cgroup, choice
from .._host.display import HOUR, MB
from .._host.errors import HistoryError, SettingError, host_faults
from .._trend import analysis, chart, comparison, samples
from . import (
    cadence,
    config,
    down,
    ended,
    history,
    limits,
    managed,
    restart_calendar,
    sampling,
    set_calendar,
    suspension,
    verdict_cache,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._hermes.discovery import Gateway
    from .managed import ManagedGateway

# More than the pixels of a chart in a report.
MOST_POINTS = 300
# In hours: how far back the journal is read without a history.
FIRST_DAY_HOURS = 720


@host_faults
def collect(names: list[str], points: int = 0, since: str | None = None) -> dict[str, Any]:
    """The result of memory_trend_info: ``trends`` and, with ``since``, ``changes``, by name.

    Covers the configured gateways ``names``, or all if it is empty. Raises SettingError for a name
    that is not configured and for an invalid value.
    """
    if not 0 <= points <= MOST_POINTS:
        raise SettingError("points: invalid number %d: expected 0 to %d" % (points, MOST_POINTS))
    try:
        change = None if since is None else comparison.moment(since)
    except ValueError as exc:
        raise SettingError("since: %s" % exc) from exc
    chosen = choice.select(
        "gateways", names, config.load().values(), "is not configured on this host"
    )
    answer = {"trends": of_gateways(chosen, points)}
    if since is not None:
        answer["changes"] = of_change(chosen, change)
    return answer


def of_gateways(every: list[config.Settings], points: int = 0) -> dict[str, dict[str, Any]]:
    """The result of analysis.trend for each of ``every``, by name.

    Includes up to ``points`` points of the history for a chart.
    """
    now = managed.refresh(every)
    verdicts = {
        settings.name: _one_or_why(settings, now.get(settings.name), points) for settings in every
    }
    set_calendar.compare(every, verdicts)
    return verdicts


def growth(settings: config.Settings, limit_bytes: int) -> dict[str, Any]:
    """``verdict``, ``grows`` and, in bytes per second, ``slope``, ``low`` and ``high``.

    Also ``recommended_restart_hours``, ``longest_run_hours`` and ``span_hours`` of the verdict.
    Used for the metrics page: reads only the history, not systemd or the journal. ``grows``:
    whether the growth continues until ``limit_bytes`` is reached.
    """
    series, _problem = _read(settings)
    answer = analysis.trend(series, limit_bytes, time.time(), None, known_leaks.known)
    low, high = answer["slope_ci"] or (None, None)
    rates = {"slope": answer["slope_mb_per_hour"], "low": low, "high": high}
    return dict(
        {name: None if one is None else one * MB / HOUR for name, one in rates.items()},
        verdict=answer["verdict"],
        grows=answer["hours_to_limit"] is not None,
        **{name: answer[name] for name in verdict_cache.OF_CADENCE},
    )


def _one_or_why(
    settings: config.Settings, gateway: ManagedGateway | None, points: int
) -> dict[str, Any]:
    """Like _one; on an error, the verdict for an empty history, with the reason in its notes."""
    try:
        return _one(settings, gateway, points)
    except Exception as exc:  # pylint: disable=broad-exception-caught
        # Its state and journal belong to a user and may be hostile; the others must not suffer.
        series = samples.of_rows([])
        series.notes.append(_why(exc))
        answer = analysis.trend(series, settings.threshold, time.time(), None, known_leaks.known)
        answer["running"] = gateway is not None and gateway.pid is not None
        answer["down"] = None
        answer["ends"] = []
        answer["suspended_until"] = None
        if points:
            answer["chart"] = chart.thin(series, points)
        return answer


def _why(exc: Exception) -> str:
    return "its memory cannot be analysed: %s" % (exc or type(exc).__name__)


def recommended_cadences(names: list[str]) -> dict[str, str | None]:
    """The restart cadence for each gateway of ``names``, such as "12h"; None for never.

    It changes only with the recommendation, so a second run with
    ``hermes_restart_timer_every: auto`` changes nothing.
    """
    every = config.load(config.FOLDER)
    verdicts = of_gateways([every[name] for name in names if name in every])
    return {
        name: cadence.followed(verdicts.get(name), restart_calendar.installed_hours(name))
        for name in names
    }


def _one(settings: config.Settings, gateway: ManagedGateway | None, points: int) -> dict[str, Any]:
    live = gateway if gateway is not None and gateway.pid is not None else None
    seen = _usable(gateway)
    series, problem = _read(settings)
    if not len(series) and seen is not None:
        # On the first day, start with the current values.
        row = sampling.take(seen)
        before = _earlier_runs(seen)
        problem = problem or "no history yet: the figures are current values%s" % (
            " and the memory peaks that systemd logged at %d earlier stops" % len(before)
            if before
            else ""
        )
        series = samples.of_rows(before + ([row] if row else []))
    if problem:
        series.notes.append(problem)
    limit_bytes, limit_from = _limit(settings, seen, series)
    answer = analysis.trend(series, limit_bytes, time.time(), limit_from, known_leaks.known)
    answer["running"] = live is not None
    # If systemd does not answer, this is unknown.
    is_down = gateway is not None and down.is_down(gateway)
    answer["down"] = down.sentence(gateway, settings) if is_down else None
    answer["ends"] = ended.recent(settings.folder)
    has_timer = restart_calendar.is_installed(settings.name)
    answer["suspended_until"] = suspension.until(settings.folder) if has_timer else None
    if points:
        answer["chart"] = chart.thin(series, points)
    return answer


def _usable(gateway: ManagedGateway | None) -> ManagedGateway | None:
    """``gateway`` if it runs and has no problem."""
    if gateway is None or gateway.pid is None or gateway.problem:
        return None
    return gateway


def _limit(
    settings: config.Settings, seen: ManagedGateway | None, series: samples.Series
) -> cgroup.Limit:
    """The limit of the forecast in bytes, and its source; ``seen`` is the result of _usable."""
    used = series.footprint[-1] if seen is not None and len(series) else 0
    return limits.forecast_limit(settings, seen, used)


def _earlier_runs(gateway: Gateway) -> list[dict[str, Any]]:
    """Earlier runs as logged by systemd when they ended, as one sample each.

    Each sample is the memory peak at the end of the run.
    """
    return [
        {
            "timestamp": run.time,
            "invocation_id": run.invocation_id,
            "uptime_seconds": run.uptime_seconds,
            "rss_bytes": run.peak_bytes,
        }
        for run in unit_journal.earlier_runs(gateway, FIRST_DAY_HOURS)
    ]


def of_change(
    every: list[config.Settings], since: float | None = None
) -> dict[str, dict[str, Any]]:
    """The result of comparison.compare for each of ``every``, by name.

    ``since`` is in epoch seconds, or None for the last change of the version.
    """
    now = managed.refresh(every)
    return {settings.name: _change(settings, now.get(settings.name), since) for settings in every}


def _change(
    settings: config.Settings, gateway: ManagedGateway | None, since: float | None
) -> dict[str, Any]:
    try:
        series, _problem = _read(settings)
        limit_bytes, _source = _limit(settings, _usable(gateway), series)
        return comparison.compare(series, since, limit_bytes)
    except Exception as exc:  # pylint: disable=broad-exception-caught
        return dict(comparison.compare(samples.of_rows([]), since), why=_why(exc))


def _read(settings: config.Settings) -> tuple[samples.Series, str | None]:
    """The history of a gateway, and its problem or None."""
    path = os.path.join(settings.folder, history.NAME)
    if not os.path.exists(path):
        return samples.of_rows([]), None
    try:
        return samples.of_file(path), None
    except HistoryError as exc:
        # The answer still includes the other gateways and the current values of this one.
        return samples.of_rows([]), str(exc)
