# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Hermes that cannot be queried, and one that gives false answers."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

yaml = pytest.importorskip("yaml")

from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import client
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError

BOTH = {"session_max_messages": 50, "auto_compress": True}


def test_a_broken_hermes_is_no_reason_to_leave_the_others(host):
    host.gateway("hermes-gateway-broken", "/bin/false")
    done = host.run(**BOTH)
    assert "could not be queried" in done["warnings"][0] and os.path.exists(host.file)
    with pytest.raises(GuardError, match="/bin/false gave no usable answer"):
        host.run(scope="home", gateways=["hermes-gateway-broken"], **BOTH)
    other = host.gateway("hermes-gateway-other")
    done = host.run(scope="home", **BOTH)
    assert "/bin/false gave no usable answer" in done["warnings"][0]
    assert "50" in host.read(other.config)


def test_a_hostile_python_gets_nowhere(host):
    answers = os.path.join(host.root, "answer")
    evil = os.path.join(host.root, "evil")
    with open(evil, "w", encoding="utf-8") as stream:
        stream.write("#!/bin/sh\ncat %s\n" % answers)
    os.chmod(evil, 0o755)
    host.gateway(python=evil)
    for answer in (
        "[]",
        "{",
        '{"config": [], "reads": 7, "version": {"a": 1}, "channels": [[1]],'
        ' "model": "\\u001b[31m"}',
        '{"error": ["\\n"]}',
        "[" * 5000,
    ):
        with open(answers, "w", encoding="utf-8") as stream:
            stream.write(answer)
        for scope in ("managed", "home"):
            try:
                host.run(scope=scope, settings={"agent.max_turns": 1})
            except GuardError:
                continue
    with open(answers, "w", encoding="utf-8") as stream:
        stream.write(
            '{"version": "\\u001b[31m9", "channels": ["b", 1, "a"], "config": {"x": 1},'
            ' "reads": {"a": 1}, "live": {"a": true}, "changed": 1e300}'
        )
    owned = SimpleNamespace(python=evil, home="/", user=host.user.pw_name)
    assert client.probe(owned, ["a"]) == {
        "version": "[31m9",
        "changed": None,
        "provider": None,
        "model": None,
        "managed_dir": None,
        "root": None,
        "channels": ["a", "b"],
        "managed_support": False,
        "config": {"a": None},
        "reads": {"a": False},
        "live": {"a": True},
    }
