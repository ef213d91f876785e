# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that compares the leaks of a fleet before and after a change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _answers, _columns, _fleet

HEADER = ("HOST", "GATEWAY", "RESULT", "BEFORE MB/H (95 %)", "AFTER MB/H (95 %)", "STILL", "WHY")
# Gateways that need attention come first. Hosts without a result come before all others.
ORDER = (
    "new_leak",
    "still_leaking",
    "improved",
    "not_enough_yet",
    "no_baseline",
    "no_change",
    "fixed",
    "no_leak",
)
_CHANGE = {"result": "text", "hours_still": "number", "why": "text"}


def fix_table(answers: Iterable[tuple[str, Any]]) -> list[str]:
    """The lines of a table; ``answers`` has for each host its name and the registered result."""
    rows = []
    for host, result in answers:
        rows += _host(_answers.text(host), result)
    rows.sort(key=lambda row: (ORDER.index(row[2]) if row[2] in ORDER else -1, row[0], row[1]))
    return _columns.lines(HEADER, [row[:2] + (row[2].replace("_", " "),) + row[3:] for row in rows])


def _host(host: str, result: object) -> list[tuple[str, ...]]:
    try:
        changes = _answers.part(result, "changes", dict)
        if not changes:
            raise _answers.not_managed()
    except _answers.NoAnswer as exc:
        return [_nothing(host, "-", exc)]
    rows = [
        _gateway(host, _answers.text(name, 100) or "-", changes[name])
        for name in list(changes)[: _answers.MOST_GATEWAYS]
    ]
    more = _answers.too_many(len(changes))
    return [*rows, _nothing(host, "-", more)] if more else rows


def _gateway(host: str, name: str, value: object) -> tuple[str, ...]:
    try:
        one = _answers.typed(value, _CHANGE)
        if one["result"] not in ORDER:
            raise _answers.NoAnswer(_answers.NONSENSE, "result is unknown")
        before, after = (_side(value, side) for side in ("before", "after"))
    except _answers.NoAnswer as exc:
        return _nothing(host, name, exc)
    return (
        host,
        name,
        one["result"],
        before,
        after,
        _fleet.hours(one["hours_still"]),
        one["why"] or "-",
    )


def _nothing(host: str, name: str, exc: _answers.NoAnswer) -> tuple[str, ...]:
    return (host, name, exc.word, "-", "-", "-", exc.why)


def _side(value: Any, side: str) -> str:
    one = value.get(side)
    if one is None:
        one = {}
    slope = _answers.typed(one, {"slope_mb_per_hour": "number"})["slope_mb_per_hour"]
    interval = _answers.pair(one.get("slope_ci"))
    if one.get("slope_ci") is not None and interval is None:
        raise _answers.NoAnswer(_answers.NONSENSE, "slope_ci is not a pair of numbers")
    return _fleet.slope({"slope_mb_per_hour": slope, "slope_ci": interval})


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, Callable]:
        """By name."""
        return {"fix_table": fix_table}
