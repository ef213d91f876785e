# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What doctor says of gateways that are not found, and of those that are in each other's way."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import doctor
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import client, discovery

GATEWAY = "hermes-gateway.service"
FUTURE = "{ path=/opt/h/start ; argv[]=/opt/h/start --forever ; ignore_errors=no ; }"


@pytest.fixture
def host(systemd, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.systemd, "version", lambda: 252)
    monkeypatch.setattr(discovery, "started_manually", lambda found: [])
    for unit in ("hermes-mem-watchdog.timer", "hermes-gateway-restart.timer"):
        systemd._enable([unit])
    systemd.add_gateway(tmp_path / "home", start=False)
    return systemd


def test_managed_gateway_that_is_not_understood(host, settings):
    """To run the playbook again would not help, and is not advised."""
    host.units[GATEWAY]["ExecStart"] = FUTURE
    found = doctor.problems([settings()])
    assert len(found) == 1
    assert found[0].startswith("hermes-gateway: hermes-gateway.service is there, and ")
    assert "'/opt/h/start --forever' is not known to start a gateway" in found[0]
    assert found[0].endswith("it stays managed as it was configured")


def test_unit_that_looks_like_a_gateways(host):
    host.units[GATEWAY]["ExecStart"] = FUTURE
    found = doctor.problems([])
    assert len(found) == 1 and "playbook" not in found[0]
    assert found[0].startswith("hermes-gateway is not managed: hermes-gateway.service looks like")


def test_two_gateways_on_one_home(host, settings, tmp_path):
    host.add_gateway(tmp_path / "home", unit="hermes.service", start=False)
    found = doctor.problems([settings(), settings(unit="hermes.service")])
    assert [line.partition(" has the same home")[0] for line in found] == [
        "hermes: hermes-gateway",
        "hermes-gateway: hermes",
    ]


def test_gateway_that_runs_as_root(host, settings, monkeypatch):
    """It is advice, and no fault that doctor ends with 1 for."""
    assert doctor.notes([settings(user="nobody")]) == []
    monkeypatch.setattr(client, "not_as_root", lambda one: None)
    assert doctor.notes([settings(user="root")]) == [
        "note: hermes-gateway: it runs as root, so whoever talks its agent into a command has the "
        "whole host: run it as a user of its own"
    ]
    monkeypatch.setattr(client, "not_as_root", lambda one: one.python + " belongs to uid 1000")
    assert doctor.notes([settings(user="root", python="/x/python")])[1] == (
        "note: hermes-gateway: its Hermes is not asked for its version and settings, and is not "
        "drained before a restart, as root must not run its Python: /x/python belongs to uid 1000"
    )
    assert len(doctor.notes([settings(user="root", python="")])) == 1
