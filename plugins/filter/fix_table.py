# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of what a change did to the leaks of a fleet, from what ``hermes-guard trend --since`` said on each host."""

from __future__ import annotations

import json

from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _fleet

HEADER = ("HOST", "GATEWAY", "RESULT", "BEFORE MB/H (95 %)", "AFTER MB/H (95 %)", "STILL", "WHY")
# What somebody must look at comes first.
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


def fix_table(answers):
    """The lines (list of str) of a table; ``answers`` is a list of: host, registered result of the command."""
    rows = []
    for host, result in answers:
        rows += _host(_fleet.text(host), result if isinstance(result, dict) else {})
    rows.sort(key=lambda row: (ORDER.index(row[2]) if row[2] in ORDER else -1, row[0], row[1]))
    rows = [HEADER] + [row[:2] + (row[2].replace("_", " "),) + row[3:] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER) - 1)] + [0]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    ]


def _host(host, result):
    out = result.get("stdout")
    try:
        # Where there is no guard, the module says in these words that it did not run it.
        said = (
            {}
            if str(out).startswith("skipped, since ") and not result.get("rc")
            else json.loads(out)
        )
    except (TypeError, ValueError):
        said = None
    if not isinstance(said, dict):
        return [
            (
                host,
                "-",
                "could not be asked",
                "-",
                "-",
                "-",
                _fleet.text(result.get("stderr") or result.get("msg") or "no word from it"),
            )
        ]
    return [_gateway(host, name, one) for name, one in said.items() if isinstance(one, dict)] or [
        (host, "-", "no gateway", "-", "-", "-", "no Hermes gateway is guarded on this host")
    ]


def _gateway(host, name, one):
    before, after = (_side(one.get(side)) for side in ("before", "after"))
    still = _fleet.hours(_fleet.number(one.get("hours_still")))
    return (
        host,
        _fleet.text(name, 100),
        _fleet.text(one.get("result"), 40),
        before,
        after,
        still,
        _fleet.text(one.get("why")),
    )


def _side(side):
    side = side if isinstance(side, dict) else {}
    return _fleet.slope(
        {
            "slope_mb_per_hour": _fleet.number(side.get("slope_mb_per_hour")),
            "slope_ci": _fleet.pair(side.get("slope_ci")),
        }
    )


class FilterModule:
    """The filters of the collection."""

    def filters(self):
        """By name."""
        return {"fix_table": fix_table}
