# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway and its settings in one object."""

from __future__ import annotations

from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import managed
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery


def test_each_gateway_has_its_settings_and_what_systemd_says(systemd, settings, tmp_path):
    every = []
    for name in ("hermes-gateway", "hermes-gateway-coder"):
        systemd.add_gateway(tmp_path / name, unit=name + ".service")
        every.append(settings(unit=name + ".service", home=tmp_path / name))
    every.append(settings(unit="hermes-gateway-gone.service"))
    found = managed.refresh(every)
    assert sorted(found) == ["hermes-gateway", "hermes-gateway-coder"]
    for one in every[:2]:
        gateway = found[one.name]
        assert isinstance(gateway, discovery.Gateway)
        assert (gateway.settings, gateway.pid) == (one, systemd.pid(one.unit))
    assert managed.find(every[2]) is None
