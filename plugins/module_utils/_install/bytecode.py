# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources compiled for a zipapp by the Python that runs this file, which is also a program.

As a program it reads a JSON object of sources by member name from stdin, and writes one of compiled
files in base64.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import marshal
import sys

# PEP 552: the first bit says that a hash follows, the second would have Python compare it.
UNCHECKED_HASH = (1).to_bytes(4, "little")


def compiled(sources: dict[str, str]) -> dict[str, bytes]:
    """The compiled file (``NAME.pyc``) of each source (``NAME.py``)."""
    return {name + "c": _compile(name, text) for name, text in sources.items()}


def _compile(name: str, text: str) -> bytes:
    # Without docstrings, which nothing on a host reads: a check would load them each time.
    code = compile(text, "hermes-guard/" + name, "exec", dont_inherit=True, optimize=2)
    digest = importlib.util.source_hash(text.encode("utf-8"))
    return importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + digest + marshal.dumps(code)


def main() -> None:
    """Compile what stdin has."""
    files = compiled(json.load(sys.stdin))
    json.dump({name: base64.b64encode(data).decode() for name, data in files.items()}, sys.stdout)


if __name__ == "__main__":
    main()
