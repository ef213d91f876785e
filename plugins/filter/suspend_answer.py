# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the answer of ``hermes-guard suspend --json`` on a host."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _answers

# Sentences: one for each gateway of the host.
_MOST = 100


def suspend_answer(command: object, program: object) -> dict[str, Any]:
    """``changed``, ``failed`` and ``said`` (sentences for a person).

    ``command`` is the registered result of the command, ``program`` that of ansible.builtin.stat,
    which shows whether hermes-guard is installed.
    """
    try:
        if not _answers.entry(_answers.part(program, "stat", dict), "exists", bool):
            raise _answers.NoAnswer(_answers.NOT_MANAGED, "hermes-guard is not installed")
        return _said(command if isinstance(command, dict) else {})
    except _answers.NoAnswer as exc:
        return {
            "changed": False,
            # A host without managed gateways has nothing to suspend.
            "failed": exc.word != _answers.NOT_MANAGED,
            "said": [str(exc)],
        }


def _said(command: dict[str, Any]) -> dict[str, Any]:
    if _answers.part(command, "rc", int) != 0:
        # The error message of hermes-guard, such as that the watchdog is not active.
        why = _answers.text(command.get("stderr")) or _answers.reason(command)
        return {"changed": False, "failed": True, "said": [why or "no reason given"]}
    try:
        answer = json.loads(_answers.part(command, "stdout", str))
    except (ValueError, RecursionError) as exc:
        raise _answers.NoAnswer(_answers.NONSENSE, "the answer is not JSON") from exc
    changed = _answers.entry(answer, "changed", bool)
    said = _answers.entry(answer, "said", list)
    if not _answers.entry(answer, "suspended_until", dict):
        raise _answers.not_managed()
    return {
        "changed": changed,
        "failed": False,
        "said": [_answers.text(sentence) for sentence in said[:_MOST]],
    }


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, Callable]:
        """By name."""
        return {"suspend_answer": suspend_answer}
