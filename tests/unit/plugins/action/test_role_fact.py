# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fact hermes_gateway_result after the real roles, with modules that return the test's answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[4]
NAME = "hermes_gateway_result"
# Accepts any argument. Returns one answer for each component, and fails without an answer.
MODULE = """#!/usr/bin/python
# WANT_JSON
import json, sys
with open(sys.argv[1]) as handle:
    asked = json.load(handle)
with open(%r) as handle:
    answers = json.load(handle)
print(json.dumps(answers.get(asked.get("component", %r), {"failed": True, "msg": "as asked"})))
"""
KEEP = """
import json
from pathlib import Path
from ansible.plugins.action import ActionBase
class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        Path(self._task.args["dest"]).write_text(json.dumps(self._task.args["found"]))
        return {"changed": True}
"""
RUN = "{{ lookup('ansible.builtin.pipe', 'touch ran') }}"
GUARD = {
    "changed": True,
    "faults": [],
    "gateways": [{"name": "hermes-gateway", "unit": "hermes-gateway.service", "settings": {}}],
    "excluded": ["hermes-gateway-b"],
    "asked": {},
    "memory": {"total_bytes": 1 << 30, "swap_total_bytes": 0, "available_bytes": 0},
    "seed": "5d3a1c9e07b2f486",
    "psutil": True,
    "jemalloc": True,
}
WATCHDOG = {"changed": True, "restart_needed": [], "next_elapse": {"watchdog.timer": 1785542580}}
SESSION = {"changed": True, "gateways": [{"name": "hermes-gateway", "restart_required": True}]}
ANSWERS = {"guard": GUARD, "watchdog": WATCHDOG, "hermes_config": SESSION}
DONE = {
    "guard": dict(GUARD, changed=False),
    "watchdog": dict(WATCHDOG, changed=False),
    "hermes_config": {"changed": False, "gateways": [{"name": "hermes-gateway"}]},
}
FACT = {
    "changed": ["guard", "session", "watchdog"],
    "gateways": ["hermes-gateway"],
    "excluded": ["hermes-gateway-b"],
    "restart_needed": ["hermes-gateway"],
    "next_elapse": {"watchdog.timer": 1785542580},
}


def role(name):
    return {"ansible.builtin.include_role": {"name": "hermes_ops.gateway.hermes_" + name}}


CONFIG = {"hermes_ops.gateway.hermes_config": {"auto_compress": True}}


