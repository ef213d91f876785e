# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the metrics page in Prometheus' classic text format. Pure functions.

Names, types, labels and label values are an interface for alert rules and dashboards. A value that
a user of the host can choose freely is never a label, because each new value is a new series.
"""

from __future__ import annotations

import functools
import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Dict, Union

    # A number, or numbers by their labels as written by label(); None or {} if unknown.
    Value = Union[float, Dict[str, float], None]
    # The values by metric name; for a gateway also its name, as "gateway".
    Facts = dict[str, Any]

STATES = ("active", "activating", "deactivating", "failed", "gone", "inactive", "reloading")
VERDICTS = ("flat", "insufficient", "leak", "saturating", "sawtooth", "spiky", "step", "suspected")
TRIGGERS = ("operator", "timer", "watchdog")
MODES = ("drain", "emergency", "idle", "resume", "second-try")
# The codes of ledger entries, by event.
FAILURES = ("error", "not-up", "stopped")
REFUSALS = (
    "busy",
    "changed",
    "cooldown",
    "daily-cap",
    "draining",
    "gone",
    "starting",
    "stopped",
    "suspended",
    "unanswered",
    "unsafe",
    "young",
)
ALERTS = (
    "config",
    "daily-cap",
    "down",
    "frozen",
    "gone",
    "limit",
    "near-limit",
    "no-unit",
    "silent",
    "stuck",
    "threshold",
    "unanswered",
    "unsafe",
)

# Metrics of each gateway: the name after "hermes_gateway_", the type, the help text.
GATEWAY = (
    ("info", "gauge", "Information about the gateway; always 1."),
    ("up", "gauge", "Whether the unit is active and its main process is running."),
    (
        "unit_state",
        "gauge",
        "ActiveState of the gateway's systemd unit, or gone: 1 for the current state.",
    ),
    (
        "start_time_seconds",
        "gauge",
        "Start of the gateway's main process since unix epoch in seconds.",
    ),
    ("sample_timestamp_seconds", "gauge", "Time of the newest sample since unix epoch in seconds."),
    (
        "memory_footprint_bytes",
        "gauge",
        "Resident memory and swap of the gateway and its child processes; the watchdog compares"
        " this with the threshold.",
    ),
    ("memory_resident_bytes", "gauge", "Resident memory of the gateway's main process."),
    ("memory_anonymous_bytes", "gauge", "Anonymous resident memory of the gateway's main process."),
    ("memory_swap_bytes", "gauge", "Swapped out memory of the gateway and its child processes."),
    (
        "memory_cgroup_bytes",
        "gauge",
        "Memory that the kernel charges to the unit's cgroup, including page cache.",
    ),
    (
        "memory_limit_bytes",
        "gauge",
        "Memory limit of the gateway: the lowest limit of its unit's cgroup and the parents, else"
        " the RAM of the host.",
    ),
    ("memory_threshold_bytes", "gauge", "Footprint above which the watchdog acts."),
    (
        "memory_verdict",
        "gauge",
        "Verdict on the gateway's memory history: 1 for the current verdict.",
    ),
    (
        "memory_verdict_timestamp_seconds",
        "gauge",
        "Time of the last verdict since unix epoch in seconds.",
    ),
    (
        "memory_growth_bytes_per_second",
        "gauge",
        "Growth of the memory baseline within a run (Sen's slope).",
    ),
    (
        "memory_growth_lower_bytes_per_second",
        "gauge",
        "Lower end of the 95 % interval of the growth.",
    ),
    (
        "memory_growth_upper_bytes_per_second",
        "gauge",
        "Upper end of the 95 % interval of the growth.",
    ),
    (
        "memory_limit_reached_timestamp_seconds",
        "gauge",
        "Time when memory_limit_bytes is reached at that growth, since unix epoch in seconds.",
    ),
    (
        "memory_limit_reached_earliest_timestamp_seconds",
        "gauge",
        "The same at the upper end of the growth's interval.",
    ),
    (
        "memory_limit_reached_latest_timestamp_seconds",
        "gauge",
        "The same at the lower end of the growth's interval.",
    ),
    (
        "next_restart_timestamp_seconds",
        "gauge",
        "Next calendar restart, since unix epoch in seconds.",
    ),
    (
        "restarts_suspended_until_timestamp_seconds",
        "gauge",
        "End of the suspension of calendar restarts, since unix epoch in seconds.",
    ),
    ("restarts_total", "counter", "Restarts by the arbiter, by trigger and mode."),
    (
        "restart_failures_total",
        "counter",
        "Restarts after which the gateway did not come up, by reason.",
    ),
    (
        "restart_refusals_total",
        "counter",
        "Restarts that the arbiter refused, by reason; a repetition of the last one counts once.",
    ),
    (
        "alerts_total",
        "counter",
        "Alerts that the watchdog raised; once in each run of the gateway.",
    ),
    ("oom_kills_total", "counter", "OOM-killed processes of the gateway."),
    ("watchdog_restart_enabled", "gauge", "Whether the watchdog restarts (1) or only alerts (0)."),
    ("watchdog_restarts_last_day", "gauge", "Restarts by the watchdog in the last 24 hours."),
    (
        "watchdog_restarts_last_day_max",
        "gauge",
        "Maximum number of restarts by the watchdog in 24 hours.",
    ),
    ("frozen", "gauge", "Whether the event loop has been frozen for 5 minutes or longer."),
    (
        "heartbeat_timestamp_seconds",
        "gauge",
        "Last heartbeat of the event loop since unix epoch in seconds.",
    ),
    ("active_agents", "gauge", "In-flight turns reported by the gateway."),
)
# Metrics of the guard itself: the name after "hermes_guard_".
GUARD = (
    ("info", "gauge", "The version of hermes-guard; always 1."),
    ("check_timestamp_seconds", "gauge", "End of the last check since unix epoch in seconds."),
    ("check_interval_seconds", "gauge", "Interval between checks."),
    ("check_duration_seconds", "gauge", "Duration of the last check."),
    ("check_failed_gateways", "gauge", "Gateways that the last check could not check completely."),
    ("gateways", "gauge", "Gateways that the guard manages."),
)


def page(guard: Facts, gateways: Iterable[Facts]) -> str:
    """The metrics page: ``guard`` by the names of GUARD, ``gateways`` by the names of GATEWAY.

    Omits metrics that are missing or None.
    """
    lines: list[str] = []
    labelled = [(label("gateway", one["gateway"]), one) for one in gateways]
    for name, kind, text in GATEWAY:
        _family(
            lines, "hermes_gateway_" + name, (kind, text), [(n, f.get(name)) for n, f in labelled]
        )
    for name, kind, text in GUARD:
        _family(lines, "hermes_guard_" + name, (kind, text), [("", guard.get(name))])
    lines.append("")
    return "\n".join(lines)


def _family(
    lines: list[str], name: str, about: tuple[str, str], values: Iterable[tuple[str, Value]]
) -> None:
    """Add one metric to ``lines``; ``values`` are pairs of a common label and a value."""
    before = len(lines)
    lines += ("# HELP %s %s" % (name, about[1]), "# TYPE %s %s" % (name, about[0]))
    for common, value in values:
        if isinstance(value, dict):
            start = "%s{%s" % (name, common + "," if common else "")
            lines += ["%s%s} %s" % (start, more, _number(one)) for more, one in value.items()]
        elif value is not None:
            lines.append("%s%s %s" % (name, "{%s}" % common if common else "", _number(value)))
    if len(lines) == before + 2:
        del lines[before:]


def label(name: str, value: str) -> str:
    """The text of a label, with its value escaped."""
    if not value.isascii():
        # Invalid Unicode would make the whole page unwritable.
        value = value.encode("utf-8", "replace").decode()
    if "\\" in value or '"' in value or "\n" in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '%s="%s"' % (name, value)


def labels(**values: str) -> dict[str, float]:
    """The value 1 with several labels, for an "info" metric."""
    return {",".join(label(name, value) for name, value in values.items()): 1}


def one_of(name: str, allowed: tuple[str, ...], value: str | None) -> dict[str, float]:
    """1 for the ``allowed`` label equal to ``value`` and 0 for all others."""
    return {text: one == value for one, text in _labels_of(name, allowed).items()}


def counts(name: str, allowed: tuple[str, ...], found: Mapping[str, int]) -> dict[str, float]:
    """The count of each ``allowed`` label, including 0: a counter must not start at 1."""
    return {text: found.get(one, 0) for one, text in _labels_of(name, allowed).items()}


def restarts(found: Mapping[str, int]) -> dict[str, float]:
    """The restart counts in ``found``, which is keyed by "TRIGGER MODE"."""
    return {text: found.get(one, 0) for one, text in _labels_of_restarts().items()}


# Cached: all gateways of a page use the same labels.
@functools.lru_cache(maxsize=None)
def _labels_of(name: str, allowed: tuple[str, ...]) -> dict[str, str]:
    """The labels by value."""
    return {one: '%s="%s"' % (name, one) for one in allowed}


@functools.lru_cache(maxsize=None)
def _labels_of_restarts() -> dict[str, str]:
    """The labels by "TRIGGER MODE"."""
    return {
        "%s %s" % (trigger, mode): 'trigger="%s",mode="%s"' % (trigger, mode)
        for trigger in TRIGGERS
        for mode in MODES
    }


def finite(value: object) -> float | None:
    """``value`` if it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value


def _number(value: float) -> str:
    if isinstance(value, int):
        return "%d" % value
    try:
        return "%d" % value if value == int(value) else repr(float(value))
    except (ValueError, OverflowError):
        # An invalid number of one gateway must not break the page.
        return "NaN"
