# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml asks a host one question, and must run completely if anything differs.

Each case breaks one thing, checks that the answer names it, and restores it. The host must then be as the last run left it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from machine import HOME, PROGRAM, Host

HERE = Path(__file__).resolve().parent
NAME = "alpha"
QUESTION = "/tmp/question.json"
UNITS = "/etc/systemd/system/"
TIMER, CHECK = "hermes-mem-watchdog.timer", "hermes-mem-watchdog.service"
RESTARTS = "hermes-gateway-restart.timer"
RECORD = "/var/lib/hermes-guard/as_asked.json"
SECRET = "a-token-of-the-test"
SOURCES = "/opt/hermes/venv/lib/python3*/site-packages/"
RELOAD = "; systemctl daemon-reload"
SAVE = "#!/bin/sh\ncat > %s\n" % QUESTION

# What is broken, how, the expected answer, and how it is restored. KEEP and BACK save and restore a file with its mode.
KEEP, BACK = "cp -a {0} /tmp/kept; ", "cp -a /tmp/kept {0}"
CASES = {
    "a timer is stopped": (
        "systemctl stop " + TIMER,
        "the unit %s has changed" % TIMER,
        "systemctl start " + TIMER,
    ),
    "a timer is disabled": (
        "systemctl disable " + RESTARTS,
        "the unit %s has changed" % RESTARTS,
        "systemctl enable " + RESTARTS,
    ),
    "a timer has no next elapse": (
        KEEP.format(UNITS + RESTARTS)
        + "sed -i '/OnCalendar/s/=.*/=2001-01-01/' {0}; systemctl daemon-reload; systemctl restart {1}; ".format(
            UNITS + RESTARTS, RESTARTS
        )
        + BACK.format(UNITS + RESTARTS)
        + RELOAD,
        "the unit %s has changed" % RESTARTS,
        "systemctl restart " + RESTARTS,
    ),
    "a unit is edited": (
        KEEP.format(UNITS + CHECK) + "echo '# mine' >> " + UNITS + CHECK,
        UNITS + CHECK + " has changed",
        BACK.format(UNITS + CHECK) + RELOAD,
    ),
    "a unit is missing": (
        KEEP.format(UNITS + TIMER) + "rm " + UNITS + TIMER,
        UNITS + TIMER + " has changed",
        BACK.format(UNITS + TIMER) + RELOAD,
    ),
    "a unit has a drop-in": (
        "mkdir %s%s.d; printf '[Service]\\nNice=5\\n' > %s%s.d/mine.conf"
        % (UNITS, CHECK, UNITS, CHECK)
        + RELOAD,
        "the unit %s has changed" % CHECK,
        "rm -r %s%s.d" % (UNITS, CHECK) + RELOAD,
    ),
    "a configuration of the guard is edited": (
        KEEP.format("/etc/hermes-guard/guard.conf.d/watchdog.conf")
        + "sed -i 's/^cooldown.*/cooldown = 40min/' /etc/hermes-guard/guard.conf.d/watchdog.conf",
        "/etc/hermes-guard/guard.conf.d/watchdog.conf has changed",
        BACK.format("/etc/hermes-guard/guard.conf.d/watchdog.conf"),
    ),
    "a configuration of the guard is new": (
        "touch /etc/hermes-guard/guard.conf.d/zz-mine.conf",
        "/etc/hermes-guard/guard.conf.d/zz-mine.conf is new",
        "rm /etc/hermes-guard/guard.conf.d/zz-mine.conf",
    ),
    "a file has another mode": (
        "chmod 644 /etc/hermes-guard/guard.conf.d/watchdog-notify.conf",
        "/etc/hermes-guard/guard.conf.d/watchdog-notify.conf has changed",
        "chmod 600 /etc/hermes-guard/guard.conf.d/watchdog-notify.conf",
    ),
    "the managed configuration of Hermes is edited": (
        KEEP.format("/etc/hermes/config.yaml")
        + "sed -i 's/hygiene_hard_message_limit: .*/hygiene_hard_message_limit: 51/' /etc/hermes/config.yaml",
        "/etc/hermes/config.yaml has changed",
        BACK.format("/etc/hermes/config.yaml"),
    ),
    "the program is damaged": (
        # In the sources, which follow the compiled code: the program still answers.
        KEEP.format(PROGRAM)
        + "printf x | dd of={0} bs=1 seek=$(($(stat -c %s {0}) - 50000)) conv=notrunc 2>&1".format(
            PROGRAM
        ),
        PROGRAM + " has changed",
        BACK.format(PROGRAM),
    ),
    "a gateway more": (
        "cp {0}hermes-gateway.service {0}hermes-gateway-more.service".format(UNITS) + RELOAD,
        "the gateway hermes-gateway-more is new",
        "rm %shermes-gateway-more.service" % UNITS + RELOAD,
    ),
    "a gateway with another home": (
        "mkdir -p {0}hermes-gateway.service.d; printf '[Service]\\nEnvironment=HERMES_HOME=/home/hermes/.other\\n'"
        " > {0}hermes-gateway.service.d/mine.conf; systemctl daemon-reload; systemctl restart hermes-gateway.service;"
        " sleep 1".format(UNITS),
        "the gateway hermes-gateway has changed",
        "rm -r %shermes-gateway.service.d" % UNITS
        + RELOAD
        + "; systemctl restart hermes-gateway.service",
    ),
    "a manifest is damaged": (
        KEEP.format("/var/lib/hermes-guard/installed/watchdog.json")
        + "echo x > /var/lib/hermes-guard/installed/watchdog.json",
        "this host cannot be compared: /var/lib/hermes-guard/installed/watchdog.json is not JSON",
        BACK.format("/var/lib/hermes-guard/installed/watchdog.json"),
    ),
    "the record is damaged": (
        KEEP.format(RECORD) + "echo '{}' > " + RECORD,
        "this host cannot be compared: 'until'",
        BACK.format(RECORD),
    ),
    "the record is gone": (
        KEEP.format(RECORD) + "rm " + RECORD,
        "no run has succeeded yet",
        BACK.format(RECORD),
    ),
}
# A variable of each role, and a role that is switched off.
OTHERS = {
    "hermes_guard_history_days": 20,
    "hermes_watchdog_threshold": "60%",
    "hermes_watchdog_notify_secret": "another",
    "hermes_watchdog_state": "absent",
    "hermes_restart_timer_splay": "20min",
    "hermes_session_max_messages": 51,
    "hermes_memory_limit_max": "70%",
    "hermes_allocator_library": "glibc",
    "hermes_metrics_directory": "/var/lib/other",
    "collection": "0" * 64,
}


