# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as a gateway, by its command line."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery

PYTHON = "/opt/hermes/venv/bin/python"
HERMES = "/opt/hermes/venv/bin/hermes"


@pytest.mark.parametrize(
    ("argv", "profile"),
    [
        ([PYTHON, "-m", "hermes_cli.main", "gateway", "run"], ""),
        ([PYTHON, "-m", "hermes_cli.main", "--profile", "coder", "gateway", "run"], "coder"),
        ([PYTHON, "-m", "hermes_cli.main", "gateway", "run", "--profile", "coder"], "coder"),
        ([PYTHON, "-m", "hermes_cli.main", "-p", "coder", "gateway", "run"], "coder"),
        ([PYTHON, "-m", "hermes_cli.main", "--profile=coder", "gateway"], "coder"),
        (
            [
                PYTHON + "3.11",
                "-u",
                "-X",
                "dev",
                "-W",
                "ignore",
                "-m",
                "hermes_cli.main",
                "gateway",
                "run",
                "--replace",
            ],
            "",
        ),
        (["hermes", "gateway", "run"], ""),
        (["hermes", "gateway"], ""),
        (["hermes", "--profile", "coder", "gateway", "run"], "coder"),
        ([HERMES, "gateway", "run", "-p", "coder"], "coder"),
        (["python", HERMES, "gateway"], ""),
        (["/usr/bin/python3", HERMES, "-p", "coder", "gateway", "run"], "coder"),
        (["/usr/local/bin/hermes-gateway"], ""),
        # A profile whose name cannot be one is none.
        (["hermes", "--profile", "../root", "gateway", "run"], ""),
        (["hermes", "--profile", "coder\n[DEFAULT]", "gateway", "run"], ""),
        (["hermes", "--profile", "coder\n", "gateway", "run"], ""),
    ],
)
def test_gateway(argv, profile):
    assert discovery.is_gateway(argv)
    assert discovery.profile_of(argv, "/home/ada/.hermes") == profile


@pytest.mark.parametrize(
    "argv",
    [
        [],
        [""],
        ["bash", "-c", "hermes gateway run"],
        ["/bin/sh", "-c", HERMES + " gateway run"],
        ["pgrep", "-f", "hermes gateway"],
        ["grep", "hermes", "gateway", "run"],
        ["vim", "hermes", "gateway", "run"],
        ["sudo", "-u", "hermes", "hermes", "gateway", "run"],
        ["hermes", "gateway", "status"],
        ["hermes", "gateway", "restart"],
        ["hermes", "--profile", "gateway", "run"],
        ["hermes", "chat", "gateway", "run"],
        ["hermes"],
        [PYTHON, "-m", "hermes_cli.main", "gateway", "status"],
        [PYTHON, "-m", "hermes_cli.main", "--profile", "coder", "gateway", "stop"],
        [PYTHON, "-m", "hermes_cli.main"],
        [PYTHON, "-m", "http.server", "gateway", "run"],
        [PYTHON, "-c", "hermes", "gateway", "run"],
        [PYTHON, "-c", "import x", HERMES, "gateway", "run"],
        [PYTHON],
        ["python3-config", "-m", "hermes_cli.main", "gateway", "run"],
    ],
)
def test_no_gateway(argv):
    assert not discovery.is_gateway(argv)


def test_profile_by_the_place_of_the_home():
    assert (
        discovery.profile_of(["hermes", "gateway"], "/home/ada/.hermes/profiles/coder") == "coder"
    )
    assert discovery.profile_of(["hermes", "gateway"], "/home/ada/.hermes") == ""


@pytest.mark.parametrize(
    ("word", "good"),
    [
        (PYTHON, True),
        ("/home/ada lovelace/venv/bin/python3.13", True),
        ("python3", False),
        ("/usr/bin/hermes", False),
        # What a process writes over its own command line would become lines of a file that root
        # reads.
        ("/x\n[DEFAULT]\nnotify_command = /tmp/evil\n[y]\nz = /python", False),
        ("/x/python\n", False),
        ("/x\r/python", False),
        ("/%n/python", False),
    ],
)
def test_python_of(word, good):
    assert discovery.python_of([word, "-m", "hermes_cli.main"], None) == (word if good else None)
