# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The config.yaml of a home: its owner's file, which Hermes's own Python edits as that owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._hermes import client
from .._host.errors import GuardError, HermesError

if TYPE_CHECKING:
    from .._hermes.discovery import Gateway
    from .plan import Plan
    from .record import LastOwner

# What the answer must hold, and of which type.
ANSWER = {"before": str, "after": str, "undo": dict, "existed": bool, "digest": str}


def preview(plan: Plan, owner: Gateway | LastOwner) -> None:
    """Find out what the changes of ``plan`` do to the file. Nothing is written."""
    answer = _edit(plan, owner, {})
    plan.before, plan.after, plan.undo = answer["before"], answer["after"], answer["undo"]
    plan.existed, plan.digest = answer["existed"], answer["digest"]


def write(plan: Plan, owner: Gateway | LastOwner, created: bool) -> None:
    """Write the file; if this module ``created`` it and nothing is left in it, it goes."""
    _edit(plan, owner, {"write": plan.digest, "created": created})


def _edit(plan: Plan, owner: Gateway | LastOwner, how: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = client.ask(owner, dict(how, do="edit", changes=plan.changes))
    except HermesError as exc:
        raise GuardError("gateway %s: %s" % (owner.name, exc) if owner.name else str(exc)) from exc
    if not _usable(answer):
        raise GuardError(
            "%s: the Python %s of the gateway's user gave an answer of the wrong form"
            % (plan.path, owner.python)
        )
    return answer


def _usable(answer: dict[str, Any]) -> bool:
    return all(isinstance(answer.get(name), kind) for name, kind in ANSWER.items()) and all(
        isinstance(undo, dict)
        and isinstance(undo.get("before"), dict)
        and isinstance(undo.get("after"), dict)
        for undo in answer["undo"].values()
    )
