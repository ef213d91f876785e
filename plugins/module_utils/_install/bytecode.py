# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiles the program's sources into one block, with the Python that runs this file.

As a script, it reads a JSON object from stdin that maps member names to sources, and writes the
block in base64. The block begins with a line of source that every Python can run. Marshalled
objects follow, for the Python version that made them.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import marshal
import sys

MAIN = "__main__.py"
# The program's first line runs this, with the open file f. A Python of another version runs the
# archive like any zipapp, from its sources.
START = (
    "import sys,marshal,_frozen_importlib_external as i;sys.argv.pop(0);"
    "exec(marshal.load(f),{'__name__':'__main__','COMPILED':marshal.load(f)})"
    "if i.MAGIC_NUMBER.hex()=='%s'"
    "else __import__('runpy').run_path(sys.argv[0],None,'__main__')\n"
)


def block(sources: dict[str, str]) -> bytes:
    """The compiled ``sources``: START, the code of __main__.py, and the code of all modules."""
    start = START % importlib.util.MAGIC_NUMBER.hex()
    codes = {_module(name): _code(name, text) for name, text in sources.items() if name != MAIN}
    return start.encode() + _code(MAIN, sources[MAIN]) + marshal.dumps(codes)


def _module(name: str) -> str:
    return name[: -len(".py")].replace("/", ".").replace(".__init__", "")


def _code(name: str, text: str) -> bytes:
    """The marshalled code of a source; nothing for the empty file of a package."""
    if not text:
        return b""
    # optimize=2 removes the docstrings: unused on a host, and each check would load them.
    code = compile(text, "hermes-guard/" + name, "exec", dont_inherit=True, optimize=2)
    return marshal.dumps(code)


def main() -> None:
    """Compile the sources on stdin and write the block to stdout."""
    sys.stdout.write(base64.b64encode(block(json.load(sys.stdin))).decode())


if __name__ == "__main__":
    main()
