# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend of the module gateway_restart."""

from __future__ import annotations

from types import SimpleNamespace

from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import gateway_restart


def test_the_rest_of_a_host_is_left_alone_where_one_does_not_come_up(monkeypatch):
    asked = []

    def ask(name, reason, emergency):
        asked.append(name)
        return {"event": "failed" if name == "b" else "restart", "reason": "x"}

    monkeypatch.setattr(gateway_restart.guard_program, "restart", ask)
    entries = gateway_restart._one_by_one(
        [SimpleNamespace(name=name) for name in "abcd"], "test", False
    )
    assert asked == ["a", "b"]
    assert [entry["event"] for entry in entries] == ["restart", "failed", "refused", "refused"]
