# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module hermes_config, and sets the fact hermes_gateway_result if a role calls it."""

from __future__ import annotations

from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _role_action


class ActionModule(_role_action.RoleAction):
    """The module with the same name, and the fact."""

    component = "session"
