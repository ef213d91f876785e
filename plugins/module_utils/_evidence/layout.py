# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arranges redacted evidence as the files of a gateway's bundle."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from .._guard import history
from .._host import display
from .._redact.redaction import Redactor
from . import chart, issue
from .collectors import HOURS, Evidence
from .redaction_pass import Redacted


def lay_out(
    evidence: Evidence, redacted: Redacted, redactor: Redactor
) -> tuple[dict[str, str], dict[str, Any]]:
    """The files by name, and the summary.

    Only figures are taken from ``evidence``, which is not redacted: for the chart of the whole
    history.
    """
    summary = dict(redacted.facts)
    files = dict(redacted.files)
    files["memory.csv"] = _csv(redacted.rows)
    files["memory.svg"] = chart.svg(
        redacted.name,
        evidence.rows,
        (evidence.facts["verdict"].get("limit_mb") or 0) * display.MB,
        [kill["time"] for kill in evidence.oom["kills"]],
    )
    files["oom.json"] = _json(redacted.oom)
    files["verdict.json"] = _json(summary["verdict"])
    log, unit = files.get("gateway.log"), files.get("unit.txt")
    files["issue.md"] = redactor.text(issue.markdown(summary, redacted.oom, log, unit, HOURS))
    summary["removed"] = dict(redactor.removed)
    files["summary.json"] = _json(summary)
    return files, summary


def _csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(history.COLUMNS)
    for row in rows:
        shown = dict(row, timestamp=int(row["timestamp"]))
        writer.writerow(["" if shown[name] is None else shown[name] for name in history.COLUMNS])
    return out.getvalue()


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
