# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host needs a component: it does if the host or one of its gateways requests it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def component_state(gateways: object, component: str, state: str) -> str:
    """``state`` of the host, or "present" if an entry of ``gateways`` (hermes_gateways) has it.

    Invalid entries of ``gateways`` are ignored here: the module guard refuses them.
    """
    entries = list(gateways.values()) if isinstance(gateways, dict) else []
    for entry in entries:
        if isinstance(entry, dict) and entry.get(component + "_state") == "present":
            return "present"
    return state


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"component_state": component_state}
