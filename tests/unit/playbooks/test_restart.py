# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""restart.yml for one gateway of one host, as an alert requests it; the hosts receive nothing before the variables are valid.

A host's Python notes what it is started for, and answers every module.
"""

from __future__ import annotations

import json

import pytest

pytest.importorskip("ansible")

HOSTS = ("web1", "web2")
ANSWER = {"changed": True, "ping": "pong", "restarts": []}
NAME = "hermes-gateway-coder@ada"


@pytest.fixture
def restart(tmp_path, many_playbooks, answering_hosts):
    """restart(LIMIT, **VARIABLES): (exit code, output, the modules that the hosts received)."""
    inventory, asked = answering_hosts(HOSTS, 'cat "$1"', ANSWER, hermes_restart_pause=0)

    def run(limit, **variables):
        asked.write_text("")
        words = ["hermes_ops.gateway.restart", "-i", str(inventory), "-e", json.dumps(variables)]
        words += ["--limit", limit] if limit else []
        return (*many_playbooks(words, tmp_path), asked.read_text())

    return run


def test_one_gateway_of_the_host_of_the_alert(restart):
    code, output, asked = restart(
        "web1", hermes_alert_host="web1", hermes_restart_names=[NAME, "hermes-gateway"]
    )
    assert code == 0, output
    assert '"web1: nothing to restart"' in output and "web2" not in output
    assert NAME in asked and "hermes-gateway" in asked


def test_names_as_a_text_of_the_command_line(restart):
    code, output, asked = restart("web1", hermes_restart_names="hermes-gateway,%s" % NAME)
    assert code == 0, output
    assert NAME in asked


def test_without_the_variables_all_gateways_of_all_hosts(restart):
    code, output, asked = restart(None)
    assert code == 0, output
    assert '"web1: nothing to restart"' in output and '"web2: nothing to restart"' in output


@pytest.mark.parametrize(
    ("limit", "host"),
    [
        (None, "web1"),
        ("webs", "webs"),
        ("all", "all"),
        ("web*", "web1"),
        ("web1,web2", "web1,web2"),
        ("web1:web2", "web1:web2"),
        ("web1", "web2"),
        ("web1", ""),
        ("web1", None),
        ("web1", ["web1"]),
        # The host label "False", as a rulebook passes it.
        (None, False),
        ("web1", 0),
        ("web1", {}),
        ("web1", "web1\n"),
    ],
    ids=repr,
)
def test_other_hosts_than_that_of_the_alert_are_refused(restart, limit, host):
    code, output, asked = restart(limit, hermes_alert_host=host, hermes_restart_names=[NAME])
    assert (code != 0, asked) == (True, ""), output
    said = " ".join(output.split()).replace('\\"', '"')
    assert "hermes_alert_host: invalid value %s: expected the inventory name" % json.dumps(
        host
    ) in (said)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([], "[]"),
        ("", '""'),
        (None, "null"),
        ([NAME, None], "null"),
        ([NAME, ""], '""'),
        (["two words"], '"two words"'),
        (["-x"], '"-x"'),
        (["../x"], '"../x"'),
        ([NAME + "\n"], json.dumps(NAME + "\n")),
        (["x" * 202], '"%s"' % ("x" * 202)),
        ([7], "7"),
        ({NAME: 1}, json.dumps({NAME: 1})),
        (False, "false"),
        ([False], "false"),
        (0, "0"),
        ({}, "{}"),
    ],
    ids=str,
)
def test_wrong_names_are_refused(restart, names, shown):
    code, output, asked = restart("web1", hermes_restart_names=names)
    assert (code != 0, asked) == (True, ""), output
    said = " ".join(output.replace("\\\\", "\\").replace('\\"', '"').split())
    assert "hermes_restart_names: invalid value %s: expected names of gateways" % (
        " ".join(shown.split())
    ) in (said)


def test_an_alert_without_a_gateway_is_refused(restart):
    code, output, asked = restart("web1", hermes_alert_host="web1")
    assert (code != 0, asked) == (True, ""), output
    assert "hermes_restart_names: invalid value []" in output
