# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user whose Python answers arbitrarily: the others get their limit, and everything is reverted."""

from __future__ import annotations

import json
import os
import shutil
import time
from types import SimpleNamespace

import pytest

yaml = pytest.importorskip("yaml")

from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import patience
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes_config import (
    answer,
    diff,
    installed,
    plan,
    record,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import guard_program
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import (
    GuardError,
    HermesError,
)

BOTH = {"session_max_messages": 50, "auto_compress": True}
LIMIT = "compression.hygiene_hard_message_limit"
KEYS = ("session_max_messages", LIMIT, "session_auto_compress", "compression.enabled")
# The Hermes of eve: by its own word it knows no managed scope, so that her home is edited.
PROBE = {
    "version": "0.19.0",
    "managed_support": False,
    "config": {LIMIT: 50, "compression.enabled": True},
    "reads": {LIMIT: True, "compression.enabled": True},
    "live": {},
}
BEFORE = "compression:\n  enabled: false\n"
EDIT = {
    "existed": True,
    "before": BEFORE,
    "after": BEFORE + "  hygiene_hard_message_limit: 50\n",
    "digest": "0" * 64,
    "undo": {
        LIMIT: {"depth": 1, "before": {"present": False}, "after": {"present": True, "value": 50}}
    },
}


@pytest.fixture
def eve(host):
    """A second gateway on the host: ``says`` sets what its Python answers to each request."""
    host.gateway("hermes-gateway-ada", text="a: 1\n")
    path = os.path.join(host.root, "eve")
    one = host.gateway("hermes-gateway-eve", path, text=BEFORE)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(
            "#!/bin/sh\nread request\ncase $request in\n"
            '*\'"do": "probe"\'*) cat %s.probe ;;\n*) cat %s.edit ;;\nesac\n' % (path, path)
        )
    os.chmod(path, 0o755)

    def says(edit, probe=None):
        for name, said in (("probe", PROBE if probe is None else probe), ("edit", edit)):
            host.put("%s.%s" % (path, name), json.dumps(said), 0o644)

    one.says = says
    return one


def saved(host):
    return os.path.join(host.state, guard_program.SESSION_RECORD)


def undo(**how):
    """EDIT with another way to undo the change of LIMIT."""
    one = {name: EDIT["undo"][LIMIT][name] for name in ("before", "after")}
    return dict(EDIT, undo={LIMIT: dict(one, **how)})


BAD = [
    {"error": "no thanks"},
    undo(raw="x" * 1000000),
    undo(raw=" 7"),
    undo(raw=7),
    undo(raw=BEFORE, depth=1),
    undo(depth="x"),
    undo(depth=[]),
    undo(depth=-1),
    undo(depth=99),
    undo(depth=True),
    undo(),
    undo(depth=1, before=[]),
    undo(depth=1, before={"present": 1}),
    dict(EDIT, undo={}),
    dict(EDIT, undo={LIMIT: 5}),
    dict(EDIT, undo=dict(EDIT["undo"], other=EDIT["undo"][LIMIT])),
    dict(EDIT, before=None),
    dict(EDIT, after="x" * 2000000),
    dict(EDIT, digest="x"),
    dict(EDIT, existed=1),
]


@pytest.mark.parametrize("given", BAD[1:], ids=range(1, len(BAD)))
def test_answer_to_an_edit_that_is_none(given):
    """The answer of a user's Python was once stored in root's record unchecked."""
    with pytest.raises(answer.BadAnswer):
        answer.edit(given, [{"key": LIMIT, "value": 50}])


def test_answer_to_an_edit():
    made = answer.edit(EDIT, [{"key": LIMIT, "value": 50}])
    assert made.undo == EDIT["undo"] and made.after == EDIT["after"]
    # The value after is what was asked, whatever the answer says of it; and none is long.
    lie = undo(raw=" false", before={"present": True, "value": "y" * 99999}, after=5)
    kept = answer.edit(lie, [{"key": LIMIT, "value": 50}]).undo[LIMIT]
    assert kept["after"] == {"present": True, "value": 50} and len(json.dumps(kept)) < 500
    nan = undo(depth=1, before={"present": True, "value": float("nan")})
    kept = answer.edit(nan, [{"key": LIMIT, "value": 50}]).undo[LIMIT]
    assert kept["before"]["value"] == "(not shown: not a JSON value)"


@pytest.mark.parametrize("given", [BAD[0], BAD[1], BAD[5]], ids=["error", "raw", "depth"])
def test_one_user_costs_nobody_else_the_limit(host, eve, given):
    """The others' file is root's and has its limit; and nothing of eve is in root's record."""
    eve.says(given)
    for dummy in range(2):
        done = host.run(**BOTH)
        assert "50" in host.read(host.file)
        assert len(done["warnings"]) == 1 and done["warnings"][0].startswith("skipped: ")
    assert not done["changed"] and os.path.getsize(saved(host)) < 3000
    with pytest.raises(GuardError, match="no thanks|invalid answer"):
        host.run(gateways=[eve.name], **BOTH)
    assert host.run(state="absent")["changed"] and not os.path.exists(host.state)


def test_lie_about_what_is_in_effect(host, eve):
    """The managed file belongs to root and is correct; the rest is a user's claim."""
    eve.says(EDIT, dict(PROBE, managed_support=True, config={LIMIT: "\x1b[31m" + "7" * 5000}))
    done = host.run(**BOTH)
    assert done["changed"] and "50" in host.read(host.file)
    (warning,) = done["warnings"]
    assert warning.startswith("not in effect: gateway hermes-gateway-eve: ")
    assert warning.isprintable() and len(warning) < 600
    assert host.run(**BOTH)["changed"] is False


def test_write_that_fails_costs_nobody_else_the_limit(host, eve):
    other = host.gateway("hermes-gateway-zoe", text="a: 1\n")
    eve.says(EDIT)
    ask = plan.home_file.client.ask

    def changes_its_mind(owner, request, managed_dir=None):
        if owner.home == eve.home and "write" in request:
            raise HermesError("no thanks")
        return ask(owner, request, managed_dir)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan.home_file.client, "ask", changes_its_mind)
        done = host.run(scope="home", **BOTH)
    assert "not changed: gateway hermes-gateway-eve: no thanks" in done["warnings"]
    assert "50" in host.read(other.config)


