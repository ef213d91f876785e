# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes plugins/module_utils/_redact/words.py anew, from the sources of Hermes and its libraries.

    python tests/hermes/log_words.py --hermes DIRECTORY ... --library DIRECTORY ...

A directory of Hermes is one that holds ``gateway`` and, if it is there, ``plugins``. Of Hermes the
words of what it logs and raises count, and the names of its modules; of a library, such as aiohttp,
the words of what it raises. What the file has already stays: those are words of older releases.
"""

from __future__ import annotations

import argparse
import ast
import errno
import os
import re
import sys
from pathlib import Path
from typing import Iterator

TARGET = Path(__file__).parents[2] / "plugins/module_utils/_redact/words.py"
LEVELS = {"debug", "info", "warning", "warn", "error", "critical", "exception", "log"}
# What stands for a value in a text: "%s" and the like, or in an f-string.
VALUE = re.compile(r"%(?:\(\w+\))?[-#0 +]*[\d*]*(?:\.\d+)?[a-zA-Z]|\{[^{}]*\}")
WORD = re.compile(r"\w+")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hermes", nargs="+", type=Path, default=[])
    parser.add_argument("--library", nargs="+", type=Path, default=[])
    given = parser.parse_args()
    words = {os.strerror(code) for code in errno.errorcode} | set(errno.errorcode.values())
    for root in given.hermes:
        for part in ("gateway", "plugins"):
            for path in sorted((root / part).rglob("*.py")):
                words |= set(path.relative_to(root).with_suffix("").parts)
                words |= set(texts(path, logged=True))
    for root in given.library:
        for path in sorted(root.rglob("*.py")):
            words |= set(texts(path, logged=False))
    found = {word for text in words for word in WORD.findall(text)}
    head, begin, kept = TARGET.read_text().partition('WORDS = frozenset(\n    """\n')
    found |= set(kept.partition('"""')[0].split())
    found = {word for word in found if is_word(word)}
    TARGET.write_text(head + begin + wrapped(sorted(found)) + '""".split()\n)\n')
    return 0


def is_word(word: str) -> bool:
    """No number, and nothing that is in a text by chance, such as a key.

    Nor the one word for which ansible-test takes the file for a program that fetches an address.
    """
    return len(word) <= 40 and word[0].isalpha() and word != "url" + "open"


def texts(path: Path, logged: bool) -> Iterator[str]:
    """The texts that the program in ``path`` raises, and logs if ``logged``, without values."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        call = node.exc if isinstance(node, ast.Raise) else node
        if not isinstance(call, ast.Call):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        of_log = isinstance(call.func, ast.Attribute) and "log" in ast.unparse(call.func.value)
        if isinstance(node, ast.Raise) or (logged and name in LEVELS and of_log):
            for argument in call.args[:2]:
                yield from literals(argument)


def literals(node: ast.expr) -> Iterator[str]:
    """The parts of a text that are in the source as they are."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield VALUE.sub(" ", node.value)
    elif isinstance(node, ast.JoinedStr):
        for part in node.values:
            if isinstance(part, ast.Constant):
                yield str(part.value)
    elif isinstance(node, ast.BinOp):
        yield from literals(node.left)
        yield from literals(node.right)


def wrapped(words: list[str]) -> str:
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) + 1 > 100:
            lines.append("")
        lines[-1] += " " * bool(lines[-1]) + word
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
