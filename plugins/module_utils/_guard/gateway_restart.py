# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restarts the gateways of a host one after the other, with the installed hermes-guard."""

from __future__ import annotations

import os

from .._host import choice, guard_program
from .._host.errors import GuardError, host_faults
from . import config, managed, policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from .config import Settings

NOT_HERE = "no Hermes gateway is managed on this host"


@host_faults
def restart(
    names: Collection[str], reason: str, emergency: bool, check_mode: bool
) -> dict[str, Any]:
    """Restart the managed gateways of ``names`` (empty: all).

    Returns the answer of the module gateway_restart, with ``failures``.
    """
    configured = config.load()
    chosen = choice.select("gateways", names, configured.values(), "is not managed on this host")
    if not configured or not os.path.exists(config.PROGRAM):
        return {"changed": False, "restarts": [], "failures": [], "skipped_because": NOT_HERE}
    entries = _predicted(chosen) if check_mode else _one_by_one(chosen, reason, emergency)
    restarts = [_answer(settings, entry) for settings, entry in zip(chosen, entries)]
    return {
        "changed": any(entry["event"] != "refused" for entry in entries),
        "restarts": restarts,
        "failures": [
            "%s: %s" % (settings.name, entry["reason"])
            for settings, entry in zip(chosen, entries)
            if entry["event"] == "failed"
        ],
    }


def _predicted(chosen: list[Settings]) -> list[dict[str, Any]]:
    """The likely answer of the arbiter for each gateway, for check mode."""
    now = managed.refresh(chosen)
    entries = []
    for settings in chosen:
        refused = policy.refusal(now.get(settings.name), "operator")
        entries.append(
            {"event": "refused", "reason": refused[1]}
            if refused
            else {"event": "restart", "reason": ""}
        )
    return entries


def _one_by_one(chosen: list[Settings], reason: str, emergency: bool) -> list[dict[str, Any]]:
    """The answer of the arbiter for each gateway.

    If one does not come up, gateways with the same Hermes or the same user most likely have the
    same fault, so they are skipped. The others are not: a user must not block their restarts.
    """
    entries: list[dict[str, Any]] = []
    down: list[Settings] = []
    for settings in chosen:
        same = [one.name for one in down if _same(one, settings)]
        if same:
            why = "%s, which has the same user or Hermes, did not come up" % same[0]
            entries.append({"event": "refused", "reason": why})
            continue
        try:
            entries.append(guard_program.restart(settings.name, reason, emergency))
        except GuardError as exc:
            # No answer says nothing about the other gateways. The module still fails at its end.
            entries.append({"event": "failed", "reason": str(exc)})
            continue
        if entries[-1]["event"] == "failed":
            down.append(settings)
    return entries


def _same(one: Settings, other: Settings) -> bool:
    return one.user == other.user or (one.python is not None and one.python == other.python)


def _answer(settings: Settings, entry: dict[str, Any]) -> dict[str, Any]:
    restarted = entry["event"] == "restart"
    return {
        "name": settings.name,
        "restarted": restarted,
        "mode": entry.get("mode"),
        "reason": entry.get("asked") or entry["reason"],
        "waited_seconds": entry.get("waited_seconds", 0.0),
        "downtime_seconds": entry.get("downtime_seconds"),
        "skipped_because": entry["reason"] if entry["event"] == "refused" else None,
    }
