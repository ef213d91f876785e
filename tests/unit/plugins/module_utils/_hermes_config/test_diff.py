# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What --diff shows: what changes, and no secret."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes_config import diff, plan


@pytest.mark.parametrize("ours", [False, True])
def test_secrets_are_not_shown(ours):
    one = plan.Plan("/etc/hermes/config.yaml", None)
    one.ours = ours
    one.before = "other: 1\nm: {api_key: hunter2, a: 1}\nbot_token: hunter2\n"
    one.after = "other: 1\nm: {api_key: hunter2, a: 2}\nbot_token: hunter2\n"
    shown = diff.diff(one)
    first = "other: 1\n" if ours else ""
    last = "bot_token: ********\n" if ours else ""
    assert shown == {
        "before_header": one.path,
        "after_header": one.path,
        "before": first + "m: {api_key: ********, a: 1}\n" + last,
        "after": first + "m: {api_key: ********, a: 2}\n" + last,
    }
