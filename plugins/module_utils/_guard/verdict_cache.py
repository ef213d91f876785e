# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last verdict on each gateway's memory, verdict.json: judged once an hour by the full check.

To judge a history of a month takes longer than two checks. So a check judges one gateway at most:
of those that are due, the one that has waited longest. When the limit is reached is calculated at
every check, from the growth of the last verdict and the memory of this moment.
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
# The bins of a verdict are half an hour wide: one more often says nothing new.
AGAIN_SECONDS = 3600
# A user can end runs and change limits as often as they like: judging a gateway takes this part of
# the time at most.
_SHARE = 100
OF_CADENCE = ("recommended_restart_hours", "longest_run_hours", "span_hours")
_NUMBERS = ("judged", "tried", "took", "limit", "slope", "low", "high", *OF_CADENCE)


def read(folder: str) -> dict[str, Any]:
    """What is stored of the gateway with state directory ``folder``; empty if nothing is.

    ``tried``: when it was to be judged last; ``took``: for how many seconds. Once it was:
    ``verdict`` (one of metrics.VERDICTS), ``judged`` (when), ``run`` and ``limit`` (of which run,
    below how many bytes), ``slope``, ``low`` and ``high`` (bytes per second, None if unknown) and
    ``grows``, whether it will reach a limit; and for ``cadence`` ``recommended_restart_hours``,
    ``longest_run_hours`` and ``span_hours``.
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
    """Whether the gateway of ``record`` is to be judged; ``run`` is what runs now, if anything."""
    tried = record.get("tried")
    if tried is None:
        return True
    if run is None:
        # Nothing new is in its history.
        return False
    # A clock that was set back must not put off a verdict.
    if not 0 <= now - tried < AGAIN_SECONDS:
        return True
    if now - tried < _SHARE * (record.get("took") or 0.0):
        return False
    return record.get("run") != run or record.get("limit") != limit


def judge(settings: Settings, run: list[Any] | None, limit: int, now: float) -> dict[str, Any]:
    """Judge the gateway's history and store the verdict; what is stored then.

    Raises OSError.
    """
    # 15 ms of imports, once an hour.
    from . import memory_trend

    begun = time.monotonic()
    # First, so that a history on which the verdict fails is not judged in every check.
    record = dict(read(settings.folder), tried=now, run=run, limit=limit)
    _write(settings.folder, dict(record, took=AGAIN_SECONDS))
    record.update(memory_trend.growth(settings, limit), judged=now)
    record["took"] = round(time.monotonic() - begun, 3)
    _write(settings.folder, record)
    return record


def reached(record: dict[str, Any], footprint: int, limit: int, now: float) -> list[float | None]:
    """When a gateway that takes ``footprint`` bytes now reaches ``limit``, in epoch seconds.

    At the growth of ``record``, at its upper and at its lower end. None for never.
    """
    slope = record.get("slope")
    if not record.get("grows") or not slope or slope < 0:
        return [None, None, None]
    left = max(0, limit - footprint)
    fastest, slowest = max(record.get("high") or 0, slope), record.get("low") or 0
    moments = [now + left / rate if rate > 0 else None for rate in (slope, fastest, slowest)]
    # Growth of next to nothing: never.
    return [metrics.finite(one) for one in moments]


def _write(folder: str, record: dict[str, Any]) -> None:
    os.makedirs(folder, mode=0o755, exist_ok=True)
    files.write_atomic(os.path.join(folder, NAME), json.dumps(record) + "\n")
