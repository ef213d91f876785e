# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking hermes-guard for a restart, from the outside."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import guard_program
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Write a program in place of hermes-guard: call it with its lines of shell."""

    def make(text):
        path = tmp_path / "hermes-guard"
        path.write_text("#!/bin/sh\n%s\n" % text)
        path.chmod(0o755)
        monkeypatch.setattr(guard_program, "PROGRAM", str(path))

    return make


@pytest.mark.parametrize("emergency", [False, True])
def test_answer_is_an_entry_of_the_ledger(program, emergency):
    program("""printf '{"event": "refused", "reason": "%s"}' "$*"; exit 3""")
    entry = guard_program.restart("hermes-gateway", "it leaks", emergency)
    asked = "restart --gateway hermes-gateway --reason it leaks --json"
    assert entry == {"event": "refused", "reason": asked + (" --now" if emergency else "")}


@pytest.mark.parametrize("where", ["", " >&2"])
def test_no_answer_is_said(program, where):
    program("echo it is broken%s; exit 4" % where)
    with pytest.raises(GuardError, match=r"^a: hermes-guard failed \(exit code 4\): it is broken$"):
        guard_program.restart("a", "it leaks", False)
