# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drain marker, which the installed Hermes writes. The tests of the arbiter cover its effect."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery, drain


@pytest.fixture
def gateway(systemd, settings, tmp_path):
    systemd.add_gateway(tmp_path / "home")
    return discovery.refresh([settings()])["hermes-gateway"]


def test_the_installed_hermes_writes_it(gateway):
    assert drain.write(gateway) and drain.ours(gateway) and not drain.foreign(gateway)
    assert drain.remove(gateway) and not drain.ours(gateway)


def test_hermes_that_does_not_know_it(gateway, monkeypatch):
    """0.18.1 and earlier lack this module. The version does not count, because it may be unknown."""
    monkeypatch.setattr(drain, "_WRITE", drain._WRITE.replace("drain_control", "not_there"))
    assert not drain.write(gateway)
    assert not os.path.exists(os.path.join(gateway.home, drain.NAME))


def test_marker_of_another_is_left_alone(gateway):
    path = os.path.join(gateway.home, drain.NAME)
    with open(path, "w") as out:
        out.write(json.dumps({"principal": "dashboard"}))
    assert not drain.write(gateway) and not drain.remove(gateway)
    assert drain.foreign(gateway) and os.path.exists(path)
