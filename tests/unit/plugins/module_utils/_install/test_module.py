# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the modules guard and guard_component end."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import module as common


class Module:
    params = {}
    check_mode = False

    def __init__(self):
        self.warnings = []
        self.result = {}

    def fail_json(self, msg):
        raise SystemExit(msg)

    def warn(self, text):
        self.warnings.append(text)

    def exit_json(self, **result):
        self.result = result


@pytest.mark.parametrize("uid", [65534, 4242424])
def test_other_user_than_root_is_told_so(monkeypatch, uid):
    """become_user: hermes once ended with "watchdog.conf cannot be opened: Permission denied"."""
    monkeypatch.setattr(common.os, "geteuid", lambda: uid)
    with pytest.raises(SystemExit, match="must run as root, not as .+: set become: true"):
        common.run(Module(), lambda params, check_mode: pytest.fail("nothing is looked at"))


def test_control_characters_reach_no_terminal(monkeypatch):
    """A user of the host may have chosen a part of the text."""
    monkeypatch.setattr(common.os, "geteuid", lambda: 0)
    module = Module()
    common.run(module, lambda params, check_mode: {"notes": ["a\x1b[2J"]})
    assert (module.warnings, module.result) == (["a[2J"], {"notes": ["a[2J"]})

    def fails(params, check_mode):
        raise GuardError("b\x1b[2J")

    with pytest.raises(SystemExit) as caught:
        common.run(Module(), fails)
    assert str(caught.value) == "b[2J"
