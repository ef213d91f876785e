# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The version of Hermes, the provider and the model of a gateway, for its samples.

Only the installed Hermes knows them, and a query runs a user's program for up to half a minute. So
a check uses the stored values. If the run or the configuration has changed, it starts a unit that
queries Hermes.
"""

from __future__ import annotations

import json
import math
import os
import time

from .._host import display, files, guard_program
from .._host.errors import FileError, HermesError, SystemdError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .config import Settings
    from .managed import ManagedGateway

NAME = "identity.json"
NAMES = ("provider", "model", "version")
# Seconds until a failed or lost query is repeated.
AGAIN_SECONDS = 3600
# Seconds between two queries of a gateway whose configuration changes all the time.
CHANGED_SECONDS = 600
# Seconds for the queries of all gateways of one user together.
PATIENCE = 90


def known(gateway: ManagedGateway, record: dict[str, Any] | None = None) -> dict[str, str | None]:
    """``provider``, ``model`` and ``version`` of this run of the gateway; None if unknown.

    Values of an earlier run do not count: Hermes may have been upgraded. ``record`` is what is
    stored, if it has been read.
    """
    record = stored(gateway.settings) if record is None else record
    same = record.get("run") == _run(gateway)
    return {name: record.get(name) if same else None for name in NAMES}


def is_outdated(
    gateway: ManagedGateway, record: dict[str, Any], stamps: list[list[int] | None] | None
) -> bool:
    """Whether the gateway's Hermes should be queried; ``stamps`` are of its configuration files."""
    if record.get("run") != _run(gateway):
        return True
    ago = abs(time.time() - _number(record.get("asked")))
    if record.get("waiting") or record.get("failed"):
        return ago >= AGAIN_SECONDS
    return stamps is not None and record.get("stamps") != stamps and ago >= CHANGED_SECONDS


def request(wanted: Iterable[tuple[ManagedGateway, list[list[int] | None] | None]]) -> None:
    """Start the unit that queries the Hermes of these gateways, without waiting for it."""
    asked = False
    for gateway, stamps in wanted:
        old = known(gateway)
        record = {"run": _run(gateway), "stamps": stamps, "asked": time.time(), "waiting": True}
        asked = _write(gateway.settings, dict(old, **record)) or asked
    if not asked:
        return
    from .._host import systemd

    try:
        systemd.Manager().call("start", "--no-block", guard_program.IDENTITY_UNIT)
    except SystemdError:
        # An installation without a watchdog has no such unit.
        pass


def answer(every: Iterable[Settings]) -> list[str]:
    """Query the Hermes of each gateway of ``every`` that waits for it; a line for each failure."""
    # Imported here because a check does not query Hermes.
    from .._hermes.patience import Patience
    from . import managed

    waiting = [one for one in every if stored(one).get("waiting")]
    now = managed.refresh(waiting)
    patience = Patience(PATIENCE)
    lines = []
    for settings in sorted(waiting, key=lambda one: _number(stored(one).get("asked"))):
        gateway = now.get(settings.name)
        if gateway is None or gateway.problem or not patience.left(settings.user):
            # A later run of the unit queries it.
            continue
        with patience.with_user(settings.user):
            problem = ask(gateway)
        if problem is not None:
            lines.append("%s: its Hermes cannot be queried: %s" % (settings.name, problem))
    return lines


def ask(gateway: ManagedGateway) -> str | None:
    """Query the gateway's Hermes and store its answer; the reason if that fails, or None."""
    from .._hermes import client

    record = dict(stored(gateway.settings), failed=False, waiting=False)
    record.update(dict.fromkeys(NAMES), run=_run(gateway))
    problem = None
    try:
        said = client.probe(gateway) if gateway.python else {}
        record.update({name: _word(said.get(name)) for name in NAMES})
    except HermesError as exc:
        problem = str(exc)
        record["failed"] = True
    _write(gateway.settings, dict(record, asked=time.time()))
    return problem


def _run(gateway: ManagedGateway) -> list[Any]:
    return [gateway.invocation_id, gateway.pid]


def stored(settings: Settings) -> dict[str, Any]:
    """What is stored about the gateway: its run, the answer of Hermes, the time of the query."""
    try:
        return files.read_own_json(os.path.join(settings.folder, NAME)) or {}
    except FileError:
        return {}


def _write(settings: Settings, record: dict[str, Any]) -> bool:
    """Whether the record was written: a full disk must not end the check."""
    try:
        os.makedirs(settings.folder, mode=0o755, exist_ok=True)
        files.write_atomic(os.path.join(settings.folder, NAME), json.dumps(record))
    except OSError:
        return False
    return True


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else 0.0


def _word(value: object) -> str | None:
    """A user's text made safe for a line of CSV: printable, at most 100 characters."""
    return display.printable(value, 100) or None if isinstance(value, str) else None
