# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The question of site.yml on the controller: its content, when it is not sent, and which answers are valid.

What the host sees is tested on a real one: tests/faults/test_question.py.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.hermes_ops.gateway.plugins.action import site_question

try:
    from ansible.template import trust_as_template
except ImportError:
    # Before ansible-core 2.19 every text is a template.
    trust_as_template = str

WHOLE = {"ansible_run_tags": ("all",), "ansible_skip_tags": ()}


def told(text, **answer):
    """The answer of a program on the host that has read the question ``text``."""
    return json.dumps(dict(answer, to=hashlib.sha256(text).hexdigest()))


@pytest.fixture
def question():
    """question(VARIABLES, host=..., check=False, **ARGUMENTS): the result, and the questions that the host got (list of dict)."""

    def run(
        variables=None, host=lambda text: told(text, same=True, notes=[]), check=False, **words
    ):
        sent = []

        class Action(site_question.ActionModule):
            def _low_level_execute_command(self, cmd, in_data=None, **_more):
                sent.append(json.loads(in_data))
                return {"rc": 0, "stdout": host(in_data), "stderr": ""}

        variables = {**WHOLE, **(variables or {})}
        task = SimpleNamespace(
            args=words,
            check_mode=check,
            async_val=0,
            action="site_question",
            collections=[],
            diff=False,
        )
        shell = SimpleNamespace(tmpdir=None)
        loader = DataLoader()
        action = Action(
            task=task,
            connection=SimpleNamespace(_shell=shell),
            play_context=None,
            loader=loader,
            templar=Templar(loader=loader, variables=variables),
            shared_loader_obj=None,
        )
        return action.run(task_vars=variables), sent

    return run


def test_question_has_the_variables_of_all_roles(question):
    """Each variable that a role documents, with the role's default if the play does not set it; the value, not its template."""
    result, sent = question({"hermes_watchdog_threshold": trust_as_template("{{ 40 + 2 }}%")})
    assert (result["same"], result["changed"]) == (True, False)
    asked = sent[0]["asked"]
    assert asked["hermes_watchdog_threshold"] == "42%"
    assert asked["hermes_guard_history_days"] == 30
    roles = {name.split("_")[1] for name in asked if name.startswith("hermes_")}
    roles.remove("gateways")
    assert roles == {"allocator", "guard", "memory", "metrics", "restart", "session", "watchdog"}
    assert asked["hermes_gateways"] == {}
    assert list(sent[0]) == ["asked"]


def test_defaults_are_those_that_the_roles_make_known(question):
    """Once a role has run, its defaults are variables of the play: the question is the same before and after."""
    before = question()[1][0]
    after = question(dict(site_question.DEFAULTS))[1][0]
    assert before["asked"] == after["asked"]


@pytest.mark.parametrize(
    "variables, word",
    [
        ({"hermes_watchdog_action": "explode"}, "hermes_watchdog_action"),
        ({"hermes_guard_history_days": "many"}, "hermes_guard_history_days"),
        ({"hermes_memory_limit_state": "gone"}, "hermes_memory_limit_state"),
        ({"hermes_restart_timer_at": datetime.date(2026, 1, 1)}, "hermes_restart_timer_at"),
    ],
)
def test_wrong_variable_is_refused_before_anything_is_sent(question, variables, word):
    """As by the argument specification of its role, and also if tags select only a part of the play."""
    for more in ({}, {"ansible_run_tags": ["watchdog"]}):
        result, sent = question({**variables, **more})
        assert result["failed"] and word in result["msg"] and sent == []


@pytest.mark.parametrize(
    "variables, words",
    [
        ({"ansible_run_tags": ["watchdog"]}, {}),
        ({"ansible_run_tags": ["all", "memory_limit"]}, {}),
        ({"ansible_skip_tags": ["session"]}, {}),
        ({}, {"full": "yes"}),
        ({"ansible_run_tags": ["watchdog"]}, {"results": []}),
    ],
)
def test_host_is_not_asked(question, variables, words):
    """A run of only a part of the play neither ends early nor is stored."""
    result, sent = question(variables, **words)
    assert (result["same"], sent) == (False, []) and result["why"]


GATEWAY = {"name": "hermes-gateway", "sources": "/opt/h", "files": ["/etc/hermes"]}
ENDED = [
    {"changed": False, "notes": ["b", "a"], "gateways": [{"name": "hermes-gateway"}]},
    {"changed": False, "notes": ["a"]},
    {"changed": False, "complete": True, "gateways": [dict(GATEWAY, restart_required=False)]},
    {},
]


def test_end_of_a_run(question):
    """The host stores the question and the warnings of the run, but not after a dry run."""
    sent = question(results=ENDED)[1][0]
    assert (sent["notes"], sent["hermes"]) == (["a", "b"], [GATEWAY]) and sent["asked"][
        "collection"
    ]
    assert question(check=True, results=ENDED)[1] == []
    assert list(question(check=True)[1][0]) == ["asked"]


@pytest.mark.parametrize(
    "results",
    [
        [{"changed": False, "complete": False}],
        [{"changed": True}, {"changed": False, "notes": ["its unit is gone"]}],
    ],
)
def test_run_that_must_not_be_remembered(question, results):
    """A skipped gateway is retried. A change may have removed the cause of a warning."""
    result, sent = question(results=results)
    assert (result["same"], sent) == (False, []) and "warnings" not in result


