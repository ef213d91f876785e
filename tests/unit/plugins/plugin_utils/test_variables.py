# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A misspelt variable causes a warning, and no other variable does."""

from __future__ import annotations

import pytest

pytest.importorskip("ansible.plugins.action")

from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import (  # noqa: E402
    _variables,
)


def test_variable_with_a_typo_is_told_with_the_nearest():
    names = ["hermes_watchdog_treshold", "hermes_gateway", "hermes_session_zzzzzzzzzzzzzz"]
    assert _variables.unknown(names) == [
        "hermes_gateway has no effect; did you mean hermes_gateways?",
        "hermes_session_zzzzzzzzzzzzzz is not a role variable and has no effect",
        "hermes_watchdog_treshold is not a role variable and has no effect; did you mean"
        " hermes_watchdog_threshold?",
    ]


def test_other_variables_are_not():
    """Variables of the roles, of the playbooks, and of others."""
    own = [*_variables.SPECS, *_variables.DEFAULTS]
    others = ["hermes_hosts", "hermes_full", "hermes_report_dir", "hermes_keep_history"]
    others += ["hermes_gateway_result", "hermes_fail_on", "hermes_home", "_hermes_watchdog_result"]
    assert _variables.unknown([*own, *others, "ansible_host", "groups"]) == []
