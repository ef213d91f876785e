# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text for the tracker."""

from __future__ import annotations

from ansible_collections.hermes_ops.gateway.plugins.module_utils._evidence import issue


def test_a_log_cannot_end_its_block():
    assert "```" not in issue._fenced("a\n```\n## other") and issue._cell("a|b\nc") == "a\\|b c"