@pytest.fixture(scope="module")
def lab_of_one(own_lab):
    """A host after its first run, and the arguments to repeat that run."""
    with own_lab(NAME) as fleet:
        words = ["-e", "hermes_watchdog_notify_secret=" + SECRET]
        first = fleet.playbook("site", *words)
        assert recap(first)["failed"] == 0, first.stdout
        yield fleet, words


@pytest.fixture(scope="module")
def host(lab_of_one):
    """The host; the question of its run is in the file QUESTION."""
    fleet, words = lab_of_one
    one = Host(fleet, NAME)
    one.sh("cp -a %s /tmp/program" % PROGRAM)
    one.put(PROGRAM, SAVE, "755")
    assert "the host has no hermes-guard that can answer" in ask(fleet, *words)
    one.sh("cp -a /tmp/program " + PROGRAM)
    return one


def ask(fleet, *words):
    """The answer about the host, or "same"."""
    done = fleet.playbook(str(HERE / "ask.yml"), *words)
    return (
        re.search(r'"msg": "answer: (.*)"', done.stdout)[1] if done.returncode == 0 else done.stdout
    )


def recap(done):
    """The counts of a run (dict)."""
    line = next(line for line in done.stdout.splitlines() if line.startswith(NAME + " "))
    return {word: int(count) for word, count in re.findall(r"(\w+)=(\d+)", line)}


def answer(host, question=None):
    """The answer of the program on the host to ``question``, or to that of the last run."""
    if question is not None:
        host.put("/tmp/other.json", json.dumps(question))
    told = host.sh("%s as-asked < %s" % (PROGRAM, "/tmp/other.json" if question else QUESTION))
    found = json.loads(told)
    return "same" if found["same"] else found["why"]


