# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is reverted, and what is kept."""

from __future__ import annotations

import os
import shutil

import pytest

yaml = pytest.importorskip("yaml")

from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import reach

BOTH = {"session_max_messages": 50, "auto_compress": True}


@pytest.mark.parametrize("first", ["session_reset.mode", "session_reset.idle_minutes"])
def test_a_section_that_we_made_goes_with_its_last_key(host, first):
    one = host.gateway(text="a: 1\n")
    host.run(scope="home", settings={"session_reset": {"mode": "idle", "idle_minutes": 60}})
    host.run(state="absent", settings={first: None})
    assert "session_reset" in host.read(one.config)
    host.run(state="absent")
    assert host.read(one.config) == "a: 1\n"


def test_a_key_that_somebody_changed_since_stays(host):
    one = host.gateway(text="compression:\n  enabled: false\n")
    host.run(scope="home", **BOTH)
    host.put(one.config, host.read(one.config).replace("50", "99"))
    host.run(state="absent")
    assert (
        host.read(one.config)
        == "compression:\n  enabled: false\n  hygiene_hard_message_limit: 99\n"
    )


def test_a_home_that_went_away_is_forgotten(host):
    one = host.gateway()
    host.run(scope="home", session_max_messages=50)
    shutil.rmtree(one.home)
    host.gateways.clear()
    host.run(state="absent")
    assert not os.path.exists(host.state)


def test_a_home_that_does_not_answer_is_restored_by_a_later_run(host, monkeypatch):
    one = host.gateway(text="a: 1\n")
    host.run(scope="home", session_max_messages=50)
    with monkeypatch.context() as patched:
        patched.setattr(reach, "answers", lambda path, user: path != one.home)
        result = host.run(state="absent")
    assert result["changed"] is False and len(result["warnings"]) == 1
    assert "remain until its home answers" in result["warnings"][0]
    host.run(state="absent")
    assert host.read(one.config) == "a: 1\n"


def test_a_home_whose_gateway_went_away_is_restored(host):
    one = host.gateway(text="a: 1\n")
    host.run(scope="home", session_max_messages=50)
    host.gateways.clear()
    host.run(state="absent")
    assert host.read(one.config) == "a: 1\n"
