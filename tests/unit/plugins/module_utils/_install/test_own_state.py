# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A removal says what becomes of the history, and keeps it if it is asked to."""

from __future__ import annotations

import os

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import config
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import guard as base
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import (
    guard_component,
    own_state,
    packages,
)

KEPT = ["hermes-gateway/ledger.jsonl", "hermes-gateway/memory.csv"]


@pytest.fixture(autouse=True)
def no_packages(monkeypatch):
    monkeypatch.setattr(packages, "obsolete", lambda: ([], []))


@pytest.fixture
def lived(host, guard):
    """A host whose gateway has a history, a ledger and more; what is in the state directory."""
    base.apply(guard())
    folder = os.path.join(config.STATE, "hermes-gateway")
    os.makedirs(folder, exist_ok=True)
    for name, text in (
        ("memory.csv", "timestamp,pid\n1790000000,1\n1790000300,1\n"),
        ("ledger.jsonl", "{}\n"),
        ("alarms.json", "{}\n"),
        ("suspended.json", "{}\n"),
    ):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as handle:
            handle.write(text)

    def there():
        return sorted(
            os.path.relpath(os.path.join(where, name), config.STATE)
            for where, _folders, names in os.walk(config.STATE)
            for name in names
        )

    return there


def test_history_goes_with_the_guard_and_is_named(lived, guard, host):
    before = lived()
    said = (
        "the memory history and the ledger of hermes-gateway since 2026-09-21 14:13 UTC are"
        " deleted; -e hermes_keep_history=true keeps them"
    )
    for check_mode in (True, False):
        assert lived() == before
        result = base.apply(guard(state="absent"), check_mode)
        assert (result["changed"], result["notes"]) == (True, [said])
    assert not os.path.exists(config.STATE)
    again = base.apply(guard(state="absent"))
    assert (again["changed"], again["notes"]) == (False, [])


def test_history_that_is_kept(lived, guard, host):
    parameters = guard(state="absent", keep_history=True)
    said = "the memory history and the ledger of hermes-gateway since 2026-09-21 14:13 UTC are kept"
    for check_mode in (True, False):
        result = base.apply(parameters, check_mode)
        assert result["changed"] and result["notes"] == ["%s in %s" % (said, config.STATE)]
    assert lived() == KEPT
    assert base.apply(parameters)["changed"] is False
    # The next installation continues it, and a removal without the option deletes it.
    base.apply(guard())
    assert base.apply(parameters)["changed"] and lived() == KEPT
    assert base.apply(guard(state="absent"))["changed"]
    assert not os.path.exists(config.STATE)


def test_nothing_to_keep(guard, host):
    base.apply(guard())
    result = base.apply(guard(state="absent", keep_history=True))
    assert (result["changed"], result["notes"]) == (True, [])
    assert not os.path.exists(config.STATE)


def test_many_histories_are_counted(guard, host):
    base.apply(guard())
    for number in range(7):
        folder = os.path.join(config.STATE, "g%d" % number)
        os.makedirs(folder)
        with open(os.path.join(folder, "memory.csv"), "w", encoding="utf-8") as handle:
            handle.write("timestamp\nx\n" if number else "")
    assert own_state.outcome(False) == [
        "the memory history and the ledger of g0, g1, g2, g3, g4 and 2 more are deleted;"
        " -e hermes_keep_history=true keeps them"
    ]


@pytest.mark.parametrize("first", ["timer", "watchdog"])
def test_directory_goes_with_the_last_file_whichever_component_made_it(
    host, guard, timer, watchdog, first
):
    """A component that made the directory and was removed alone once left it behind for good."""
    base.apply(guard())
    parts = {"timer": timer, "watchdog": watchdog}
    second = ({"timer", "watchdog"} - {first}).pop()
    guard_component.apply(parts[first]())
    guard_component.apply(parts[second]())
    guard_component.apply(parts[first](state="absent"))
    assert (host / "etc/guard.conf.d").exists()
    base.apply(guard(state="absent"))
    assert not (host / "etc").exists()
