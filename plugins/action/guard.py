# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module guard, and warns of misspelt role variables.

Only the controller knows the names of all variables.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _role_action, _variables


class ActionModule(_role_action.RoleAction):
    """The module with the same name, the fact, and warnings."""

    component = "guard"

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result of the module."""
        result = super().run(tmp, task_vars)
        warnings = _variables.unknown(task_vars or {})
        if warnings:
            result["warnings"] = [*result.get("warnings", ()), *warnings]
        return result