def poisoned(host, **more):
    """The record of an older version, with what eve's Python answered to it."""
    entry = {
        "home": host.gateways[0].home,
        "user": host.user.pw_name,
        "python": host.gateways[0].python,
        "keys": {LIMIT: dict({"was": 50, "option": "session_max_messages"}, **more)},
        "created": False,
        "made_dir": False,
        "text": None,
    }
    os.makedirs(host.state, exist_ok=True)
    with open(saved(host), "w", encoding="utf-8") as stream:
        json.dump({"files": {host.gateways[0].config: entry}}, stream)


@pytest.mark.parametrize("more", [{"raw": "x" * 2000000}, {"depth": "x"}, {"depth": []}])
def test_poisoned_record_is_taken_over(host, more):
    """It was "has 2001023 bytes, more than the 1048576 that are read", or a TypeError, for ever."""
    one = host.gateway(text="compression:\n  hygiene_hard_message_limit: 50\n  enabled: true\n")
    poisoned(host, **more)
    done = host.run(check=True, **BOTH)
    assert [words for words in done["warnings"] if "cannot be restored" in words]
    done = host.run(state="absent")
    assert [words for words in done["warnings"] if "cannot be restored" in words]
    assert host.read(one.config) == "compression:\n  enabled: true\n"
    assert not os.path.exists(host.state)


@pytest.mark.parametrize("text", ["{", "[]", '{"files": 5}', "[" * 100000])
def test_record_that_cannot_be_read_is_set_aside(host, text):
    host.gateway()
    os.makedirs(host.state)
    with open(saved(host), "w", encoding="utf-8") as stream:
        stream.write(text)
    assert "will not be reverted" in host.run(check=True, **BOTH)["warnings"][0]
    assert host.read(saved(host)) == text
    host.run(**BOTH)
    assert host.read(saved(host) + record.DAMAGED) == text
    assert host.run(**BOTH)["warnings"] == []
    assert host.run(state="absent")["changed"] and not os.path.exists(host.file)


