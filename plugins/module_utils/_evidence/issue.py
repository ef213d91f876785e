# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the issue for the upstream tracker in Markdown, from the contents of the bundle."""

from __future__ import annotations

from typing import Any, Iterator

from .._host import display

_TEMPLATE = """\
## Gateway memory: {headline}

**What happens.** {why}

| | |
| --- | --- |
{table}

### Memory
{memory}

### OOM kills in the last {hours} h
{kills}

### Memory at earlier stops, as systemd logged it
{lives}

### What could not be read
{notes}

<details><summary>Last lines of gateway.log (message texts and names removed)</summary>

```
{log}
```

</details>

<details><summary>Unit</summary>

```
{unit}
```

</details>

Attached: `memory.csv` and `memory.svg` (drag them into the issue), `hermes-dump.txt`,\
 `hermes-doctor.txt`, `smaps_rollup.txt`, `cgroup.txt`.
Collected on the host by hermes_ops.gateway; secrets and message texts were removed there.\
 Please review it before you post it.
"""
# About one page in the tracker; the bundle has more lines.
LOG_LINES = 60


def markdown(
    summary: dict[str, Any], oom: dict[str, Any], log: str | None, unit: str | None, hours: int
) -> str:
    """The issue for ``summary`` and ``oom``, the result of oom_info for the last ``hours``.

    ``log`` and ``unit`` are redacted, or None if they could not be read.
    """
    trend = summary["verdict"] or {}
    memory = [
        "%s: %s" % (name, display.megabytes(value))
        for name, value in sorted(summary["memory"].items())
    ]
    last_lines = (log or "not read").rstrip("\n").split("\n")[-LOG_LINES:]
    return _TEMPLATE.format(
        headline=_headline(summary, trend),
        why=trend.get("why") or "No history of memory samples exists yet.",
        hours=hours,
        table="\n".join("| %s | %s |" % (name, _cell(value)) for name, value in _facts(summary)),
        memory=_listed(memory, "the gateway is not running"),
        kills=_listed([_kill(kill) for kill in oom["kills"]], "none found"),
        lives=_listed([_run(run) for run in oom["lives"]], "none found"),
        notes=_listed(summary["notes"], "nothing"),
        log=_fenced("\n".join(last_lines)),
        unit=_fenced((unit or "not read").rstrip("\n")),
    )


def _listed(lines: list[str], nothing: str) -> str:
    return "\n".join("- " + line for line in lines or [nothing])


def _headline(summary: dict[str, Any], trend: dict[str, Any]) -> str:
    verdict, slope = trend.get("verdict") or "no verdict yet", trend.get("slope_mb_per_hour")
    rate = ""
    if slope is not None:
        rate = ", %.1f MB/h" % slope
        interval = trend.get("slope_ci") or [None, None]
        if None not in interval:
            rate += " [%.1f, %.1f]" % tuple(interval)
    return "%s%s on Hermes %s" % (verdict, rate, summary["version"] or "of unknown version")


def _facts(summary: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """The rows of the table: a name, and a value that is None if unknown."""
    yield "Hermes", summary["version"]
    yield "Provider, model", "%s, %s" % (summary["provider"] or "?", summary["model"] or "?")
    yield "Channels", ", ".join(summary["channels"]) or "none"
    yield "Scope", summary["scope"]
    uptime = summary["uptime_seconds"]
    yield "State, uptime", "%s, %s" % (summary["state"], _hours(uptime, "-"))
    activity = summary["activity"]
    yield "Messages per hour (24 h)", activity["messages_per_hour"]
    sessions = [activity[key] for key in ("active_sessions", "active_sessions_last_hour")]
    shown = ["?" if count is None else str(count) for count in sessions]
    yield "Active sessions (24 h, last hour)", ", ".join(shown)
    host = summary["host"]
    yield "systemd, kernel", "%s, %s" % (host["systemd"], host["kernel"])
    yield "System", host["system"]
    sizes = [host[key] for key in ("total_bytes", "available_bytes", "swap_total_bytes")]
    yield "RAM, free, swap", ", ".join(display.megabytes(size) for size in sizes)
    yield "Restarts since the unit was loaded", summary["restarts"]


def _hours(seconds: float | None, unknown: str) -> str:
    return unknown if seconds is None else "%.1f h" % (seconds / 3600.0)


def _kill(kill: dict[str, Any]) -> str:
    return "%s pid %s (%s), %s resident, scope %s, reported by %s" % (
        moment(kill["time"]),
        kill["pid"] or "?",
        kill["comm"] or "?",
        display.megabytes(kill["rss_bytes"]),
        kill["scope"] or "?",
        kill["source"],
    )


def _run(run: dict[str, Any]) -> str:
    uptime, peak = _hours(run["uptime_seconds"], "?"), display.megabytes(run["peak_bytes"])
    return "%s after %s: peak %s" % (moment(run["time"]), uptime, peak)


def moment(seconds: float) -> str:
    """The time ``seconds`` (epoch) to the second, because the order of events matters."""
    return display.utc(seconds, "%Y-%m-%d %H:%M:%S UTC")


def _cell(value: object) -> str:
    return "?" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def _fenced(text: str) -> str:
    # A line of the log must not close its own code block.
    return text.replace("```", "'''")
