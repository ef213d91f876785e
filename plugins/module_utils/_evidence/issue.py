# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text for upstream's tracker, in Markdown, from what the bundle holds."""

from __future__ import annotations

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

<details><summary>Last lines of gateway.log (texts of messages and names removed)</summary>

```
{log}
```

</details>

<details><summary>Unit</summary>

```
{unit}
```

</details>

Attached: `memory.csv` and `memory.svg` (drag them into the issue), `hermes-dump.txt`, `hermes-doctor.txt`, `smaps_rollup.txt`, `cgroup.txt`.
Collected on the host by hermes_ops.gateway, secrets and the texts of messages removed there. Please read it before you post it.
"""
LOG_LINES = 60


def markdown(summary, verdict, oom, log, unit, hours):
    """The text (str); ``log`` and ``unit`` are texts that were redacted before."""
    trend = verdict or {}
    return _TEMPLATE.format(
        headline=_headline(summary, trend),
        why=trend.get("why") or "There is no history to judge by yet.",
        hours=hours,
        table="\n".join("| %s | %s |" % (name, _cell(value)) for name, value in _facts(summary)),
        memory="\n".join(
            "- %s: %s" % (name, display.megabytes(value))
            for name, value in sorted(summary["memory"].items())
        )
        or "- the gateway does not run",
        kills="\n".join("- %s" % _kill(kill) for kill in oom["kills"]) or "- none found",
        lives="\n".join(
            "- %s after %s: peak %s"
            % (
                moment(life["time"]),
                "?"
                if life["uptime_seconds"] is None
                else "%.1f h" % (life["uptime_seconds"] / 3600.0),
                display.megabytes(life["peak_bytes"]),
            )
            for life in oom["lives"]
        )
        or "- none found",
        notes="\n".join("- " + note for note in summary["notes"]) or "- nothing",
        log=_fenced("\n".join((log or "not read").rstrip("\n").split("\n")[-LOG_LINES:])),
        unit=_fenced((unit or "not read").rstrip("\n")),
    )


def _headline(summary, trend):
    verdict, slope = trend.get("verdict") or "no verdict yet", trend.get("slope_mb_per_hour")
    interval = trend.get("slope_ci") or [None, None]
    rate = (
        ""
        if slope is None
        else ", %.1f MB/h" % slope + ("" if None in interval else " [%.1f, %.1f]" % tuple(interval))
    )
    return "%s%s on Hermes %s" % (verdict, rate, summary["version"] or "of unknown version")


def _facts(summary):
    yield "Hermes", summary["version"]
    yield "Provider, model", "%s, %s" % (summary["provider"] or "?", summary["model"] or "?")
    yield "Channels", ", ".join(summary["channels"]) or "none"
    yield "Scope", summary["scope"]
    yield (
        "State, uptime",
        "%s, %s"
        % (
            summary["state"],
            "-"
            if summary["uptime_seconds"] is None
            else "%.1f h" % (summary["uptime_seconds"] / 3600.0),
        ),
    )
    activity = summary["activity"]
    yield "Messages per hour (24 h)", activity["messages_per_hour"]
    yield (
        "Active sessions (24 h, last hour)",
        "%s, %s"
        % tuple(
            "?" if activity[key] is None else activity[key]
            for key in ("active_sessions", "active_sessions_last_hour")
        ),
    )
    host = summary["host"]
    yield "systemd, kernel", "%s, %s" % (host["systemd"], host["kernel"])
    yield "System", host["system"]
    yield (
        "RAM, free, swap",
        ", ".join(
            display.megabytes(host[key])
            for key in ("total_bytes", "available_bytes", "swap_total_bytes")
        ),
    )
    yield "Restarts since the unit was loaded", summary["restarts"]


def _kill(kill):
    return "%s pid %s (%s), %s resident, scope %s, told by %s" % (
        moment(kill["time"]),
        kill["pid"] or "?",
        kill["comm"] or "?",
        display.megabytes(kill["rss_bytes"]),
        kill["scope"] or "?",
        kill["source"],
    )


def moment(seconds):
    """The time ``seconds`` (epoch) to the second: what happened first matters."""
    return display.utc(seconds, "%Y-%m-%d %H:%M:%S UTC")


def _cell(value):
    return "?" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def _fenced(text):
    # A line of the log must not end the block that it stands in.
    return text.replace("```", "'''")
