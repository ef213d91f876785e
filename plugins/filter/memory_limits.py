# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converts the variables of hermes_memory_limit into the directives of a drop-in for one host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import memory_limit
from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _answers

_MEMORY = {"total_bytes": "number", "swap_total_bytes": "number"}


def memory_limits(options: dict[str, Any], memory: object) -> dict[str, str]:
    """The directives by name; ``memory`` is the value that the guard module returned for the host.

    Empty for invalid ``options``, which the module itself refuses, and for an invalid ``memory``.
    """
    try:
        known = _answers.typed(memory, _MEMORY)
        host = {name: int(known[name] or 0) for name in _MEMORY}
        if host["total_bytes"] <= 0:
            return {}
        limits, _notes = memory_limit.amounts(options, {}, host)
    except (GuardError, _answers.NoAnswer):
        return {}
    return memory_limit.directives(limits)


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"memory_limits": memory_limits}