def test_variable_that_cannot_be_read(question):
    """It may belong to a role that does not run: the host is not asked, and a role that runs reports the error."""
    result, sent = question({"hermes_allocator_library": trust_as_template("{{ nothere }}")})
    assert (result["same"], result.get("failed"), sent) == (False, None, [])
    assert result["why"].startswith("hermes_allocator_library cannot be evaluated: ")


def test_vaulted_text():
    """Before ansible-core 2.19 it is an object; the host needs the text, to see whether it has changed."""

    class Vaulted:
        __ENCRYPTED__ = True

        def __str__(self):
            return "hunter2"

    assert site_question._plain({"a": [Vaulted()]}) == {"a": ["hunter2"]}


def test_key_that_json_does_not_have(question):
    """The roles say what is wrong with it."""
    result, sent = question({"hermes_gateways": {datetime.date(2026, 1, 1): {}}})
    assert (result["same"], sent) == (False, []) and "cannot be asked" in result["why"]


def test_wrong_word_for_a_full_run(question):
    """A clear error, not a traceback."""
    with pytest.raises(AnsibleError, match="full"):
        question(full="banana")


def test_warnings_of_the_last_run_are_given_again(question):
    """A run that has nothing to do still shows the warnings; a flood from a host is cut."""
    notes = ["hermes-gateway is left out: it is not safe"] + ["x" * 5000] * 100
    result, _sent = question(host=lambda text: told(text, same=True, notes=notes))
    assert result["warnings"][0] == notes[0]
    assert len(result["warnings"]) == 50 and max(map(len, result["warnings"])) == 1000
    notes = ["\x1b[31mred\nnew line"]
    result, _sent = question(host=lambda text: told(text, same=True, notes=notes))
    assert result["warnings"] == ["[31mred new line"]


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "same",
        "[1]",
        "null",
        "{" * 100000,
        '{"same": true, "notes": [], "to": ""}',
        '{"same": true, "notes": []}',
        '{"same": true, "notes": [], "to": ["%s"]}' % ("0" * 64),
    ],
)
def test_only_an_answer_to_this_question_counts(question, answer):
    """After any other output of the host, the full run follows."""
    result, _sent = question(host=lambda text: answer)
    assert result["same"] is False and not result.get("failed")


@pytest.mark.parametrize("answer", ["[" * 90000, '{"a":' * 15000, "1" * 90000])
def test_answer_that_cannot_be_parsed_in_time_or_at_all(question, answer):
    """The json of the standard library raises RecursionError for the first two."""
    result, _sent = question(host=lambda text: answer)
    assert (result["same"], result["why"]) == (False, site_question.NO_ANSWER)
    assert not result.get("failed")


def test_variable_with_a_typo_is_told_in_every_run(question):
    """Also in a run that has nothing to do, and in a run that does not ask the host."""
    typo = {"hermes_watchdog_treshold": "30%"}
    text = (
        "hermes_watchdog_treshold is not a role variable and has no effect; did you mean"
        " hermes_watchdog_threshold?"
    )
    for words in ({}, {"full": True}):
        assert question(typo, **words)[0]["warnings"] == [text]
    assert "warnings" not in question(full=True)[0]


def test_run_that_the_host_does_not_remember(question):
    """The next run is then a full one, which costs time with many hosts. A host without a gateway has no hermes-guard."""
    ended = {"results": []}
    result, _sent = question(
        host=lambda text: told(text, same=False, why="the disk is full"), **ended
    )
    assert result["warnings"] == ["the next run repeats all tasks: the disk is full"]
    assert "warnings" not in question(host=lambda text: "", **ended)[0]
    assert "warnings" not in question(host=lambda text: told(text, same=False, why="new"))[0]


@pytest.mark.parametrize("same", [1, "yes", None, False])
def test_same_is_true_or_it_is_not(question, same):
    """Only the value true ends a play."""
    result, _sent = question(host=lambda text: told(text, same=same, why="x", notes=[]))
    assert result["same"] is False


def test_connection_without_standard_input(question):
    """The full run follows; an unreachable host is reported as unreachable."""

    def broken(text):
        raise AnsibleError("no standard input")

    assert question(host=broken)[0]["same"] is False

    def gone(text):
        raise AnsibleConnectionFailure("gone")

    with pytest.raises(AnsibleConnectionFailure):
        question(host=gone)


@pytest.mark.parametrize(
    "path",
    [
        "roles/hermes_watchdog/templates/watchdog.conf.j2",
        "roles/hermes_guard/vars/main.yml",
        "plugins/module_utils/_guard/watchdog.py",
        "playbooks/site.yml",
        "galaxy.yml",
    ],
)
def test_digest_of_the_collection(tmp_path, monkeypatch, path):
    """It covers each file that affects the work on a host, but not Python's cache files."""
    for name in ("plugins", "roles", "playbooks", "galaxy.yml"):
        source, target = Path(site_question.TOP) / name, tmp_path / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    monkeypatch.setattr(site_question, "TOP", str(tmp_path))
    before = site_question._digest()
    (tmp_path / "plugins/__pycache__").mkdir(exist_ok=True)
    (tmp_path / "plugins/__pycache__/x.pyc").write_text("x")
    assert site_question._digest() == before == site_question.DIGEST
    with open(tmp_path / path, "a", encoding="utf-8") as handle:
        handle.write("\n")
    assert site_question._digest() != before
