# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts of users, by their names."""

from __future__ import annotations

import os
import pwd

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import accounts
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import RunError


def test_user_who_is_not_there():
    with pytest.raises(RunError, match="user 'no such user' does not exist"):
        accounts.named("no such user")


def test_account_of_a_user():
    me = pwd.getpwuid(os.getuid())
    assert accounts.named(me.pw_name) == me
    # systemd(1): the directory of XDG_RUNTIME_DIR.
    assert accounts.runtime(1000) == "/run/user/1000"
