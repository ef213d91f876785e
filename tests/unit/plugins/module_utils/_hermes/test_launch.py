# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command lines of gateways, and the installation that they reveal."""

from __future__ import annotations

import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery, launch

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
        # An invalid profile name is ignored.
        (["hermes", "--profile", "../root", "gateway", "run"], ""),
        (["hermes", "--profile", "coder\n[DEFAULT]", "gateway", "run"], ""),
        (["hermes", "--profile", "coder\n", "gateway", "run"], ""),
    ],
)
def test_gateway(argv, profile):
    assert launch.is_gateway(argv)
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
    assert not launch.is_gateway(argv)


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
    command = launch.parse([word, "-m", "hermes_cli.main"])
    assert (command.python if command else None) == (word if good else None)


# What 0.22 passes to `python -c`, shortened where it does not matter: in the unit of an install by
# pip, in ROOT/.hermes/bin/hermes, and when it starts itself anew, twice.
UNIT = (
    "import os, sys, runpy; os.environ.pop('PYTHONHOME', None); "
    "os.environ.pop('PYTHONPATH', None); sys.path.insert(0, '/opt/h/lib'); "
    "os.environ['HERMES_HOME'] = os.environ.get('HERMES_HOME') or '/srv/my home'; "
    "import hermes_bootstrap; "
    "runpy.run_module('hermes_cli.main', run_name='__main__', alter_sys=True)"
)
LAUNCHER = (
    "import os, re, sys\nos.environ.pop('PYTHONHOME', None)\n"
    "sys.path.insert(0, '/opt/h/lib')\nif sys.argv[1:2] == ['--print']:\n    sys.exit(0)\n"
    "import hermes_bootstrap\nfrom hermes_cli.main import main\n"
    "sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\nsys.exit(main())\n"
)
ANEW = "import sys, runpy; sys.path.insert(0, '/opt/h/lib'); sys.argv = %r; "
MODULE = "runpy.run_module('hermes_cli.main', run_name='__main__', alter_sys=True)"
RUN = ["gateway", "run"]


@pytest.mark.parametrize(
    "argv",
    [
        [PYTHON, "-I", "-c", UNIT, "--profile", "coder", *RUN],
        [PYTHON, "-I", "-c", *UNIT.split(), "--profile", "coder", *RUN],
        [PYTHON, "-Ic", UNIT, "-p", "coder", "gateway"],
        [PYTHON, "-I", "-c", LAUNCHER, "-p", "coder", *RUN],
        [PYTHON, "-I", "-c", ANEW % ["-c", "-p", "coder", *RUN] + MODULE],
        [PYTHON, "-I", "-c", ANEW % ["-c", "-p", "coder", *RUN] + "exec(%r)" % LAUNCHER],
        [
            PYTHON,
            "-I",
            "-c",
            ANEW % ["/opt/h/bin/hermes", "-p", "coder", *RUN]
            + "runpy.run_path('/opt/h/bin/hermes', run_name='__main__')",
        ],
    ],
)
def test_source_with_which_hermes_starts_itself(argv):
    """Python alone cannot import that Hermes: ROOT comes first, and then hermes_bootstrap."""
    command = launch.gateway(argv)
    assert (command.python, command.root, command.profile, command.certain) == (
        PYTHON,
        "/opt/h/lib",
        "coder",
        True,
    )


@pytest.mark.parametrize(
    "source",
    [
        "print(%r)" % UNIT,
        "import os, sys, runpy; sys.path.insert(0, '/opt/h/lib'); print('%s')" % MODULE,
        UNIT + "; print(1)",
        UNIT.replace("hermes_cli.main", "http.server"),
        "import sys; text = %r; print(text)" % LAUNCHER,
        "import os, re, sys\nsys.path.insert(0, '/opt/h/lib')\nsys.exit(main())",
        # Hermes's own watcher carries the command of the gateway that it is to start.
        "import os, sys, subprocess; subprocess.Popen(sys.argv[2:])",
    ],
)
def test_other_source_that_carries_such_a_command(source):
    assert launch.gateway([PYTHON, "-I", "-c", source, *RUN]) is None
    assert launch.gateway([PYTHON, "-I", "-c", *source.split(), *RUN]) is None


def test_source_is_read_in_no_time_however_long_it_is():
    words = ["import os, sys, runpy; sys.path.insert(0, '/r')", *[MODULE[:-2] + ");"] * 5000]
    assert launch.gateway([PYTHON, "-c", " ".join(words)]) is None
    assert launch.gateway([PYTHON, "-c", *words]) is None


def test_root_that_cannot_stand_in_a_file():
    source = UNIT.replace("/opt/h/lib", "/opt/\n[DEFAULT]")
    assert launch.gateway([PYTHON, "-c", source, *RUN]).root is None


@pytest.mark.parametrize(
    ("argv", "python", "root"),
    [
        (
            ["/home/ada/.hermes/hermes-agent/.hermes/bin/hermes", *RUN],
            None,
            "/home/ada/.hermes/hermes-agent",
        ),
        ([HERMES, *RUN], None, None),
        (
            [PYTHON, "/home/ada/.hermes/hermes-agent/hermes_cli/main.py", *RUN],
            PYTHON,
            "/home/ada/.hermes/hermes-agent",
        ),
        ([PYTHON, "-m", "gateway.run"], PYTHON, None),
        ([HERMES, "-m", "anthropic/claude", *RUN], None, None),
        ([HERMES, "--provider=x", "--reasoning", "high", *RUN], None, None),
        (["/nix/store/p/bin/python3.12", "/nix/store/h/bin/.hermes-wrapped", *RUN], None, None),
        (["/usr/bin/python3.13t", HERMES, *RUN], "/usr/bin/python3.13t", None),
    ],
)
def test_other_commands_that_start_a_gateway(argv, python, root):
    command = launch.gateway(argv)
    assert command.certain
    assert (command.python or "").startswith(python or "") and command.root == root


@pytest.mark.parametrize(
    "argv",
    [
        ["hermes"],
        [PYTHON, "-m", "hermes_cli.main", "gateway", "restart"],
        ["/usr/bin/python3", "-m", "gateway.run"],
    ],
)
def test_commands_of_a_gateway_and_of_others(argv):
    """Only the gateway's own files, or its unit, can say which it is."""
    assert launch.gateway(argv).certain is False


def test_source_that_is_made_to_take_long():
    """Any user's process has its words looked at, by what runs every minute as well."""
    source = "import sys, runpy; sys.path.insert(0, '/x'); "
    source += "; exec('import os, re, sys" * 300 + " from hermes_cli.main import main " * 230
    words = ["python3", "-c", *source.split(" "), *["a)"] * 16, "gateway", "run"]
    start = time.process_time()
    assert launch.gateway(words) is None
    assert time.process_time() - start < 0.5
