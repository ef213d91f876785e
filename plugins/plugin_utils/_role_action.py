# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module of a role, and adds the fact hermes_gateway_result to its result.

A separate task in each role would cost a task result on every host.
"""

from __future__ import annotations

from typing import Any

from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _answers, _gateway_result

_COLLECTION = "hermes_ops.gateway"
# A result with one of these keys does not describe a change on the host.
_NOTHING_DONE = ("failed", "skipped", "unreachable", "ansible_job_id")


class RoleAction(NormalAction):
    """Runs the module as Ansible does without an action plugin, and sets the fact in a role."""

    # Name of the component in the fact.
    component = ""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result of the module."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if not self._in_role() or any(result.get(key) for key in _NOTHING_DONE):
            return result
        variables = task_vars or {}
        name = self._task.args.get("component", self.component)
        guard = result if name == "guard" else variables.get("_hermes_guard_result")
        before = _gateway_result.so_far(variables)
        fact = _gateway_result.merged(before, name, result, guard)
        # Ansible may have added the fact of the discovered Python.
        others = _answers.mapping(result.get("ansible_facts"))
        return dict(result, ansible_facts={**others, _gateway_result.NAME: fact})

    def _in_role(self) -> bool:
        """Whether the task is in a role of this collection: other tasks do not set the fact."""
        role = self._task._role
        return role is not None and role._role_collection == _COLLECTION
