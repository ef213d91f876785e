# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of metrics: from facts to Prometheus' classic text format. Pure.

The names, types, labels and label values are an interface: alert rules and dashboards use them. No
value that a user of the host can choose freely is a label, as each new one is a new series.
"""

from __future__ import annotations

import functools
import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Dict, Union

    # A number, or numbers by their labels as label() writes them; None or {} if it is unknown.
    Value = Union[float, Dict[str, float], None]
    # The values by the name of the metric; of a gateway also its name, as "gateway".
    Facts = dict[str, Any]

STATES = ("active", "activating", "deactivating", "failed", "gone", "inactive", "reloading")
VERDICTS = ("flat", "insufficient", "leak", "saturating", "sawtooth", "spiky", "step", "suspected")
TRIGGERS = ("operator", "timer", "watchdog")
MODES = ("drain", "emergency", "idle", "resume", "second-try")
# The codes of the ledger's entries, by their event.
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

# Of each gateway, behind "hermes_gateway_": the name, the type, the help text.
GATEWAY = (
    ("info", "gauge", "What is known of the gateway; always 1."),
    ("up", "gauge", "Whether the unit is active and its main process runs."),
    (
        "unit_state",
        "gauge",
        "ActiveState of the gateway's systemd unit, or gone: 1 for the state it is in.",
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
        "Resident memory and swap of the gateway and all that it started: what the watchdog"
        " compares with the threshold.",
    ),
    ("memory_resident_bytes", "gauge", "Resident memory of the gateway's main process."),
    ("memory_anonymous_bytes", "gauge", "Anonymous resident memory of the gateway's main process."),
    ("memory_swap_bytes", "gauge", "Swapped out memory of the gateway and all that it started."),
    (
        "memory_cgroup_bytes",
        "gauge",
        "Memory that the kernel charges to the unit's cgroup, with page cache.",
    ),
    (
        "memory_limit_bytes",
        "gauge",
        "What the gateway must stay below: the least limit of its unit's cgroup and those above"
        " it, else the RAM of the host.",
    ),
    ("memory_threshold_bytes", "gauge", "Footprint above which the watchdog acts."),
    (
        "memory_verdict",
        "gauge",
        "Verdict on the gateway's memory history: 1 for the one that holds.",
    ),
    (
        "memory_verdict_timestamp_seconds",
        "gauge",
        "When the history was judged last, since unix epoch in seconds.",
    ),
    (
        "memory_growth_bytes_per_second",
        "gauge",
        "Growth of the baseline of the memory within a run (Sen's slope).",
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
        "When memory_limit_bytes is reached at that growth, since unix epoch in seconds.",
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
        "Until when calendar restarts are suspended, since unix epoch in seconds.",
    ),
    ("restarts_total", "counter", "Restarts by the arbiter, by who asked and how it was done."),
    (
        "restart_failures_total",
        "counter",
        "Restarts after which the gateway did not come up, by reason.",
    ),
    (
        "restart_refusals_total",
        "counter",
        "Restarts that the arbiter refused, by reason; a repeat of the one before counts once.",
    ),
    (
        "alerts_total",
        "counter",
        "Alarms that the watchdog raised; once in each run of the gateway.",
    ),
    ("oom_kills_total", "counter", "Processes of the gateway killed because memory ran out."),
    ("watchdog_restart_enabled", "gauge", "Whether the watchdog restarts (1) or only alerts (0)."),
    ("watchdog_restarts_last_day", "gauge", "Restarts by the watchdog in the last 24 hours."),
    (
        "watchdog_restarts_last_day_max",
        "gauge",
        "How many restarts in 24 hours the watchdog may do.",
    ),
    ("frozen", "gauge", "Whether the event loop has stood still for 5 minutes or longer."),
    (
        "heartbeat_timestamp_seconds",
        "gauge",
        "Last beat of the event loop since unix epoch in seconds.",
    ),
    ("active_agents", "gauge", "Turns under way, as the gateway says."),
)
# Of the guard itself, behind "hermes_guard_".
GUARD = (
    ("info", "gauge", "The version of hermes-guard; always 1."),
    ("check_timestamp_seconds", "gauge", "End of the last check since unix epoch in seconds."),
    ("check_interval_seconds", "gauge", "How often a check is due."),
    ("check_duration_seconds", "gauge", "How long the last check took."),
    (
        "check_failed_gateways",
        "gauge",
        "Gateways that the last check could not check, or not completely.",
    ),
    ("gateways", "gauge", "Gateways that the guard manages."),
)


def page(guard: Facts, gateways: Iterable[Facts]) -> str:
    """The whole page: of the ``guard`` by the names of GUARD, of ``gateways`` by those of GATEWAY.

    A name that is missing, or whose value is None, is not on the page.
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
    """Add one metric to ``lines``; ``values`` are by the label that all series of each have."""
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
    """A label as it is written, with its value escaped."""
    if not value.isascii():
        # What is no Unicode would make the whole page unwritable.
        value = value.encode("utf-8", "replace").decode()
    if "\\" in value or '"' in value or "\n" in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '%s="%s"' % (name, value)


def labels(**values: str) -> dict[str, float]:
    """The value 1 for several labels: of an "info" metric."""
    return {",".join(label(name, value) for name, value in values.items()): 1}


def one_of(name: str, allowed: tuple[str, ...], value: str | None) -> dict[str, float]:
    """1 for the ``allowed`` label that is ``value`` and 0 for all others."""
    return {text: one == value for one, text in _labels_of(name, allowed).items()}


def counts(name: str, allowed: tuple[str, ...], found: Mapping[str, int]) -> dict[str, float]:
    """What was ``found`` of each ``allowed`` label, 0 included: a counter must not begin with 1."""
    return {text: found.get(one, 0) for one, text in _labels_of(name, allowed).items()}


def restarts(found: Mapping[str, int]) -> dict[str, float]:
    """The counts of restarts, which were ``found`` by "TRIGGER MODE"."""
    return {text: found.get(one, 0) for one, text in _labels_of_restarts().items()}


# Each gateway of a page has the same.
@functools.lru_cache(maxsize=None)
def _labels_of(name: str, allowed: tuple[str, ...]) -> dict[str, str]:
    """The labels by their values."""
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
    """``value`` if it is a number that can be on the page."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value


def _number(value: float) -> str:
    if isinstance(value, int):
        return "%d" % value
    try:
        return "%d" % value if value == int(value) else repr(float(value))
    except (ValueError, OverflowError):
        # No number of one gateway costs the page of the others.
        return "NaN"
