# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores the last verdict on each gateway's memory in verdict.json; full checks renew it hourly.

Analysing a history of a month takes longer than two checks. So a check analyses at most one
gateway: the one that has been due longest. Every check calculates when the limit is reached, from
the growth in the last verdict and the current memory.
"""

from __future__ import annotations

import json
import os
import time

from .._host import files
from .._host.errors import FileError
from . import metrics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .config import Settings

NAME = "verdict.json"
# The bins of a verdict are half an hour wide: more frequent verdicts add nothing.
AGAIN_SECONDS = 3600
# A user can end runs and change limits at any rate. So the analysis of a gateway takes at most
# 1/_SHARE of the time.
_SHARE = 100
OF_CADENCE = ("recommended_restart_hours", "longest_run_hours", "span_hours")
_NUMBERS = ("judged", "tried", "took", "limit", "slope", "low", "high", *OF_CADENCE)


def read(folder: str) -> dict[str, Any]:
    """The stored record of the gateway with state directory ``folder``; empty if missing.

    ``tried``: time of the last attempt; ``took``: its seconds. After the first verdict: ``verdict``
    (one of metrics.VERDICTS), ``judged`` (time), ``run``, ``limit`` (bytes), ``slope``, ``low`` and
    ``high`` (bytes per second, None if unknown) and ``grows`` (whether it will reach a limit). For
    ``cadence``: ``recommended_restart_hours``, ``longest_run_hours`` and ``span_hours``.
    """
    try:
        record = files.read_own_json(os.path.join(folder, NAME)) or {}
    except FileError:
        return {}
    record.update({name: metrics.finite(record.get(name)) for name in _NUMBERS})
    if record.get("verdict") not in metrics.VERDICTS or record["judged"] is None:
        return {name: record.get(name) for name in ("tried", "took", "run", "limit")}
    return record


def is_due(record: dict[str, Any], run: list[Any] | None, limit: int, now: float) -> bool:
    """Whether the gateway of ``record`` needs a new verdict; ``run`` is its current run or None."""
    tried = record.get("tried")
    if tried is None:
        return True
    if run is None:
        # Its history has no new samples.
        return False
    # A clock that was set back must not delay a verdict.
    if not 0 <= now - tried < AGAIN_SECONDS:
        return True
    if now - tried < _SHARE * (record.get("took") or 0.0):
        return False
    return record.get("run") != run or record.get("limit") != limit


def judge(settings: Settings, run: list[Any] | None, limit: int, now: float) -> dict[str, Any]:
    """Analyse the gateway's history, store the verdict and return the record.

    Raises OSError.
    """
    # This import takes 15 ms and is needed once an hour.
    from . import memory_trend

    begun = time.monotonic()
    # Stored first, so that a history whose analysis fails is not analysed in every check.
    record = dict(read(settings.folder), tried=now, run=run, limit=limit)
    _write(settings.folder, dict(record, took=AGAIN_SECONDS))
    record.update(memory_trend.growth(settings, limit), judged=now)
    record["took"] = round(time.monotonic() - begun, 3)
    _write(settings.folder, record)
    return record


def reached(record: dict[str, Any], footprint: int, limit: int, now: float) -> list[float | None]:
    """When a gateway that now uses ``footprint`` bytes reaches ``limit``, in epoch seconds.

    At the growth of ``record``, at its upper and at its lower bound; None means never.
    """
    slope = record.get("slope")
    if not record.get("grows") or not slope or slope < 0:
        return [None, None, None]
    left = max(0, limit - footprint)
    fastest, slowest = max(record.get("high") or 0, slope), record.get("low") or 0
    moments = [now + left / rate if rate > 0 else None for rate in (slope, fastest, slowest)]
    # Very small growth gives an infinite time: never.
    return [metrics.finite(one) for one in moments]


def _write(folder: str, record: dict[str, Any]) -> None:
    os.makedirs(folder, mode=0o755, exist_ok=True)
    files.write_atomic(os.path.join(folder, NAME), json.dumps(record) + "\n")
