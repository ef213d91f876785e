# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cgroups that are in the unit of a gateway, and those that only look like it."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._oom import unit_cgroup


@pytest.mark.parametrize(
    ("memcg", "system", "user"),
    [
        ("/system.slice/hermes-gateway.service", True, False),
        ("/system.slice/hermes-gateway.service/tools", True, False),
        ("/hermes.slice/hermes-gateway.service", True, False),
        (
            "/user.slice/user-1001.slice/user@1001.service/app.slice/hermes-gateway-coder.service",
            False,
            True,
        ),
        (
            "/user.slice/user-1002.slice/user@1002.service/app.slice/hermes-gateway-coder.service",
            False,
            False,
        ),
        (
            "/user.slice/user-1001.slice/user@1001.service/system.slice/hermes-gateway.service",
            False,
            False,
        ),
        ("/system.slice/hermes-gateway.service.d", False, False),
        # Another gateway of that name, in a container.
        (
            "/machine.slice/libpod-abc.scope/container/system.slice/hermes-gateway.service",
            False,
            False,
        ),
        ("/lxc.payload.web2/system.slice/hermes-gateway.service", False, False),
        (
            (
                "/machine.slice/systemd-nspawn@web2.service/payload/system.slice/"
                "hermes-gateway.service"
            ),
            False,
            False,
        ),
        ("/", False, False),
    ],
)
def test_cgroups(gateway, memcg, system, user):
    assert (unit_cgroup.in_unit(memcg, gateway()), unit_cgroup.in_unit(memcg, gateway("user"))) == (
        system,
        user,
    )
