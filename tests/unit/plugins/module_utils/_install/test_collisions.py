# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that two gateways share, or that the guard uses: each is reported, and other gateways are not affected."""

from __future__ import annotations

import os
import pwd

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import config
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import (
    collisions,
    manifest,
    selection,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import guard as backend

ME = pwd.getpwuid(os.getuid())


def of_user(unit, home, user="ada"):
    """A gateway in user scope."""
    account = pwd.struct_passwd((user, "x", ME.pw_uid, ME.pw_gid, "", "/home/" + user, ""))
    name = unit[: -len(".service")] + "@" + user
    return discovery.Gateway(name, "user", account, str(home), unit)


@pytest.fixture
def users(monkeypatch):
    """Gateways in user scope that discovery finds beside those of the system."""
    found = []
    monkeypatch.setattr(discovery, "started_manually", lambda others, candidates: list(found))
    return found


def test_system_gateway_and_one_of_a_user_with_the_same_name(host, guard, systemd, users, tmp_path):
    """The user's gateway once took the name, and the system's silently lost its protection."""
    systemd.add_gateway(tmp_path / "home", unit="hermes-gateway@ada.service", start=False)
    users.append(of_user("hermes-gateway.service", tmp_path / "home"))
    result = backend.apply(guard())
    assert [one["name"] for one in result["gateways"]] == ["hermes-gateway", "hermes-gateway@ada"]
    assert result["gateways"][1]["scope"] == "system"
    assert result["faults"] == [
        "two gateways on this host have the name hermes-gateway@ada: hermes-gateway@ada.service of the"
        " system, which is managed, and hermes-gateway.service of user ada, which is skipped:"
        " rename one of the two units"
    ]
    assert result["faults"][0] in result["notes"]
    # It does not matter if other gateways are named.
    assert backend.apply(guard(gateways=["hermes-gateway"]))["faults"] == []


def test_managed_one_keeps_its_name(tmp_path):
    """Of two users' gateways with one name, the one that has it already."""
    found = [of_user("b@x.service", tmp_path, "y"), of_user("b.service", tmp_path, "x@y")]
    section = {"unit": "b.service", "scope": "user", "user": "x@y"}
    for known, unit in (({}, "b.service"), ({"b@x@y": section}, "b.service")):
        settings = {name: config.Settings(name, place) for name, place in known.items()}
        names, faults = collisions.by_name(found, settings)
        assert (names["b@x@y"].unit, list(faults)) == (unit, ["b@x@y"])


@pytest.mark.parametrize("name", sorted(collisions.TAKEN))
def test_name_that_the_guard_uses_itself(host, guard, systemd, tmp_path, name):
    """[DEFAULT] would be the settings of all gateways, installed/ the manifests of all components."""
    systemd.add_gateway(tmp_path / "home", unit=name + ".service", start=False)
    result = backend.apply(guard())
    assert [one["name"] for one in result["gateways"]] == ["hermes-gateway"]
    assert result["faults"] == [
        "%s.service of the system is skipped: the name %s is reserved for the guard: rename the"
        " unit" % (name, name)
    ]
    with pytest.raises(GuardError, match="%r cannot be managed: its name is already used" % name):
        backend.apply(guard(gateways=[name]))


def test_name_that_nobody_asked_for_is_no_fault(host, guard, systemd, tmp_path):
    """The operator names the gateways to manage: one with a reserved name is not among them, and the run continues."""
    systemd.add_gateway(tmp_path / "other", unit="code.service", start=False)
    assert backend.apply(guard(gateways=["hermes-gateway"]))["faults"] == []
    assert len(backend.apply(guard())["faults"]) == 1


def test_names_in_the_state_directory_are_taken(host, guard):
    """A new one must be added to TAKEN."""
    backend.apply(guard())
    assert set(os.listdir(config.STATE)) <= collisions.TAKEN
    assert os.path.basename(os.path.dirname(manifest.path("x"))) in collisions.TAKEN


def test_profile_called_restart(host, guard, systemd, tmp_path):
    """Its unit has the name of the unit that restarts the gateway without a profile."""
    systemd.add_gateway(tmp_path / "b", unit="hermes-gateway-restart.service", start=False)
    with pytest.raises(GuardError) as caught:
        backend.apply(guard())
    assert str(caught.value) == (
        "hermes-gateway-restart.service is the unit of the gateway hermes-gateway-restart, but the"
        " unit that restarts hermes-gateway (hermes-gateway.service) needs the same name: rename"
        " one of the two profiles, or list the gateways to manage in hermes_guard_gateways"
    )
    # Either of them can be managed, and the unit file of a gateway is never taken for ours.
    for name in ("hermes-gateway", "hermes-gateway-restart"):
        try:
            chosen = selection.select([name]).gateways
        except GuardError:
            assert name == "hermes-gateway"
        else:
            assert [one.name for one in chosen] == ["hermes-gateway-restart"]


def test_profile_called_restart_of_a_user(host, guard, users, tmp_path):
    """The names of a user's gateways end in @USER: nothing collides."""
    home = tmp_path / "home"
    users += [of_user("hermes-gateway%s.service" % end, home) for end in ("", "-restart")]
    result = backend.apply(guard())
    assert [one["name"] for one in result["gateways"]] == [
        "hermes-gateway",
        "hermes-gateway-restart@ada",
        "hermes-gateway@ada",
    ]
    assert result["faults"] == []
