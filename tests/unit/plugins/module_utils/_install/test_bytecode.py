# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiled files: as CPython's own compiler makes them, in this process and in one of its own."""

from __future__ import annotations

import base64
import json
import marshal
import py_compile
import subprocess
import sys

from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.sources import source
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import bytecode

SOURCES = {"__main__.py": "print(1)\n", "hermes_guard/_host/x.py": '"""\u00e9"""\nX = (1, "a")\n'}


def parts(data):
    """Header and code. The same code can be marshalled in several ways, by who refers to what."""
    return data[:16], marshal.loads(data[16:])


def test_files_are_as_py_compile_makes_them(tmp_path):
    for name, text in SOURCES.items():
        (tmp_path / "x.py").write_text(text, encoding="utf-8")
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        made = py_compile.compile(
            str(tmp_path / "x.py"),
            str(tmp_path / "x.pyc"),
            "hermes-guard/" + name,
            doraise=True,
            optimize=2,
            invalidation_mode=mode,
        )
        with open(made, "rb") as handle:
            assert parts(bytecode.compiled(SOURCES)[name + "c"]) == parts(handle.read())


def test_another_process_makes_the_same():
    done = subprocess.run(
        [sys.executable, "-ISB", "-c", source("_install.bytecode")],
        input=json.dumps(SOURCES).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    made = {name: base64.b64decode(data) for name, data in json.loads(done.stdout).items()}
    assert made.keys() == {name + "c" for name in SOURCES}
    for name, data in bytecode.compiled(SOURCES).items():
        assert parts(made[name]) == parts(data)
