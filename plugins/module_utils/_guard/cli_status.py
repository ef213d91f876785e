# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command hermes-guard status: a table of 80 columns with details below each gateway."""

from __future__ import annotations

import json
import textwrap

from .._host import display
from . import cli, cli_commands, status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .config import Settings

WIDTH = 80
HEADER = ("GATEWAY", "STATE", "MEMORY", "THRESHOLD", "UP", "RESTART, UTC")
# The next restart is at most days away: it needs no year.
_FORM = "%d %b %H:%M"


def run(options: Any, every: list[Settings]) -> int:
    """Print the state of ``every`` gateway, and the gateways that are not managed."""
    answer = status.status(every)
    if options.gateway is not None:
        answer["not_managed"] = []
    if options.json:
        cli.say(json.dumps(answer, sort_keys=True))
        return cli.DONE
    for line in lines(answer):
        cli.say(line)
    return cli.DONE


def lines(answer: dict[str, Any]) -> list[str]:
    """The lines to print for ``answer``, which status.status() returned."""
    found = []
    gateways = answer["gateways"]
    if gateways:
        rows = _table([HEADER, *[_cells(one) for one in gateways]])
        found = rows[:1]
        for row, one in zip(rows[1:], gateways):
            found += [row, *_wrapped(_details(one))]
    else:
        found = [cli_commands.NO_GATEWAY]
    for one in answer["not_managed"]:
        found += _wrapped(["%s  not managed: %s" % (one["name"], _why_not(one))], "", "    ")
    return found


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    return (
        one["name"],
        one["state"],
        display.megabytes(one["footprint_bytes"]),
        display.megabytes(one["threshold_bytes"]) if one["threshold_bytes"] else "-",
        display.span(one["uptime_seconds"]) if one["uptime_seconds"] is not None else "-",
        display.utc(one["next_restart"], _FORM) if one["next_restart"] else "-",
    )


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """``rows`` in columns; the first column gets the width that the others leave."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    widths[0] = min(widths[0], max(12, WIDTH - sum(widths[1:]) - 2 * (len(widths) - 1)))
    found = []
    for row in rows:
        name, rest = row[0], row[1:]
        cells = [cell.ljust(width) for cell, width in zip(rest, widths[1:])]
        start = name.ljust(widths[0])
        if len(name) > widths[0]:
            # A long name gets a separate line.
            start = name + "\n" + " " * widths[0]
        found.append("  ".join([start, *cells]).rstrip())
    return found


def _details(one: dict[str, Any]) -> list[str]:
    """The sentences below the row of one gateway."""
    faults = (one["down"], one["problem"], one["conflict"], one["restart_needed"])
    found = [text for text in faults if text]
    if one["alerts"] is None:
        found.append("alerts: not readable; run this command as root")
    for alert in one["alerts"] or ():
        if alert["code"] == "down" and one["down"]:
            continue
        since = "since %s: " % display.utc(alert["since"]) if alert["since"] else ""
        found.append("alert %s, %s%s" % (alert["code"], since, alert["reason"]))
    last, end = one["last_restart"], one["last_end"]
    if end is not None and (last is None or end["time"] > last["time"]) and not one["down"]:
        found.append("%s %s: %s" % (end.get("code"), display.utc(end["time"]), end.get("reason")))
    if last is None:
        found.append("last restart by the guard: never")
    else:
        what = "last restart" if last.get("event") == "restart" else "last restart failed"
        who = " (%s)" % last["trigger"] if last.get("trigger") else ""
        found.append("%s %s%s: %s" % (what, display.utc(last["time"]), who, last.get("reason")))
    if one["suspended_until"]:
        found.append(_suspended(one))
    if one["workers"]:
        size = sum(worker["memory_bytes"] for worker in one["workers"])
        found.append("worker processes: %d, %s" % (len(one["workers"]), display.megabytes(size)))
    return found


def _suspended(one: dict[str, Any]) -> str:
    what = "all automatic restarts" if one["watchdog_suspended"] else "calendar restarts"
    return "%s suspended from %s until %s" % (
        what,
        display.utc(one["suspended_from"]),
        display.utc(one["suspended_until"]),
    )


def _wrapped(texts: list[str], first: str = "  ", more: str = "    ") -> list[str]:
    """``texts``, which may quote a user's files, in lines of at most WIDTH characters."""
    found = []
    for text in texts:
        found += textwrap.wrap(
            display.printable(text, 1000),
            WIDTH,
            initial_indent=first,
            subsequent_indent=more,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return found


def _why_not(one: dict[str, Any]) -> str:
    """Why a gateway on this host is not managed."""
    if one["excluded"]:
        return "excluded by the variables of the playbook"
    if one["problem"] or one["conflict"]:
        return str(one["problem"] or one["conflict"])
    if one["scope"] == "manual":
        return "started manually, so nothing can restart it"
    return "not listed in guard.conf; run the playbook again"
