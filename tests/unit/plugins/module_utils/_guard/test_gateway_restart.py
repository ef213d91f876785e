# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend of the module gateway_restart."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import gateway_restart
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError

SHARED = "/opt/hermes/venv/bin/python"


def settings(name, user, python):
    return SimpleNamespace(name=name, user=user, python=python)


@pytest.mark.parametrize(
    ("others", "left_alone"),
    [
        # The same Hermes, which a bad upgrade has broken for all gateways.
        ([("ben", SHARED), ("cid", SHARED)], [True, True]),
        # Another gateway of the same user, and one of another user.
        ([("ada", "/home/ada/venv/bin/python"), ("ben", "/home/ben/bin/python")], [True, False]),
        ([("ben", None), ("cid", None)], [False, False]),
    ],
)
def test_who_is_left_alone_where_one_does_not_come_up(monkeypatch, others, left_alone):
    """One user's broken gateway must not block the restart of other users' gateways."""
    asked = []

    def ask(name, reason, emergency):
        asked.append(name)
        return {"event": "failed" if name == "b" else "restart", "reason": "x"}

    monkeypatch.setattr(gateway_restart.guard_program, "restart", ask)
    chosen = [settings("a", "eve", None), settings("b", "ada", SHARED)]
    chosen += [settings("c%d" % place, *one) for place, one in enumerate(others)]
    entries = gateway_restart._one_by_one(chosen, "test", False)
    assert [entry["event"] for entry in entries[:2]] == ["restart", "failed"]
    assert [entry["event"] == "refused" for entry in entries[2:]] == left_alone
    assert len(asked) == 2 + left_alone.count(False)


def test_arbiter_that_does_not_answer_for_one_is_asked_for_the_others(monkeypatch):
    def ask(name, reason, emergency):
        if name == "a":
            raise GuardError("a: hermes-guard ended with 1")
        return {"event": "restart", "reason": "x"}

    monkeypatch.setattr(gateway_restart.guard_program, "restart", ask)
    chosen = [settings(name, "ada", SHARED) for name in "ab"]
    entries = gateway_restart._one_by_one(chosen, "test", False)
    assert [entry["event"] for entry in entries] == ["failed", "restart"]
