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


def test_scope_changes_from_managed_to_home(host):
    """The managed file once kept the old values, which override those of each home."""
    one = host.gateway()
    other = host.gateway("hermes-gateway-b")
    elsewhere = os.path.join(host.root, "etc", "elsewhere")
    host.managed_dirs[other.name] = elsewhere
    settings = {"agent.max_turns": 5}
    host.run(settings=settings, **BOTH)
    wanted = {"session_max_messages": 70, "auto_compress": True, "settings": settings}
    planned = host.run(check=True, scope="home", **wanted)
    assert os.path.exists(host.file) and planned["changed"]
    done = host.run(scope="home", **wanted)
    assert (done["changed"], done["warnings"], done["complete"]) == (True, [], True)
    assert {name: planned[name] for name in planned} == {name: done[name] for name in planned}
    assert not os.path.exists(host.managed) and not os.path.exists(elsewhere)
    # The question of site.yml looks at the files of both scopes.
    assert [one.config in each["files"] for each in done["gateways"]] == [True, False]
    assert all("%s/config.yaml" % host.managed in each["files"] for each in done["gateways"][:1])
    for gateway in (one, other):
        assert yaml.safe_load(host.read(gateway.config))["compression"] == {
            "enabled": True,
            "hygiene_hard_message_limit": 70,
        }
    again = host.run(scope="home", **wanted)
    assert (again["changed"], again["warnings"]) == (False, [])
    assert host.run(state="absent")["changed"] and not os.path.exists(host.state)


def test_scope_changes_although_the_homes_have_the_values_already(host):
    one = host.gateway()
    host.run(session_max_messages=50)
    host.put(one.config, "compression:\n  hygiene_hard_message_limit: 70\n")
    done = host.run(scope="home", session_max_messages=70)
    assert (done["changed"], done["warnings"]) == (True, [])
    assert not os.path.exists(host.file)


def test_managed_file_keeps_what_the_home_does_not_get(host):
    """Other options, lines of an operator, and everything if a gateway is named."""
    one = host.gateway()
    host.run(settings={"agent.max_turns": 5}, **BOTH)
    with open(host.file, "a", encoding="utf-8") as stream:
        stream.write("model: x\n")
    host.run(scope="home", gateways=[one.name], auto_compress=True)
    assert "enabled" in host.read(host.file)
    host.run(scope="home", **BOTH)
    assert yaml.safe_load(host.read(host.file)) == {"agent": {"max_turns": 5}, "model": "x"}


def test_managed_file_stays_while_no_home_can_be_configured(host):
    one = host.gateway()
    host.run(**BOTH)
    one.problem = "its home does not answer"
    host.run(scope="home", **BOTH)
    assert os.path.exists(host.file)
