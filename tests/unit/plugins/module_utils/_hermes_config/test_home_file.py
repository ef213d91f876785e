# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of a home, which is its owner's."""

from __future__ import annotations

import json
import os
import pwd
import stat

import pytest

yaml = pytest.importorskip("yaml")

from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import client
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes_config import managed_file
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import trust
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError

BOTH = {"session_max_messages": 50, "auto_compress": True}
LIMIT = "compression.hygiene_hard_message_limit"


def test_home_scope_there_and_back(host):
    text = "# mine\r\ncompression:\r\n    hygiene_hard_message_limit: 0x190   # hm\r\n"
    one = host.gateway(text=text, mode=0o640)
    before = host.listing()
    done = host.run(scope="home", **BOTH)
    assert host.read(one.config) == (
        "# mine\r\ncompression:\r\n    hygiene_hard_message_limit: 50   # hm\r\n"
        "    enabled: true\r\n"
    )
    info = os.stat(one.config)
    assert (stat.S_IMODE(info.st_mode), info.st_uid) == (0o640, host.user.pw_uid)
    assert [(row["key"], row["before"], row["after"]) for row in done["applied"]] == [
        (LIMIT, 400, 50),
        ("compression.enabled", None, True),
    ]
    assert "mine" not in json.dumps(done["diff"])
    assert not host.run(scope="home", **BOTH)["changed"]
    host.run(scope="home", session_max_messages=60)
    host.run(state="absent")
    assert host.listing() == before


def test_home_without_a_file(host):
    one = host.gateway()
    before = host.listing()
    host.run(scope="home", session_max_messages=50)
    assert stat.S_IMODE(os.stat(one.config).st_mode) == 0o600
    host.run(state="absent")
    assert host.listing() == before


@pytest.mark.parametrize("scope", ["managed", "home"])
def test_bad_homes(host, scope):
    one = host.gateway(text="a: 1\nb: [\n")
    before = host.listing()
    named = {"scope": scope, "gateways": [one.name]}
    with pytest.raises(GuardError, match=r"hermes-gateway: .*/config.yaml, line 3: invalid YAML"):
        host.run(**named, **BOTH)
    assert host.listing() == before
    # One that is not named costs nobody else anything, and the managed scope holds for it too.
    other = host.gateway("hermes-gateway-other", text="a: 1\n")
    done = host.run(scope=scope, **BOTH)
    assert "line 3: invalid YAML" in done["warnings"][0] and len(done["warnings"]) == 1
    assert host.run(scope=scope, **BOTH)["changed"] is False
    assert "50" in host.read(host.file if scope == "managed" else other.config)
    host.run(state="absent")
    os.unlink(one.config)
    os.symlink("/etc/hostname", one.config)
    with pytest.raises(GuardError, match="symbolic link"):
        host.run(**named, **BOTH)
    os.unlink(one.config)
    one.problem = "the home /x belongs to uid 0, but the gateway runs as ada (uid 1000)"
    with pytest.raises(GuardError, match="belongs to uid 0"):
        host.run(scope=scope, gateways=[one.name], **BOTH)
    assert not os.path.exists(host.state)


@pytest.fixture
def of_root(host, monkeypatch):
    """A gateway that runs as root, with a Python that another user can write."""
    one = host.gateway()
    one.uid = managed_file.ROOT
    monkeypatch.setattr(client, "ROOT", pwd.getpwnam(one.user).pw_uid)
    monkeypatch.setattr(trust, "why_not", lambda python, *places: python + " belongs to uid 1000")
    return one


def test_gateway_of_root_is_set_in_the_managed_scope(host, of_root):
    """Its Python is not run, and the play continues: six of 27 public unit files are like that."""
    result = host.run(scope="managed", **BOTH)
    assert result["changed"] and os.path.exists(host.file)
    why = "%s belongs to uid 1000" % of_root.python
    assert [line for line in result["warnings"] if why in line] == [
        "gateway hermes-gateway could not be queried for the keys that it reads: the gateway "
        "runs as root, so its Python is not started: " + why
    ]


def test_home_of_a_gateway_of_root_is_left_out(host, of_root):
    before = host.listing()
    result = host.run(scope="home", **BOTH)
    assert not result["changed"] and host.listing() == before
    assert result["warnings"] == [
        "skipped: gateway hermes-gateway: the gateway runs as root, so its Python is not started: "
        "%s belongs to uid 1000" % of_root.python
    ]


def test_home_of_a_gateway_of_root_whose_python_is_roots(host, of_root, monkeypatch):
    monkeypatch.setattr(trust, "why_not", lambda python, *places: None)
    result = host.run(scope="home", **BOTH)
    assert result["changed"] and "hygiene_hard_message_limit" in host.read(of_root.config)
