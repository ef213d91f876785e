# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the modules guard and guard_component end."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import module as common


class Module:
    params = {}
    check_mode = False

    def fail_json(self, msg):
        raise SystemExit(msg)


@pytest.mark.parametrize("uid", [65534, 4242424])
def test_other_user_than_root_is_told_so(monkeypatch, uid):
    """become_user: hermes once ended with "watchdog.conf cannot be opened: Permission denied"."""
    monkeypatch.setattr(common.os, "geteuid", lambda: uid)
    with pytest.raises(SystemExit, match="must run as root, not as .+: set become: true"):
        common.run(Module(), lambda params, check_mode: pytest.fail("nothing is looked at"))
