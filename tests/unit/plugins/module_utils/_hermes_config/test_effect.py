# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in effect, and what needs a restart."""

from __future__ import annotations

import glob
import json
import os
import re
import time

import pytest

yaml = pytest.importorskip("yaml")

from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import guard_program
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError

BOTH = {"session_max_messages": 50, "auto_compress": True}
# A key that Hermes 0.20.1 and later read, at the start only.
CACHE = '"agent": {"agent_cache": {"memory_high_mb": "auto"}},'


def running(host, name, python):
    """A gateway that has been running for a while."""
    one = host.gateway(name, python)
    one.pid, one.start_time, one.control_group = os.getpid(), time.time() - 100, ""
    return one


def age(host, is_older):
    """Make what was written older than the gateways; ``is_older`` removes the times from the record."""
    then = time.time() - 1000
    os.utime(host.file, (then, then))
    path = os.path.join(host.state, guard_program.SESSION_RECORD)
    with open(path, encoding="utf-8") as stream:
        content = json.load(stream)
    for kept in content["files"][host.file]["keys"].values():
        kept["written"] = then
        if is_older:
            del kept["written"]
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(content, stream)


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


@pytest.mark.parametrize("is_older", [False, True])
def test_later_write_of_another_key_requires_no_restart(host, is_older):
    """The second run once restarted the gateway: the file was younger than its process."""
    running(host, "hermes-gateway", host.hermes("0.22.2", extra=CACHE))
    host.run(session_max_messages=50, cache_memory="400M")
    age(host, is_older)
    for changed in (True, False):
        done = host.run(session_max_messages=60, cache_memory="400M")
        assert (done["changed"], done["restart_required"]) == (changed, False)
        assert done["warnings"] == []
    for changed in (True, False):
        done = host.run(session_max_messages=60, cache_memory="300M")
        assert (done["changed"], done["restart_required"]) == (changed, True)


@pytest.mark.parametrize("recorded", [True, False])
def test_what_a_user_writes_requires_no_restart(host, recorded):
    """In a home, a user may add other keys to the file, and may have set the same value before."""
    text = "" if recorded else "agent:\n  max_turns: 5\n"
    one = host.gateway(text=text)
    host.run(scope="home", settings={"agent.max_turns": 5})
    one.pid, one.start_time = os.getpid(), time.time() + 1
    host.put(one.config, host.read(one.config) + "model: x\n")
    os.utime(one.config, (time.time() + 100, time.time() + 100))
    done = host.run(scope="home", settings={"agent.max_turns": 5})
    assert (done["changed"], done["restart_required"], done["warnings"]) == (False, False, [])


def test_gateway_that_does_not_read_a_key_needs_no_restart(host):
    """0.19 shares the managed file with 0.22, which reads the budget of cached chats."""
    running(host, "hermes-gateway-new", host.hermes("0.22.2", extra=CACHE))
    running(host, "hermes-gateway-old", host.hermes("0.19.0"))
    for changed in (True, False):
        done = host.run(cache_memory="400M")
        assert done["changed"] is changed
        needs = {row["name"]: row["restart_required"] for row in done["gateways"]}
        assert needs == {"hermes-gateway-new": True, "hermes-gateway-old": False}


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
    # Without its record, the managed file is somebody else's.
    os.unlink(os.path.join(host.state, guard_program.SESSION_RECORD))
    for check in (False, True):
        warnings = host.run(check, scope="home", session_max_messages=70)["warnings"]
        assert len(warnings) == 1 and re.match("not in effect: " + why, warnings[0])
