# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a fleet's gateways, from the results of the module gateway_info."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.display import (
    megabytes,
    span,
    utc,
)
from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _answers, _columns

HEADER = (
    "HOST",
    "GATEWAY",
    "SCOPE",
    "VERSION",
    "STATE",
    "RSS",
    "UPTIME",
    "THRESHOLD",
    "NEXT RESTART",
    "LAST RESTART",
    "WHY",
)
# The longest reason of the watchdog fits after an alert. The one for a gateway that is down ends
# with the command that starts it. Only an operator's reason may be longer.
_WHY = 120
_WHY_DOWN = 260
_WHOLE = 500
# In a reason of the watchdog, the words that its figures do not need.
_ABOVE = re.compile(
    r"(?P<used>\d+ MB) is above the threshold of (?P<threshold>\d+ MB in \d+ of \d+ samples) "
    r"\(RSS (?P<rss>\d+) MB, with children (?P<tree>\d+) MB, swap (?P<swap>\d+) MB\)"
)
_ABOVE_SHORT = r"\g<used> above \g<threshold> (RSS \g<rss>, with children \g<tree>, swap \g<swap>)"
# True of every gateway that is down.
_NEVER_STARTED = "; the guard never starts a gateway"
# Characters of a gateway's name and of other words: a column is as wide as its widest cell, so a
# long word of one host widens the lines of all.
_NAME = 100
_WORD = 30
_GATEWAY = {
    "name": "text",
    "scope": "text",
    "version": "text",
    "state": "text",
    "active_state": "text",
    "uptime_seconds": "number",
    "managed": "flag",
    "threshold_bytes": "number",
    "next_restart": "moment",
    "suspended_until": "moment",
    "down": "text",
}
_MEMORY = {"rss_bytes": "number"}
_RESTART = {"time": "moment", "trigger": "text", "reason": "text"}
_END = {"time": "moment", "code": "text", "reason": "text"}
# Alerts of one gateway: there are about a dozen codes.
_ALERTS = 12


def status_table(answers: dict[str, Any] | Iterable[tuple[str, Any]]) -> list[str]:
    """The lines of a table; ``answers`` are the registered results of gateway_info by host name.

    A list of pairs of host and result is accepted too.
    """
    found = list(answers.items() if isinstance(answers, dict) else answers)
    if any(not isinstance(one, (list, tuple)) or len(one) != 2 for one in found):
        raise AnsibleFilterError(
            "status_table: expected a dictionary from host name to result, or a list of such"
            " pairs, not %s" % type(answers).__name__
        )
    rows = []
    for host, result in sorted(found, key=lambda one: str(one[0])):
        rows += _host(_answers.text(host), result)
    return _columns.lines(HEADER, rows)


def _host(host: str, result: object) -> list[tuple[str, ...]]:
    try:
        gateways = _answers.part(result, "gateways", list)
        problem = _answers.typed(result, {"guard_problem": "text"})["guard_problem"]
        if problem:
            raise _answers.NoAnswer(_answers.SILENT, problem)
        shown = gateways[: _answers.MOST_GATEWAYS]
        rows = [row for row in (_gateway(host, one) for one in shown) if row]
        more = _answers.too_many(len(gateways))
        if more:
            rows.append(_nothing(host, "-", more))
        if not rows:
            raise _answers.not_managed()
        return rows
    except _answers.NoAnswer as exc:
        return [_nothing(host, "-", exc)]


def _gateway(host: str, value: object) -> tuple[str, ...] | None:
    """The row of one gateway, or None for one that is not managed."""
    name = "-"
    try:
        # Read first, so that the row of an invalid gateway still has its name.
        name = _answers.text(_answers.typed(value, {"name": "text"})["name"], _NAME) or "-"
        one = dict(_answers.typed(value, _GATEWAY), name=name)
        if name == "-" or one["managed"] is None:
            raise _answers.NoAnswer(_answers.NONSENSE, "a gateway lacks name or managed")
        if not one["managed"]:
            return None
        return _cells(host, one, value if isinstance(value, dict) else {})
    except _answers.NoAnswer as exc:
        return _nothing(host, name, exc)


def _cells(host: str, one: dict[str, Any], value: dict[str, Any]) -> tuple[str, ...]:
    memory = _answers.typed(value.get("memory") or {}, _MEMORY)
    last = _answers.typed(value.get("last_restart") or {}, _RESTART)
    end = _answers.typed(value.get("last_end") or {}, _END)
    state = one["active_state"] if one["state"] == "stopped" else one["state"]
    return (
        host,
        one["name"],
        _answers.text(one["scope"], _WORD) or "-",
        _answers.text(one["version"], _WORD) or "?",
        _answers.text(state, _WORD) or "?",
        megabytes(memory["rss_bytes"]),
        span(one["uptime_seconds"]),
        megabytes(one["threshold_bytes"]),
        _next(one),
        _when(max(last["time"] or 0, end["time"] or 0)),
        _why(one, value, last, end),
    )


def _next(one: dict[str, Any]) -> str:
    if not one["suspended_until"]:
        return _when(one["next_restart"])
    later = ", then %s" % _when(one["next_restart"]) if one["next_restart"] else ""
    return "suspended until %s%s" % (_when(one["suspended_until"]), later)


def _why(
    one: dict[str, Any], value: dict[str, Any], last: dict[str, Any], end: dict[str, Any]
) -> str:
    """The reason column, the most urgent first: down, alerts, then how the last run ended."""
    # Not one["down"]: the command at its end must not be cut before the sentence is shortened.
    down = _answers.text(value.get("down") or "", _WHOLE)
    words = [_short(down).replace(_NEVER_STARTED, "")] if one["down"] else []
    alerts = [_answers.mapping(alert) for alert in _answers.sequence(value.get("alerts"))]
    codes = [_answers.text(alert.get("code"), _WORD) for alert in alerts[:_ALERTS]]
    codes = [code for code in codes if code and not (code == "down" and one["down"])]
    if codes:
        words.append("alert: " + ", ".join(codes))
    if (end["time"] or 0) > (last["time"] or 0):
        if not one["down"]:
            words.append("%s: %s" % (end["code"] or "?", end["reason"] or "?"))
    elif last["time"] and not one["down"]:
        words.append("%s: %s" % (last["trigger"] or "?", _short(last["reason"] or "?")))
    return textwrap.shorten("; ".join(words), _WHY_DOWN if one["down"] else _WHY) or "-"


def _short(reason: str) -> str:
    return _ABOVE.sub(_ABOVE_SHORT, reason)


def _nothing(host: str, name: str, exc: _answers.NoAnswer) -> tuple[str, ...]:
    return (host, name) + ("-",) * (len(HEADER) - 3) + (str(exc),)


def _when(epoch: float | None) -> str:
    return utc(epoch) if epoch else "never"


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, Callable]:
        """By name."""
        return {"status_table": status_table}
