# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys are set in which file, for each Hermes."""

from __future__ import annotations

import os

import pytest

yaml = pytest.importorskip("yaml")


BOTH = {"session_max_messages": 50, "auto_compress": True}


def test_absent_takes_back_only_what_is_named(host):
    host.gateway()
    host.run(settings={"agent": {"max_turns": 5}}, **BOTH)
    host.run(state="absent", session_max_messages=1)
    assert yaml.safe_load(host.read(host.file)) == {
        "agent": {"max_turns": 5},
        "compression": {"enabled": True},
    }
    host.run(state="absent", settings={"agent.max_turns": 0})
    assert yaml.safe_load(host.read(host.file)) == {"compression": {"enabled": True}}


def test_old_hermes_gets_it_at_home(host):
    old = host.gateway("hermes-gateway-old", host.hermes("0.16.0", managed=False))
    done = host.run(**BOTH)
    assert not os.path.exists(host.managed)
    assert {row["file"] for row in done["applied"]} == {old.config}
    new = host.gateway("hermes-gateway-new")
    assert host.run(**BOTH)["changed"]
    assert os.path.exists(host.file) and not os.path.exists(new.config)


def test_article_keys_come_and_go(host):
    host.gateway()
    done = host.run(article_keys=True, **BOTH)
    assert yaml.safe_load(host.read(host.file)) == {
        "compression": {"enabled": True, "hygiene_hard_message_limit": 50},
        "session_max_messages": 50,
        "session_auto_compress": True,
    }
    assert [row["reads"] for row in done["applied"]] == [True, False, True, False]
    assert not done["warnings"] and not done["restart_required"]
    assert host.run(**BOTH)["changed"]
    assert yaml.safe_load(host.read(host.file)) == {
        "compression": {"enabled": True, "hygiene_hard_message_limit": 50}
    }


def test_a_hermes_that_reads_the_articles_key(host):
    host.gateway(python=host.hermes("0.99.0", extra="'session_max_messages': 7"))
    host.run(session_max_messages=50)
    assert yaml.safe_load(host.read(host.file)) == {
        "session_max_messages": 50,
        "compression": {"hygiene_hard_message_limit": 50},
    }