def test_entries_of_the_record_that_cannot_be_used(host):
    warnings = []
    good = {"home": None, "user": None, "python": None, "created": True, "made_dir": True}
    kept = {"was": 1, "option": "settings", "depth": 0}
    for entry in (None, 5, [], {}, dict(good, keys=5), dict(good, keys={}, home="/x")):
        assert record._checked("/f", entry, warnings) is None
    assert record._checked("/f", dict(good, keys={"a": {"was": 1}}), warnings) is None
    assert len(warnings) == 7
    both = dict(good, keys={"a": kept, "b": {"option": 5}})
    assert list(record._checked("/f", both, warnings)["keys"]) == ["a"]


def test_homes_of_one_user_are_bounded(host, monkeypatch):
    for name in "abc":
        host.gateway("hermes-gateway-" + name)
    monkeypatch.setattr(record, "MAX_HOMES", 2)
    done = host.run(scope="home", **BOTH)
    (warning,) = done["warnings"]
    assert "hermes-gateway-c/config.yaml: 2 homes of" in warning


def left_behind(host, monkeypatch, **entry):
    """What the run says that takes back what is left in a home; no gateway is there any more."""
    monkeypatch.setattr(plan.sys, "executable", entry.pop("own", "/nonexistent"))
    one = host.gateway(text="a: 1\n")
    host.run(scope="home", **BOTH)
    host.gateways.clear()
    with open(saved(host), encoding="utf-8") as stream:
        content = json.load(stream)
    content["files"][one.config].update(entry)
    with open(saved(host), "w", encoding="utf-8") as stream:
        json.dump(content, stream)
    done = host.run(state="absent")
    assert not os.path.exists(host.state)
    assert host.run(state="absent")["warnings"] == []
    return one, done


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"python": "/nonexistent/venv/bin/python"}, "/nonexistent/venv/bin/python"),
        ({"python": "/bin/false"}, "no usable answer"),
        ({"user": "nobody-of-that-name"}, "nobody-of-that-name"),
    ],
)
def test_what_cannot_be_taken_back_is_a_warning_and_forgotten(host, monkeypatch, entry, why):
    """It failed each time, and the guard stayed because this role comes first in remove.yml."""
    one, done = left_behind(host, monkeypatch, **entry)
    (warning,) = done["warnings"]
    assert warning.startswith("the settings in %s remain" % one.config) and why in warning
    assert "50" in host.read(one.config)


def test_hosts_own_python_takes_it_back_if_that_of_the_gateway_is_gone(host, monkeypatch):
    own = host.hermes("0.19.0")
    one, done = left_behind(host, monkeypatch, python="/nonexistent/bin/python", own=own)
    assert done["warnings"] == [] and host.read(one.config) == "a: 1\n"


def test_diff_of_a_million_lines_ends():
    """difflib would take hours; a config.yaml of 1 MB may have as many lines."""
    lines = "\n" * 1000000
    both = SimpleNamespace(path="/x", ours=False, before="a\n" + lines, after="b\n" + lines + "c\n")
    start = time.monotonic()
    shown = diff.diff(both)
    assert time.monotonic() - start < 30
    assert shown["before"] == "(not shown: 1000001 lines)\n"
    both.before, both.after = lines + "x: \x1b[31m" + "y" * 9999 + "\n" + lines, lines * 2
    assert (
        diff.diff(both)["before"].startswith("(not shown") or len(diff.diff(both)["before"]) < 600
    )


def test_each_user_has_a_time(host, monkeypatch):
    """The role had not ended after 5 min 24 s with 12 gateways of one user that do not answer."""
    host.gateway("hermes-gateway-b", "/bin/false")
    one = host.gateway("hermes-gateway-c", "/bin/false")
    spent = patience.Patience(0.0)
    with pytest.raises(HermesError, match="the queries to other gateways of .* took 0 s"):
        with spent.with_user(one.user):
            raise AssertionError
    asked = installed.Installed(one, [LIMIT], spent)
    assert asked.info is None and "took 0 s" in asked.problem
    shutil.rmtree(one.home)
