# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiles the program's sources into one block, with the Python that runs this file.

As a script, it reads a JSON object from stdin that maps member names to sources, and writes the
block in base64. The block begins with a line of source that every Python can run. Marshalled
objects follow, for the Python version that made them: the code of __main__.py, the places of the
modules, and their code, which __main__.py reads when a module is imported.
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
    "exec(marshal.load(f),{'__name__':'__main__','COMPILED':f})"
    "if i.MAGIC_NUMBER.hex()=='%s'"
    "else __import__('runpy').run_path(sys.argv[0],None,'__main__')\n"
)


def block(sources: dict[str, str]) -> bytes:
    """The compiled ``sources``: START, the code of __main__.py, and the code of all modules.

    The program must be replaced by a rename: a running one still reads the old file.
    """
    start = START % importlib.util.MAGIC_NUMBER.hex()
    places: dict[str, tuple[int, int]] = {}
    codes = b""
    for name, text in sources.items():
        if name != MAIN:
            code = _code(name, text)
            places[_module(name)] = len(codes), len(code)
            codes += code
    # As bytes, because marshal reads a file byte by byte.
    index = marshal.dumps(marshal.dumps(places))
    return start.encode() + _code(MAIN, sources[MAIN]) + index + codes


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
