# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Hermes, provider and model a gateway runs, for its samples.

Only an installed Hermes knows them, and to ask it means to run a user's program for up to half a
minute. So a check asks nothing: it takes what is stored, and starts a unit that asks if the run of
the gateway or its configuration has changed.
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
# A Hermes that could not answer is asked again after so long, and so is a question that got lost.
AGAIN_SECONDS = 3600
# A configuration may change all the time.
CHANGED_SECONDS = 600
# Seconds for the Hermes of one user, that of all their gateways together.
PATIENCE = 90


def known(gateway: ManagedGateway, record: dict[str, Any] | None = None) -> dict[str, str | None]:
    """``provider``, ``model`` and ``version`` of this run of the gateway; None for what is unknown.

    A version from before a restart would be that of another Hermes if there was an upgrade.
    ``record`` is what is stored, if it has been read.
    """
    record = stored(gateway.settings) if record is None else record
    same = record.get("run") == _run(gateway)
    return {name: record.get(name) if same else None for name in NAMES}


def is_outdated(
    gateway: ManagedGateway, record: dict[str, Any], stamps: list[list[int] | None] | None
) -> bool:
    """Whether the gateway's Hermes should be asked; ``stamps`` are those of its configuration."""
    if record.get("run") != _run(gateway):
        return True
    ago = abs(time.time() - _number(record.get("asked")))
    if record.get("waiting") or record.get("failed"):
        return ago >= AGAIN_SECONDS
    return stamps is not None and record.get("stamps") != stamps and ago >= CHANGED_SECONDS


def request(wanted: Iterable[tuple[ManagedGateway, list[list[int] | None] | None]]) -> None:
    """Have the unit ask the Hermes of these gateways; it is not waited for."""
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
    """Ask the Hermes of each gateway of ``every`` that waits for it; a line for each failure."""
    # Not at the top: a check asks nothing.
    from .._hermes.patience import Patience
    from . import managed

    waiting = [one for one in every if stored(one).get("waiting")]
    now = managed.refresh(waiting)
    patience = Patience(PATIENCE)
    lines = []
    for settings in sorted(waiting, key=lambda one: _number(stored(one).get("asked"))):
        gateway = now.get(settings.name)
        if gateway is None or gateway.problem or not patience.left(settings.user):
            # It waits on, and is asked by a later run.
            continue
        with patience.with_user(settings.user):
            problem = ask(gateway)
        if problem is not None:
            lines.append("%s: its Hermes cannot be asked: %s" % (settings.name, problem))
    return lines


def ask(gateway: ManagedGateway) -> str | None:
    """Ask the gateway's Hermes, and keep what it says; why it does not say it, or None."""
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
    """What is stored of the gateway: the run that it is about, its words, when it was asked."""
    try:
        return files.read_own_json(os.path.join(settings.folder, NAME)) or {}
    except FileError:
        return {}


def _write(settings: Settings, record: dict[str, Any]) -> bool:
    """Whether the record could be written: to a full disk it cannot, which ends no check."""
    try:
        os.makedirs(settings.folder, mode=0o755, exist_ok=True)
        files.write_atomic(os.path.join(settings.folder, NAME), json.dumps(record))
    except OSError:
        return False
    return True


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else 0.0


def _word(value: object) -> str | None:
    """A user's word, fit for a line of CSV: printable, at most 100 characters."""
    return display.printable(value, 100) or None if isinstance(value, str) else None
