# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-playbook as an operator does, without the machine's own settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
# ansible-playbook for test files with many short runs, because importing it takes longer than such a run. Each line
# of stdin starts a run in a forked process: [WORDS, DIRECTORY, OUTPUT FILE]; the answer is its exit code.
MANY = """
import json, os, sys
from ansible.cli.playbook import PlaybookCLI
for line in sys.stdin:
    words, directory, output = json.loads(line)
    pid = os.fork()
    if not pid:
        code = 250
        try:
            os.chdir(directory)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
            os.dup2(1, 2)
            PlaybookCLI.cli_executor(["ansible-playbook", *words])
            code = 0
        except SystemExit as error:
            code = error.code or 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            # Without the cleanup at the end of a process: all runs share the directory for temporary files.
            os._exit(code)
    print(os.WEXITSTATUS(os.waitpid(pid, 0)[1]), flush=True)
"""


# What the module guard returns on a host without a gateway.
GUARD_ANSWER = {
    "changed": False,
    "gateways": [],
    "faults": [],
    "notes": [],
    "psutil": True,
    "seed": "x",
}


def environment(home, import_root, **more):
    return {
        **os.environ,
        "HOME": str(home),
        "ANSIBLE_COLLECTIONS_PATH": import_root,
        "ANSIBLE_NOCOLOR": "1",
        **more,
    }


@pytest.fixture
def ansible_playbook(tmp_path, import_root):
    """ansible_playbook(WORDS, DIRECTORY, **ENVIRONMENT): the completed process, with its output in stdout."""

    def run(words, directory, **more):
        return subprocess.run(
            [str(PLAYBOOK), *words],
            cwd=directory,
            env=environment(tmp_path, import_root, **more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def answering_hosts(tmp_path):
    """answering_hosts(NAMES, NOTE, ANSWER, **VARIABLES): (inventory, the file that it notes to).

    The Python of these hosts answers every module with ANSWER beside GUARD_ANSWER. NOTE is a shell command that prints what to note of the module in "$1".
    """

    def make(names, note, answer, **variables):
        asked = tmp_path / "asked"
        (tmp_path / "answer").write_text(json.dumps({**GUARD_ANSWER, **answer}))
        python = tmp_path / "python.sh"
        python.write_text("#!/bin/sh\n%s >> %s\ncat %s/answer\n" % (note, asked, tmp_path))
        python.chmod(0o755)
        every = {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": str(python),
        }
        group = {"hosts": dict.fromkeys(names)}
        inventory = tmp_path / "inventory.json"
        inventory.write_text(
            json.dumps({"all": {"children": {"webs": group}, "vars": {**every, **variables}}})
        )
        return inventory, asked

    return make


@pytest.fixture(scope="module")
def many_playbooks(tmp_path_factory, import_root):
    """many_playbooks(WORDS, DIRECTORY): (exit code, output). All runs share one home directory and one environment."""
    home = tmp_path_factory.mktemp("many")
    with subprocess.Popen(
        [sys.executable, "-c", MANY],
        cwd=str(home),
        env=environment(
            home,
            import_root,
            ANSIBLE_LOCALHOST_WARNING="0",
            ANSIBLE_PIPELINING="0",
            ANSIBLE_KEEP_REMOTE_FILES="0",
        ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:

        def run(words, directory):
            output = home / "output"
            process.stdin.write(json.dumps([words, str(directory), str(output)]) + "\n")
            process.stdin.flush()
            code = process.stdout.readline()
            assert code, "ansible-playbook cannot be run"
            return int(code), output.read_text(encoding="utf-8")

        yield run
        process.stdin.close()
        assert process.wait(60) == 0
