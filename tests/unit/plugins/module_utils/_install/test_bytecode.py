# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The block of compiled sources: what it runs, built in this process and in a separate one."""

from __future__ import annotations

import base64
import io
import json
import marshal
import subprocess
import sys

from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.sources import source
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import bytecode

SOURCES = {
    "__main__.py": "print(1)\n",
    "hermes_guard/__init__.py": "",
    "hermes_guard/_host/x.py": '"""\u00e9"""\nX = (1, "a")\n',
}


def parts(block):
    """The start, the code of __main__.py, and the code of each module."""
    file = io.BytesIO(block)
    start, main, places = file.readline(), marshal.load(file), marshal.loads(marshal.load(file))
    rest = file.read()
    assert sum(size for _offset, size in places.values()) == len(rest)
    codes = {name: rest[offset : offset + size] for name, (offset, size) in places.items()}
    return start, main, {name: code and marshal.loads(code) for name, code in codes.items()}


def test_block_holds_what_python_compiles():
    """Without docstrings; a package, whose file is empty, has no code."""
    _start, main, codes = parts(bytecode.block(SOURCES))
    assert main == compile("print(1)\n", "hermes-guard/__main__.py", "exec", 0, True, 2)
    assert set(codes) == {"hermes_guard", "hermes_guard._host.x"} and codes["hermes_guard"] == b""
    text = SOURCES["hermes_guard/_host/x.py"]
    name = "hermes-guard/hermes_guard/_host/x.py"
    assert codes["hermes_guard._host.x"] == compile(text, name, "exec", 0, True, 2)


def test_another_process_makes_the_same():
    done = subprocess.run(
        [sys.executable, "-ISB", "-c", source("_install.bytecode")],
        input=json.dumps(SOURCES).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    assert parts(base64.b64decode(done.stdout)) == parts(bytecode.block(SOURCES))
