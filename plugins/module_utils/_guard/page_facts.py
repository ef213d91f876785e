# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects the metrics of one gateway for the metrics page, by the names of metrics.GATEWAY."""

from __future__ import annotations

import os
import re

from .._host import guard_program
from . import history, metrics, sampling, verdict_cache
from .counters import Counters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .config import Settings
    from .progress import Seen

# A short-lived state of newer systemd versions, mapped to a known one.
_STATE = {"refreshing": "reloading"}
# The version comes from a user: it becomes a label only if it matches this.
_VERSION = r"v?[0-9]{1,4}(?:\.[0-9]{1,4}){1,3}(?:[.+-]?[a-z]{1,8}[0-9]{0,4})?\Z"
_CODES = (
    ("restart_failures_total", "failures", metrics.FAILURES),
    ("restart_refusals_total", "refusals", metrics.REFUSALS),
    ("alerts_total", "alerts", metrics.ALERTS),
)


def of_gateway(settings: Settings, one: Seen, now: float) -> metrics.Facts:
    """All metrics of the gateway; adds its sample to the counters of ``one``."""
    counters = one.counters = one.counters or Counters(settings.folder)
    facts: metrics.Facts = {
        "gateway": settings.name,
        "up": one.run is not None,
        "unit_state": metrics.one_of(
            "state", metrics.STATES, _STATE.get(one.state or "", one.state)
        ),
        "memory_limit_bytes": one.limit,
        "restarts_total": metrics.restarts(counters.totals["restarts"]),
        "next_restart_timestamp_seconds": metrics.finite(counters.timer.get("next")),
        "restarts_suspended_until_timestamp_seconds": _suspended(settings.folder, now),
    }
    for name, key, codes in _CODES:
        facts[name] = metrics.counts("code", codes, counters.totals[key])
    if settings.threshold is not None:
        facts["memory_threshold_bytes"] = settings.threshold
        facts["watchdog_restart_enabled"] = settings.action == "restart"
        facts["watchdog_restarts_last_day"] = counters.of_last_day(now)
        facts["watchdog_restarts_last_day_max"] = settings.daily_cap
    facts.update(_of_run(one, counters, now))
    facts["sample_timestamp_seconds"] = _sampled(settings.folder, one)
    facts.update(_of_verdict(one, facts.get("memory_footprint_bytes"), now))
    facts["oom_kills_total"] = counters.totals["oom_kills"]
    version = counters.run.get("version")
    facts["info"] = metrics.labels(
        unit=settings.unit,
        scope=settings.scope,
        version=version if isinstance(version, str) else "",
    )
    return facts


def _of_run(one: Seen, counters: Counters, now: float) -> metrics.Facts:
    """The metrics of a running gateway."""
    run, gateway, row = one.run, one.gateway, one.row
    if run is None or gateway is None:
        return {}
    if row is not None and not counters.waits_for_journal(run):
        counters.saw(run, row, now - (gateway.uptime_seconds or 0))
        # The version is missing if its home did not answer.
        _keep_version(counters, row.get("version"), now)
    counters.keep("limit", one.limit)
    facts: metrics.Facts = {
        "frozen": one.frozen,
        "heartbeat_timestamp_seconds": one.beat and round(one.beat, 1),
    }
    if counters.run.get("id") == run:
        # Constant within a run: a clock correction must not look like a restart.
        facts["start_time_seconds"] = metrics.finite(counters.run.get("start"))
    if row is None:
        return facts
    return dict(
        facts,
        memory_footprint_bytes=sampling.footprint(row),
        memory_resident_bytes=row["rss_bytes"],
        memory_anonymous_bytes=row["anon_bytes"],
        memory_swap_bytes=row["swap_bytes"],
        memory_cgroup_bytes=row["cgroup_bytes"],
        active_agents=row["active_agents"],
    )


def _keep_version(counters: Counters, version: str | None, now: float) -> None:
    """Store the first version that this run reports: its user may change it later."""
    if counters.run.get("version") or not version or not re.match(_VERSION, version):
        return
    if counters.admits(version, now):
        counters.keep("version", version)


def _sampled(folder: str, one: Seen) -> float | None:
    """The time of the newest sample."""
    if one.row is not None:
        return one.row["timestamp"]
    try:
        last = history.tail(folder, 1)
    except OSError:
        return None
    return last[0]["timestamp"] if last else None


def _of_verdict(one: Seen, footprint: float | None, now: float) -> dict[str, Any]:
    verdict = one.verdict
    if "verdict" not in verdict:
        return {}
    facts = {
        "memory_verdict": metrics.one_of("verdict", metrics.VERDICTS, verdict["verdict"]),
        "memory_verdict_timestamp_seconds": int(verdict["judged"]),
        "memory_growth_bytes_per_second": verdict["slope"],
        "memory_growth_lower_bytes_per_second": verdict["low"],
        "memory_growth_upper_bytes_per_second": verdict["high"],
    }
    if footprint is not None:
        for name, moment in zip(
            ("", "_earliest", "_latest"),
            verdict_cache.reached(verdict, int(footprint), one.limit, now),
        ):
            facts["memory_limit_reached%s_timestamp_seconds" % name] = moment and int(moment)
    return facts


def _suspended(folder: str, now: float) -> float | None:
    if not os.path.exists(os.path.join(folder, guard_program.SUSPENDED)):
        return None
    # Rarely needed.
    from . import suspension

    return suspension.until(folder, now)
