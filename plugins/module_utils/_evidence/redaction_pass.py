# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redacts everything that was collected about a gateway, in one pass.

Logs, units and command lines go through gateway_log. Every text goes through redaction, and output
of Hermes also through the redaction of the installed Hermes.
"""

from __future__ import annotations

import platform
from typing import Any, NamedTuple

from .._hermes.discovery import Gateway
from .._host.errors import RunError
from .._redact.redaction import Redactor
from . import chart
from .asking import Asking
from .collectors import Evidence

# Maximum rows of memory.csv, which are enough for a chart.
CSV_ROWS = 1000
# Run with Hermes's Python.
HERMES_REDACT = """\
import sys
from agent.redact import redact_sensitive_text as redact
sys.stdout.write(redact(sys.stdin.read(), force=True))
"""
# Seconds.
_TIMEOUT = 30.0
# Names of machines that are also common words in every bundle.
_COMMON = frozenset(
    " agent debian fedora gateway hermes host localhost python raspberrypi server ubuntu".split(" ")
)
# The text columns of the history.
_TEXTS = ("provider", "model", "version")


class Redacted(NamedTuple):
    """The evidence about a gateway without secrets.

    ``name`` is the gateway's name, ``files`` are texts by name, ``rows`` is the thinned history,
    ``facts`` are for the summary.
    """

    name: str
    files: dict[str, str]
    rows: list[dict[str, Any]]
    facts: dict[str, Any]
    oom: dict[str, Any]


def redactor_for(evidence: Evidence) -> Redactor:
    """A redactor that keeps the ids by which the files of the bundle can be correlated."""
    gateway = evidence.gateway
    # Invocation ids are random but not secret; they connect the history and the log.
    words = [row[name] for row in evidence.rows for name in ("invocation_id", "model")]
    return Redactor(
        keep=[gateway.invocation_id, gateway.name] + words,
        homes=[gateway.account.pw_dir],
        hosts=_own_names(platform.node()),
    )


def _own_names(node: str) -> list[str]:
    """The full and short name of this machine, unless it is a common word such as "hermes"."""
    return [name for name in sorted({node, node.partition(".")[0]}) if name.lower() not in _COMMON]


def redact(evidence: Evidence, redactor: Redactor, asking: Asking) -> Redacted:
    """``evidence`` in redacted form; the facts have a new key, ``notes``."""
    notes = list(evidence.notes)
    files = {raw.name: raw.redact(redactor, raw.content) for raw in evidence.files}
    names = [raw.name for raw in evidence.files if raw.by_hermes and files[raw.name].strip()]
    if names and evidence.gateway.python:
        try:
            texts = _by_hermes([files[name] for name in names], evidence.gateway, asking)
            # Hermes is a user's program, so its output is as hostile as its input.
            files.update((name, redactor.text(text)) for name, text in zip(names, texts))
        except RunError as exc:
            notes.append(
                "Hermes's own redaction failed (%s); only that of the collection was used"
                % str(exc)[:200]
            )
    return Redacted(
        name=redactor.text(evidence.gateway.name),
        files=files,
        rows=[_row(row, redactor) for row in chart.thin(evidence.rows, CSV_ROWS)],
        facts=clean(dict(evidence.facts, notes=notes), redactor),
        oom=clean(evidence.oom, redactor),
    )


def _by_hermes(texts: list[str], gateway: Gateway, asking: Asking) -> list[str]:
    """``texts`` after the redaction of the installed Hermes; RunError if it fails.

    Hermes may know key formats that are newer than the rules of this collection. It runs once for
    all texts, because importing Hermes takes seconds.
    """
    whole = "\n".join(texts)
    done = asking.run(gateway, ["-c", HERMES_REDACT], _TIMEOUT, stdin=whole)
    if done.rc != 0 or done.out.count("\n") != whole.count("\n"):
        raise RunError("exit code %d" % done.rc)
    lines = done.out.split("\n")
    found = []
    for text in texts:
        count = text.count("\n") + 1
        found.append("\n".join(lines[:count]))
        lines = lines[count:]
    return found


def _row(row: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    texts = {name: redactor.text(row[name]) for name in _TEXTS if row[name]}
    return dict(row, **texts)


def clean(value: Any, redactor: Redactor) -> Any:
    """``value`` with every text in it redacted."""
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, dict):
        return {key: clean(item, redactor) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item, redactor) for item in value]
    return value
