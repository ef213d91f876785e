# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a fleet as a table for a terminal, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from . import _columns, _fleet

HEADER = ("HOST", "GATEWAY", "VERDICT", "MB/H (95 %)", "RSS", "TIME TO LIMIT", "OOM 24H", "ADVICE")
COLUMNS = (
    "host",
    "gateway",
    "group",
    "verdict",
    "slope_mb_per_hour",
    "slope_low",
    "slope_high",
    "rss_mb",
    "limit_mb",
    "hours_to_limit",
    "oom_kills_24h",
    "recommended_restart_hours",
    "observed_hours",
    "version",
    "provider",
    "model",
    "suspended_until",
    "why",
    "advice",
)


def table(report: dict[str, Any]) -> list[str]:
    """The lines of a table."""
    return _columns.lines(HEADER, [_cells(row) for row in report["rows"]])


def _cells(row: _fleet.Row) -> tuple[str, ...]:
    advice = _fleet.brief(row)
    if row["suspended_until"]:
        advice = "[calendar restarts suspended until %s] %s" % (
            _fleet.moment(row["suspended_until"]),
            advice,
        )
    return (
        row["host"],
        row["gateway"] or "-",
        row["verdict"],
        _fleet.slope(row),
        _fleet.megabytes(row["rss_mb"]),
        _fleet.hours(row["hours_to_limit"]),
        str(row["oom_kills_24h"]) if row["gateway"] else "-",
        advice or "-",
    )


def as_json(report: dict[str, Any]) -> str:
    """The whole report, without the points of the charts."""
    rows = [
        {key: value for key, value in row.items() if key not in ("chart", "id")}
        for row in report["rows"]
    ]
    text = json.dumps(dict(report, rows=rows), indent=1, sort_keys=True, allow_nan=False)
    # Identical for a JSON parser, but not a tag for a browser that shows the file as HTML.
    return text.replace("<", "\\u003c") + "\n"


def as_csv(report: dict[str, Any]) -> str:
    """One line for each gateway, and one for each host without a gateway."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in report["rows"]:
        low, high = row["slope_ci"] or (None, None)
        values = dict(row, slope_low=low, slope_high=high, advice="; ".join(row["advice"]))
        writer.writerow([_cell(values[name]) for name in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str):
        # A spreadsheet would run such a text as a formula.
        return "'" + value if value[:1] in ("=", "+", "-", "@") else value
    if value is None:
        return ""
    return round(value, 3) if isinstance(value, float) else value
