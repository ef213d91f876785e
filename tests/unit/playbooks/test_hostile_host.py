# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks, on hosts whose Python sends arbitrary answers for every module.

A module's answer may hold ``ansible_facts``, which Ansible puts among the variables of the host:
above the inventory, above inventory_hostname, and in front of names such as omit and lookup.
"""

from __future__ import annotations

import json
import re
import stat

import pytest

pytest.importorskip("ansible")

# The evil host comes first: a task with run_once uses the variables of the first host.
EVIL, GOOD = "evil", "good"
WHY = "it does not grow"
ANSWER = {
    "changed": True,
    "ping": "pong",
    "gateways": [{"name": "gw", "managed": True, "state": "running", "version": "0.19.0"}],
    "guard_problem": None,
    "trends": {"gw": {"verdict": "flat", "slope_mb_per_hour": 0.1, "why": WHY}},
    "changes": {"gw": {"result": "fixed", "why": WHY}},
    "kills": [],
    "counters": {},
    "restarts": [{"name": "gw", "mode": "idle", "skipped_because": None, "downtime_seconds": 1.5}],
    "path": "/run/hermes-evidence/bundle.tar.gz",
    # The answer to ansible.builtin.fetch.
    "stat": {"exists": True},
    "content": "aGVsbG8K",
    "encoding": "base64",
}
# How Ansible handles each does not matter; the other hosts must have their lines.
STRANGE = {
    "empty": "",
    "words": "Last login: today",
    "list": "[1, 2]",
    "facts": json.dumps(dict(ANSWER, ansible_facts=[5])),
    "keys": json.dumps({"trends": 5, "kills": {}, "gateways": "x", "changes": [], "restarts": 7}),
    "nan": '{"trends": {"gw": {"slope_mb_per_hour": NaN, "rss_mb": Infinity}}, "gateways": [5]}',
    "escape": json.dumps({"failed": True, "msg": "\x1b[31m\n" + "x" * 9999, "trends": None}),
}


def facts(folder):
    """Every name that the playbooks, Ansible or Jinja use."""
    wrong = "ansible_play_hosts ansible_play_hosts_all ansible_play_batch ansible_check_mode groups"
    wrong += " ansible_limit hostvars omit lookup query dict range vars item asked answers trends"
    wrong += " kills hermes_diagnose_trend hermes_diagnose_oom hermes_diagnose_hosts hermes_hosts"
    wrong += " hermes_report_answer hermes_verify_fix_answer hermes_restart_result environment"
    wrong += " hermes_evidence_fetched hermes_evidence_folder hermes_diagnose_folder brought where"
    wrong += " _folder urgent hermes_fail_on"
    return dict(
        dict.fromkeys(wrong.split(), 5),
        folder=folder,
        hermes_report_dir=folder,
        hermes_evidence_dir=folder,
        hermes_evidence_file=folder + "/x",
        hermes_restart_pause=86400,
        inventory_hostname="../../" + GOOD,
        playbook_dir="/",
    )


@pytest.fixture
def fleet(tmp_path, ansible_playbook):
    """Runs playbooks on "good" and on hosts with the answers given; its result is the output."""
    secret = tmp_path / "secret"
    secret.mkdir(mode=0o700)
    here = tmp_path / "here"
    here.mkdir()

    def run(playbooks, answers, *words, **variables):
        hosts = {}
        for host, answer in {**answers, GOOD: json.dumps(ANSWER)}.items():
            (tmp_path / (host + ".json")).write_text(answer)
            python = tmp_path / (host + ".sh")
            python.write_text("#!/bin/sh\ncat %s/%s.json\n" % (tmp_path, host))
            python.chmod(0o755)
            hosts[host] = {"ansible_python_interpreter": str(python)}
        every = dict(variables, ansible_connection="local", ansible_become=False)
        inventory = tmp_path / "inventory.json"
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": every}}))
        book = tmp_path / "book.json"
        names = ["hermes_ops.gateway." + playbook for playbook in playbooks]
        book.write_text(json.dumps([{"import_playbook": name} for name in names]))
        done = ansible_playbook(
            ["-i", str(inventory), str(book), *words],
            here,
            PWD=str(here),
            ANSIBLE_LOCALHOST_WARNING="0",
        )
        run.code = done.returncode
        assert stat.S_IMODE(secret.stat().st_mode) == 0o700 and not list(secret.iterdir())
        return done.stdout

    run.secret = str(secret)
    run.here = here
    run.poison = json.dumps(dict(ANSWER, ansible_facts=facts(str(secret))))
    return run


def line_of(host, output):
    """The line of ``host`` in each table of the output."""
    return re.findall(r'^ *"(%s  .*?)",?$' % host, output, re.MULTILINE)


def test_tables_and_report(fleet):
    answers = {EVIL: fleet.poison, **STRANGE}
    playbooks = ["report", "verify_fix", "diagnose"]
    output = fleet(playbooks, answers, hermes_report_dir="mine")
    for host in (GOOD, EVIL):
        table, fixed, report = line_of(host, output)
        assert "running" in table and WHY in fixed and WHY in report
    for host in STRANGE:
        assert len(line_of(host, output)) == 3, host
    assert "\x1b" not in output
    made = fleet.here / "mine"
    assert sorted(path.name for path in made.iterdir()) == [
        "report.csv",
        "report.html",
        "report.json",
    ]
    rows = json.loads((made / "report.json").read_text(), parse_constant=pytest.fail)["rows"]
    assert {row["host"] for row in rows} == {GOOD, *answers}


def test_directory_of_the_report_keeps_its_mode(fleet):
    """Also with --limit, which excludes localhost, so that the play runs for the first host."""
    made = fleet.here / "mine"
    made.mkdir(mode=0o750)
    output = fleet(
        ["diagnose"], {EVIL: fleet.poison}, "--limit", EVIL, "-e", "hermes_report_dir=mine"
    )
    assert len(line_of(EVIL, output)) == 1 and not line_of(GOOD, output)
    assert stat.S_IMODE(made.stat().st_mode) == 0o750
    assert len(list(made.iterdir())) == 3
    # Its own two answers report a change. Files on the controller are not a change of a host.
    assert re.search(r"^evil +: ok=\d+ +changed=2 ", output, re.M)


@pytest.mark.parametrize(
    ("playbook", "word", "failed"),
    [
        ("report", "act_now", False),
        ("report", "act_now,no_answer", True),
        ("diagnose", ["watch", "no_answer"], True),
        ("diagnose", "act_soon", False),
    ],
)
def test_exit_code_by_what_hosts_answer(fleet, playbook, word, failed):
    """A host with an invalid answer, and a host that sets variables, must change nothing."""
    answers = {EVIL: fleet.poison, "words": STRANGE["words"]}
    # In the inventory the variable of localhost is used, as for the report directory.
    output = fleet([playbook], answers, hermes_fail_on=word)
    assert (fleet.code != 0) == failed, output
    said = output.rpartition("Fail if")[2].partition("PLAY RECAP")[0]
    assert ("words: " in said) == failed
    if playbook == "diagnose":
        assert (fleet.here / "hermes-report/report.html").exists()


def test_word_for_the_exit_code_that_is_not_known(fleet):
    output = fleet(["report"], {}, "-e", "hermes_fail_on=soon")
    assert fleet.code != 0
    said = "hermes_fail_on: invalid value 'soon': expected one or more of act_now,"
    assert said in " ".join(output.split())


@pytest.mark.parametrize("playbook", ["evidence", "diagnose"])
def test_directory_that_cannot_be_made(fleet, playbook):
    """As in a read-only project: the check comes before minutes of work on a host."""
    option = "hermes_%s_dir" % playbook.replace("diagnose", "report")
    (fleet.here / "file").write_text("")
    output = fleet([playbook], {}, "-e", option + "=file/below")
    assert fleet.code != 0
    assert "set %s to a directory that you can write" % option in " ".join(output.split())
    assert "Collect and redact" not in output


def test_restart_and_evidence(fleet):
    output = fleet(["restart", "evidence"], {EVIL: fleet.poison}, hermes_restart_pause=0)
    for host in (GOOD, EVIL):
        assert output.count('"%s: gw restarted (idle), down for 1.5 s"' % host) == 1
    # The pause comes from the inventory, not from the host.
    assert "86400" not in output
    bundles = fleet.here / "hermes-evidence"
    assert sorted(path.name for path in bundles.iterdir()) == ["evil.tar.gz", "good.tar.gz"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in bundles.iterdir()} == {0o600}
    assert stat.S_IMODE(bundles.stat().st_mode) == 0o700
    assert [path.name for path in fleet.here.iterdir()] == ["hermes-evidence"]
    said = output.rpartition("Show the paths of the bundles")[2]
    for name in ("evil.tar.gz", "good.tar.gz"):
        assert '"%s/%s"' % (bundles, name) in said
    assert "Review issue.md and the other files before you post them" in said


def test_evidence_elsewhere_changes_no_host(fleet):
    empty = json.dumps(dict(ANSWER, path=None))
    output = fleet(["evidence"], {"none": empty}, hermes_evidence_dir="mine")
    assert fleet.code == 0, output
    # In the inventory the variable of localhost is used, as for the report.
    assert [path.name for path in (fleet.here / "mine").iterdir()] == ["good.tar.gz"]
    assert len(re.findall(r"^\w+ +: ok=\d+ +changed=0 ", output, re.M)) == 2
    assert "none.tar.gz" not in output
    output = fleet(["evidence"], {"none": empty}, "--check", "--limit", "none")
    assert "no bundle: check mode" in output
