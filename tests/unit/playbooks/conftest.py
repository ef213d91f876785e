# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-playbook as an operator does, with nothing of the machine's own settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"


@pytest.fixture
def ansible_playbook(tmp_path, import_root):
    """ansible_playbook(WORDS, DIRECTORY, **ENVIRONMENT): the process that has ended, with all that it printed in stdout."""

    def run(words, directory, **environment):
        return subprocess.run(
            [str(PLAYBOOK), *words],
            cwd=directory,
            env={
                **os.environ,
                "HOME": str(tmp_path),
                "ANSIBLE_COLLECTIONS_PATH": import_root,
                "ANSIBLE_NOCOLOR": "1",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
            check=False,
        )

    return run
