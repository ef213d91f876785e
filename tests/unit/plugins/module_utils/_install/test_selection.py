# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which gateways stay managed: protection goes only if the unit itself is gone."""

from __future__ import annotations

import os
import pwd

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import config
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    systemd as systemd_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import (
    GuardError,
    SystemdError,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import guard as backend
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import (
    guard_component,
    selection,
)

GATEWAY = "hermes-gateway.service"
FUTURE = "{ path=/opt/h/start ; argv[]=/opt/h/start --forever ; ignore_errors=no ; }"


def contents(host):
    """Every file below ``host`` with its content."""
    return {
        os.path.join(folder, name): open(os.path.join(folder, name), "rb").read()
        for folder, _folders, names in os.walk(str(host))
        for name in names
    }


def not_understood(systemd, unit=GATEWAY):
    """The unit starts what no release is known to start, as after an upgrade; it is stopped."""
    if unit in systemd.processes:
        systemd.stop(unit)
    systemd.units[unit]["ExecStart"] = FUTURE


def test_upgrade_to_a_release_that_is_not_understood(host, guard, timer, systemd):
    """The next run of the playbook once removed all that protected such a gateway."""
    backend.apply(guard())
    guard_component.apply(timer())
    before = contents(host)
    not_understood(systemd)
    for parameters in (guard(), timer(), guard(gateways=["hermes-gateway"])):
        module = guard_component if "component" in parameters else backend
        result = module.apply(parameters)
        assert result["changed"] is False and "skipped_because" not in result
        if module is backend:
            assert [one["name"] for one in result["gateways"]] == ["hermes-gateway"]
        assert result["notes"][0].startswith(
            "hermes-gateway stays guarded as it was: hermes-gateway.service looks like the unit of "
            "a gateway, but its command '/opt/h/start' is not known to start a gateway"
        )
    assert contents(host) == before
    # The unit itself is gone, and systemd says so.
    del systemd.units[GATEWAY]
    assert backend.apply(guard())["gateways"] == []


def test_one_of_two_is_not_understood(host, guard, systemd, tmp_path):
    systemd.add_gateway(tmp_path / "b", unit="hermes-gateway-b.service", start=False)
    backend.apply(guard())
    not_understood(systemd, "hermes-gateway-b.service")
    before = contents(host)
    result = backend.apply(guard())
    assert [one["name"] for one in result["gateways"]] == ["hermes-gateway", "hermes-gateway-b"]
    assert (result["changed"], contents(host)) == (False, before)
    # It goes if it is no longer asked for.
    result = backend.apply(guard(gateways=["hermes-gateway"]))
    assert [one["name"] for one in result["gateways"]] == ["hermes-gateway"]


def test_unit_that_looks_like_a_gateways_and_was_never_managed(host, guard, systemd):
    not_understood(systemd)
    result = backend.apply(guard())
    assert (result["changed"], result["gateways"]) == (False, [])
    assert result["notes"][0].startswith("hermes-gateway is left out: hermes-gateway.service looks")
    with pytest.raises(GuardError, match="'hermes-gateway' cannot be guarded: .* not known"):
        backend.apply(guard(gateways=["hermes-gateway"]))


def test_users_systemd_that_does_not_answer(host, guard, systemd, settings, monkeypatch, tmp_path):
    """Nobody says that the unit is gone, so it is not."""
    me = pwd.getpwuid(os.getuid())
    backend.apply(guard())
    with open(os.path.join(config.FOLDER, "guard.conf"), "a", encoding="utf-8") as conf:
        conf.write(
            "\n[x@ada]\nunit = x.service\nscope = user\nuser = %s\nhome = %s\npython =\n"
            % (me.pw_name, tmp_path / "home")
        )
    answers = []

    def systemctl(self, *words, **how):
        if self.user is not None:
            if not answers:
                raise SystemdError("systemctl did not end within 30 s")
            return answers[0]
        return real(self, *words, **how)

    real = systemd_module.Manager.systemctl
    monkeypatch.setattr(systemd_module.Manager, "systemctl", systemctl)
    monkeypatch.setattr(systemd_module, "user_managers", lambda: [systemd_module.Manager(me)])
    gateways, notes = selection.select([])
    assert [one.name for one in gateways] == ["hermes-gateway", "x@ada"]
    assert notes == [
        "x@ada stays guarded as it was: the systemd that runs x.service does not answer"
    ]
    assert (gateways[1].unit, gateways[1].scope) == ("x.service", "user")
    assert gateways[1].home == str(tmp_path / "home")
    answers.append(systemd_module.command.Result(0, "Id=x.service\nLoadState=not-found\n", ""))
    assert [one.name for one in selection.select([])[0]] == ["hermes-gateway"]


def test_gateway_in_a_container_is_left_out_with_a_note(host, guard, systemd, monkeypatch):
    account = pwd.struct_passwd(("1000", "x", 1000, 1000, "", "/nonexistent", ""))
    monkeypatch.setattr(
        discovery,
        "in_containers",
        lambda candidates: [discovery.Gateway("docker:0a1b", "container", account, "/opt/data")],
    )
    result = backend.apply(guard())
    assert [one["name"] for one in result["gateways"]] == ["hermes-gateway"]
    assert result["notes"] == [
        "docker:0a1b is left out: it runs in a container, and those are not managed: set a memory "
        "limit and a restart policy with the container's own engine"
    ]
    with pytest.raises(GuardError, match="'docker:0a1b' cannot be guarded: it runs in a container"):
        backend.apply(guard(gateways=["docker:0a1b"]))
