# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gateway_state.json: what a gateway reports, and what is not trusted."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import state_file
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import proc


def _running(home):
    """A gateway whose process is that of the tests."""
    pid = os.getpid()
    return SimpleNamespace(
        pid=pid, start_ticks=proc.start_ticks(pid), uid=os.getuid(), home=str(home)
    )


@pytest.fixture
def say(tmp_path):
    """What is read of a running gateway whose file has the ``changed`` entries."""

    def make(**changed):
        content = {
            "pid": os.getpid(),
            "start_time": proc.start_ticks(os.getpid()),
            "gateway_state": "running",
            "active_agents": 2,
            "platforms": {"telegram": {"state": "connected"}},
        }
        (tmp_path / "gateway_state.json").write_text(json.dumps(dict(content, **changed)))
        gateway = _running(tmp_path)
        return state_file.runtime(gateway)

    return make


UNKNOWN = {
    "state": None,
    "active_agents": None,
    "platforms": {},
    "version": None,
    "profiles": [],
    "problem": None,
}


def test_what_it_says(say):
    assert say() == dict(
        UNKNOWN, state="running", active_agents=2, platforms={"telegram": "connected"}
    )


@pytest.mark.parametrize(
    ("value", "version"),
    [("0.22.2.post1", "0.22.2.post1"), ("0.0.0", None), ("unknown", None), (None, None), ([], None)]
    + [("0.22\n2", "0.222"), ("0." + "1" * 99, "0." + "1" * 38)],
)
def test_version_of_the_code_that_runs(say, value, version):
    assert say(code_version=value)["version"] == version


def test_stopped_gateway_says_nothing(tmp_path):
    gateway = SimpleNamespace(pid=None, uid=os.getuid(), home=str(tmp_path))
    assert state_file.runtime(gateway) == dict(UNKNOWN, state="stopped")


@pytest.mark.parametrize("changed", [{"pid": 1}, {"start_time": 1}])
def test_file_of_an_earlier_run_says_nothing(say, changed):
    assert say(**changed) == UNKNOWN


def test_file_of_an_older_hermes_has_no_start_time(say):
    assert say(start_time=None)["state"] == "running"


@pytest.mark.parametrize("agents", [True, -1, 10**400, "2", None, 1.5])
def test_number_of_agents_that_is_none(say, agents):
    assert say(active_agents=agents)["active_agents"] is None


def test_words_are_taken_up_to_a_limit(say):
    platforms = {("%d" % number).ljust(50, "-"): {"state": "x" * 99} for number in range(99)}
    found = say(gateway_state="root", platforms=platforms)
    assert found["state"] is None and len(found["platforms"]) == 40
    assert {(len(name), len(state)) for name, state in found["platforms"].items()} == {(40, 40)}
    assert say(platforms=[1])["platforms"] == {}
    assert say(platforms={"a": 1})["platforms"] == {}


@pytest.mark.parametrize(
    ("value", "profiles"),
    [
        (["default", "coder"], ["default", "coder"]),
        ([], []),
        (None, []),
        ("coder", []),
        (["../../etc", "/", "", "a/b", "A", 5, None, "x\n", "ok"], ["ok"]),
        (["p%d" % number for number in range(999)], ["p%d" % number for number in range(64)]),
    ],
)
def test_profiles_that_the_process_serves(say, value, profiles):
    assert say(served_profiles=value)["profiles"] == profiles


@pytest.mark.parametrize(
    ("home", "homes"),
    [
        ("", ["", "/profiles/coder", "/profiles/b"]),
        # A profile's own process may serve others too.
        ("/profiles/coder", ["/profiles/coder", "", "/profiles/b"]),
    ],
)
def test_homes_of_these_profiles(tmp_path, home, homes):
    own = tmp_path / home.lstrip("/")
    own.mkdir(parents=True, exist_ok=True)
    state = {"pid": os.getpid(), "served_profiles": ["default", "coder", "b", "coder"]}
    (own / "gateway_state.json").write_text(json.dumps(state))
    gateway = _running(own)
    assert state_file.homes(gateway) == [str(tmp_path) + one for one in homes]


def test_home_of_a_stopped_gateway_is_its_own(tmp_path):
    gateway = SimpleNamespace(pid=None, uid=os.getuid(), home=str(tmp_path))
    assert state_file.homes(gateway) == [str(tmp_path)]
