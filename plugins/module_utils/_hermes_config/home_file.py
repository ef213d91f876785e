# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits the config.yaml of a home with Hermes's own Python, as the owner of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._hermes import client
from .._host.errors import GuardError, HermesError
from . import answer

if TYPE_CHECKING:
    from .._hermes.discovery import Gateway
    from .plan import Plan
    from .record import LastOwner


def preview(plan: Plan, owner: Gateway | LastOwner) -> None:
    """Compute the effect of the changes of ``plan`` on the file. Nothing is written."""
    edit = _edit(plan, owner, {})
    plan.before, plan.after, plan.undo = edit.before, edit.after, edit.undo
    plan.existed, plan.digest = edit.existed, edit.digest


def write(plan: Plan, owner: Gateway | LastOwner, created: bool) -> None:
    """Write the file; remove it if this module ``created`` it and it becomes empty."""
    _edit(plan, owner, {"write": plan.digest, "created": created})


def _edit(plan: Plan, owner: Gateway | LastOwner, how: dict[str, Any]) -> answer.Edit:
    try:
        given = client.ask(owner, dict(how, do="edit", changes=plan.changes))
    except HermesError as exc:
        raise GuardError("gateway %s: %s" % (owner.name, exc) if owner.name else str(exc)) from exc
    try:
        return answer.edit(given, plan.changes)
    except answer.BadAnswer as exc:
        raise GuardError(
            "%s: the Python %s of the gateway's user gave an invalid answer: %s"
            % (plan.path, owner.python, exc)
        ) from exc
