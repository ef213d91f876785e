# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""End to end: the result of the module, and that nothing is left behind."""

from __future__ import annotations

import os
import stat

import pytest

yaml = pytest.importorskip("yaml")

from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import guard_program
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError

BOTH = {"session_max_messages": 50, "auto_compress": True}
LIMIT = "compression.hygiene_hard_message_limit"


def test_managed_scope_there_and_back(host):
    host.gateway(text="compression:\n  enabled: false # mine\n")
    before = host.listing()
    planned = host.run(check=True, **BOTH)
    assert planned["changed"] and host.listing() == before
    done = host.run(**BOTH)
    assert {name: planned[name] for name in planned} == {name: done[name] for name in planned}
    assert yaml.safe_load(host.read(host.file)) == {
        "compression": {"enabled": True, "hygiene_hard_message_limit": 50}
    }
    assert stat.S_IMODE(os.stat(host.file).st_mode) == 0o644
    assert (
        stat.S_IMODE(os.stat(os.path.join(host.state, guard_program.SESSION_RECORD)).st_mode)
        == 0o600
    )
    rows = {
        "file": host.file,
        "gateways": ["hermes-gateway"],
        "before": None,
        "reads": True,
        "live": True,
    }
    assert done["applied"] == [
        dict(rows, asked="session_max_messages", key=LIMIT, after=50),
        dict(rows, asked="auto_compress", key="compression.enabled", after=True),
    ]
    assert done["diff"][0]["before"] == "" and done["diff"][0]["after"] == host.read(host.file)
    again = host.run(**BOTH)
    assert not again["changed"] and again["diff"] == []
    assert host.run(check=True, state="absent")["changed"]
    assert host.run(state="absent", **BOTH)["changed"]
    assert host.listing() == before
    assert not host.run(state="absent")["changed"]


def test_no_gateway(host):
    assert host.run(**BOTH)["skipped_because"] == "no Hermes gateway on this host"
    assert not host.run(state="absent")["changed"]


@pytest.mark.parametrize("scope", ["managed", "home"])
def test_a_user_cannot_keep_the_others_from_being_configured(host, scope):
    host.gateway(text="a: 1\n")
    mallory = host.gateway("hermes-gateway@mallory", text="b: 2\n")
    mallory.problem = "the home /etc belongs to uid 0, but the gateway runs as mallory (uid 1000)"
    result = host.run(scope=scope, **BOTH)
    assert [one["name"] for one in result["gateways"]] == ["hermes-gateway"]
    assert "hermes-gateway@mallory is skipped: " + mallory.problem in result["warnings"]
    assert host.run(scope=scope, **BOTH)["changed"] is False
    assert host.run(state="absent")["changed"] is True
    assert open(mallory.config, encoding="utf-8").read() == "b: 2\n"
    # In system scope as well: it is the user's home all the same. Named by the operator it is an
    # error.
    mallory.scope = "system"
    assert host.run(scope=scope, **BOTH)["changed"] is True
    with pytest.raises(GuardError, match="belongs to uid 0"):
        host.run(scope=scope, gateways=[mallory.name], **BOTH)


def test_excluded_gateway_is_left_alone_in_its_home(host, tmp_path, monkeypatch):
    """guard.conf lists the excluded gateways. The managed file applies to them too: a warning."""
    host.gateway(text="")
    other = host.gateway("hermes-gateway-b", text="# mine\n")
    (tmp_path / "guard.conf").write_text("[DEFAULT]\nexcluded = hermes-gateway-b\n[x]\nunit = y\n")
    monkeypatch.setattr(guard_program, "FOLDER", str(tmp_path))
    result = host.run(scope="home", **BOTH)
    assert [row["name"] for row in result["gateways"]] == ["hermes-gateway"]
    assert result["warnings"] == []
    assert host.read(other.config) == "# mine\n"
    result = host.run(**BOTH)
    assert [text for text in result["warnings"] if "also apply to hermes-gateway-b" in text]