@pytest.fixture
def fact(tmp_path):
    """fact(TASKS, ANSWERS, **ENVIRONMENT): the fact after the tasks, by both names, and the output."""
    collection = tmp_path / "ansible_collections/hermes_ops/gateway"
    (collection / "plugins/modules").mkdir(parents=True)
    for name in ("galaxy.yml", "meta", "roles"):
        (collection / name).symlink_to(CHECKOUT / name)
    for name in ("action", "filter", "module_utils", "plugin_utils"):
        (collection / "plugins" / name).symlink_to(CHECKOUT / "plugins" / name)
    for name in ("guard", "guard_component", "hermes_config"):
        text = MODULE % (str(tmp_path / "answers.json"), name)
        (collection / "plugins/modules" / (name + ".py")).write_text(text)
    (tmp_path / "action_plugins").mkdir()
    (tmp_path / "action_plugins/keep.py").write_text(KEEP)

    def run(tasks, answers, **more):
        (tmp_path / "answers.json").write_text(json.dumps(answers))
        found = "{{ [ansible_facts.%s | default(none), %s | default(none)] }}" % (NAME, NAME)
        last = {"keep": {"dest": str(tmp_path / "found.json"), "found": found}}
        play = {
            "hosts": "all",
            "connection": "local",
            "gather_facts": False,
            # Overrides the roles, whose tasks would need root.
            "vars": {"ansible_python_interpreter": sys.executable, "ansible_become": False},
            "tasks": [*tasks, last],
        }
        (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
        done = subprocess.run(
            [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "play.yml"],
            cwd=str(tmp_path),
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(tmp_path),
                "ANSIBLE_HOME": str(tmp_path / "home"),
                "ANSIBLE_NOCOLOR": "1",
                "LC_ALL": "C.UTF-8",
                **more,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout
        return json.loads((tmp_path / "found.json").read_text()), done.stdout

    return run


def test_fact_after_two_roles_without_a_task_for_it(fact):
    """The watchdog's role includes the guard."""
    (found, injected), text = fact([role("watchdog"), role("session")], ANSWERS)
    assert found == injected == FACT
    # Three includes, two validations, guard, watchdog, session and keep; psutil is skipped.
    assert "ok=9 " in text and "skipped=1 " in text


def test_role_that_finds_all_done_takes_nothing_back(fact, tmp_path):
    """Also without the top-level names of facts, which ansible-core 2.24 no longer sets by default."""
    later = {"keep": {"dest": str(tmp_path / "answers.json"), "found": DONE}}
    tasks = [role("watchdog"), role("session"), later, role("watchdog"), role("session")]
    assert fact(tasks, ANSWERS, ANSIBLE_INJECT_FACT_VARS="false")[0] == [FACT, None]


def test_fact_of_an_earlier_run_does_not_count(fact, tmp_path):
    """A persistent cache of facts keeps it."""
    cache = {
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path / "cache"),
    }
    tasks = [role("watchdog"), role("session")]
    assert fact(tasks, ANSWERS, **cache)[0][0] == FACT
    assert fact(tasks, DONE, **cache)[0][0] == dict(FACT, changed=[], restart_needed=[])


def test_module_outside_the_roles_sets_no_fact(fact):
    assert fact([CONFIG], ANSWERS)[0] == [None, None]


def test_failure_is_as_without_the_fact(fact):
    """It adds nothing, and the values of earlier roles are kept."""
    ignored = dict(role("session"), ignore_errors=True)
    ignored["ansible.builtin.include_role"]["apply"] = {"ignore_errors": True}
    answers = {key: value for key, value in ANSWERS.items() if key != "hermes_config"}
    (found, _injected), text = fact([role("watchdog"), ignored], answers)
    assert "as asked" in text and "ignored=1" in text
    assert found == dict(FACT, changed=["guard", "watchdog"], restart_needed=[])


def test_fact_that_a_host_sets_is_cleaned(fact, tmp_path):
    """A module may return facts. A value of a host is cut, printable and never rendered."""
    evil = {
        "changed": [RUN, {"a": 1}, "\x1b[2Jx" * 1000],
        "restart_needed": "hermes\n\x07gateway",
        "next_elapse": {RUN: RUN, "a\x1b.timer": 1e99, "b.timer": 5},
        "more": "x" * 100000,
    }
    watchdog = dict(WATCHDOG, ansible_facts={NAME: evil})
    guard = dict(GUARD, ansible_facts={NAME: evil})
    answers = {
        "guard": guard,
        "watchdog": watchdog,
        "hermes_config": {"ansible_facts": {NAME: evil}},
    }
    tasks = [role("watchdog"), CONFIG, role("session")]
    (found, _injected), _text = fact(tasks, answers)
    assert set(found) == set(FACT)
    assert RUN in found["changed"] and all(len(one) <= 300 for one in found["changed"])
    assert found["restart_needed"] == ["hermes gateway"]
    assert found["next_elapse"] == {RUN: None, "a .timer": None, "b.timer": 5}
    assert "\\x1b" not in json.dumps(found) and "\\u001b" not in json.dumps(found)
    assert not (tmp_path / "ran").exists()


def test_other_facts_of_a_result_stay(fact):
    """Ansible adds the discovered Python, and would look for it again at each task."""
    guard = dict(GUARD, ansible_facts={"python_of_host": "/usr/bin/python3"})
    shown = {"ansible.builtin.debug": {"msg": "{{ ansible_facts.python_of_host }}"}}
    _found, text = fact([role("watchdog"), shown], dict(ANSWERS, guard=guard))
    assert '"msg": "/usr/bin/python3"' in text


def test_module_is_run_as_without_an_action_plugin(fact):
    """In the background too."""
    waiting = dict(CONFIG, **{"async": 60, "poll": 1})
    (found, _injected), text = fact([waiting], ANSWERS)
    assert found is None and "changed=2" in text


def test_no_role_has_a_task_for_the_fact():
    """A separate task would add a result on every host."""
    files = sorted((CHECKOUT / "roles").glob("*/tasks/*.yml"))
    assert len(files) >= 7
    assert [path for path in files if "set_fact" in path.read_text(encoding="utf-8")] == []


def test_every_role_registers_what_tells_the_run():
    """The fact counts only if a registered result of this run has it."""
    for path in (CHECKOUT / "roles").iterdir():
        text = (path / "tasks/main.yml").read_text(encoding="utf-8")
        assert " register: _%s_result\n" % path.name in text
