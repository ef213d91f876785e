# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in effect, and what needs a restart."""

from __future__ import annotations

import glob
import os
import re
import time

import pytest

yaml = pytest.importorskip("yaml")

from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError

BOTH = {"session_max_messages": 50, "auto_compress": True}


def test_restart_is_required_for_what_is_read_at_the_start_only(host):
    one = host.gateway()
    one.pid, one.start_time = os.getpid(), time.time() - 100
    assert not host.run(**BOTH)["restart_required"]
    planned = host.run(check=True, settings={"agent.max_turns": 5})
    done = host.run(settings={"agent.max_turns": 5})
    assert planned["restart_required"] and done["restart_required"]
    [sources] = glob.glob(os.path.join(host.root, "hermes-0.19.0/lib/*/site-packages"))
    folder = os.path.join(host.root, "etc/hermes")
    wanted = {
        "name": "hermes-gateway",
        "restart_required": True,
        "sources": sources,
        "files": [folder, folder + "/config.yaml"],
    }
    assert planned["gateways"] == done["gateways"] == [wanted]
    assert done["complete"] is True
    assert "hermes-gateway" in host.run(settings={"agent.max_turns": 5})["warnings"][0]
    one.start_time = time.time() + 5
    assert not host.run(settings={"agent.max_turns": 5})["restart_required"]


def test_what_is_in_effect_is_verified(host):
    host.gateway()
    elsewhere = os.path.join(host.root, "etc", "elsewhere")
    host.managed_dirs["hermes-gateway"] = elsewhere
    host.run(**BOTH)
    assert os.path.exists(os.path.join(elsewhere, "config.yaml")) and not os.path.exists(
        host.managed
    )
    why = (
        r"gateway hermes-gateway: the effective value of compression.hygiene_hard_message_limit is 50, not 70 as "
        r"set in .*home-hermes-gateway/config.yaml; .*elsewhere.*takes precedence"
    )
    with pytest.raises(GuardError, match=why):
        host.run(scope="home", gateways=["hermes-gateway"], session_max_messages=70)
    # What is in effect is the word of a user's program: if the gateway is not named, a warning.
    for check in (False, True):
        warnings = host.run(check, scope="home", session_max_messages=70)["warnings"]
        assert len(warnings) == 1 and re.match("not in effect: " + why, warnings[0])