@pytest.mark.fault("site.yml again, and nothing has changed")
def test_first_repeat_has_nothing_to_do(lab_of_one):
    """One task result, in check mode too; runs with tags and full runs work as before."""
    fleet, words = lab_of_one
    for more in ([], ["--check"], []):
        done = fleet.playbook("site", *words, *more)
        counts = recap(done)
        assert (counts["ok"], counts["changed"], counts["skipped"]) == (1, 0, 0), done.stdout
    for more in (["--tags", "watchdog"], ["-e", "hermes_full=true"]):
        done = fleet.playbook("site", *words, *more)
        assert "Ensure the memory watchdog is configured" in done.stdout
        assert recap(done)["changed"] == 0, done.stdout
    # The last run was complete, so the host has stored it.
    assert ask(fleet, *words) == "same"


@pytest.mark.parametrize("name", CASES)
def test_question_sees(host, name):
    """The answer names the change, and is "same" again when it is restored."""
    wrong, why, back = CASES[name]
    assert answer(host) == "same"
    host.sh(wrong)
    try:
        told = answer(host)
    finally:
        host.sh(back)
    assert told.startswith(why), told
    host.wait("the host as it was", lambda: answer(host) == "same", 30)


@pytest.mark.fault("site.yml again: the answer names each change on a host")
@pytest.mark.parametrize("name", OTHERS)
def test_question_sees_another_variable(host, name):
    """A variable of each role, a secret, a role that is off, and another version of the collection."""
    question = json.loads(host.sh("cat " + QUESTION))
    assert question["asked"][name] != OTHERS[name]
    question["asked"][name] = OTHERS[name]
    assert answer(host, question) == name + " has changed"


def test_record_holds_no_secret(host):
    """Only root can read the record, and the secret is not in it: it is a keyed digest there."""
    assert host.sh("stat -c %a " + RECORD) == "600"
    assert host.run("grep", "-c", SECRET, RECORD, check=False).stdout.strip() == "0"
    assert SECRET in host.sh("cat " + QUESTION)


def test_hermes_is_another(lab_of_one, host):
    """Any of its source files: the full run queries Hermes again."""
    fleet, words = lab_of_one
    host.sh("touch %stools/*.py" % SOURCES)
    assert ask(fleet, *words) == "the Hermes of hermes-gateway has changed"
    assert recap(fleet.playbook("site", *words))["changed"] == 0
    assert ask(fleet, *words) == "same"


def test_home_configuration(lab_of_one, host):
    """A user edits a setting in their own home: the full run sets it again."""
    fleet, words = lab_of_one
    words = [*words, "-e", "hermes_session_scope=home"]
    assert recap(fleet.playbook("site", *words))["failed"] == 0
    assert ask(fleet, *words) == "same"
    host.sh(
        "sed -i 's/hygiene_hard_message_limit: .*/hygiene_hard_message_limit: 77/' %s/config.yaml"
        % HOME
    )
    assert ask(fleet, *words) == HOME + "/config.yaml has changed"
    done = fleet.playbook("site", *words)
    assert recap(done)["changed"] == 1, done.stdout
    assert ask(fleet, *words) == "same"


@pytest.mark.fault(
    "site.yml again: the program on the host gives a false answer, hangs, or prints endlessly"
)
def test_program_that_misbehaves(lab_of_one, host):
    """A full run follows, and restores the program."""
    fleet, words = lab_of_one
    words = [*words, "-e", "hermes_session_scope=home"]
    none = "the host has no hermes-guard that can answer"
    lies = (
        "echo same",
        """echo '{"same": true, "notes": [], "to": "me"}'""",
        "yes '{\"same\": true}'",
        "exit 2",
        "exec sleep 1000",
    )
    for lie in lies:
        host.put(PROGRAM, "#!/bin/sh\n%s\n" % lie, "755")
        assert ask(fleet, *words) == none, lie
    done = fleet.playbook("site", *words)
    assert (recap(done)["failed"], recap(done)["changed"]) == (0, 1), done.stdout
    assert ask(fleet, *words) == "same"
