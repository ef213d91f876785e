# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command line starts: whether it is a gateway, of which install and which profile.

A command line counts by the place of its words, never by a search in its text, which misses the
real gateway and finds the shell that searches. Nothing of it is ever run.
"""

from __future__ import annotations

import collections
import os
import re

from . import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple

    class Launch(NamedTuple):
        """A command of Hermes.

        ``python`` is the path of the Python that runs it and ``root`` the directory from which
        that Python can import hermes_bootstrap, each None if the command line does not say.
        ``arguments`` are the words after ``hermes`` and ``profile`` is the one they name, or None.
        ``certain`` is False for what a gateway and other programs have in common: a process
        title, ``gateway restart``, the module name gateway.run.
        """

        python: str | None
        root: str | None
        arguments: list[str]
        profile: str | None
        certain: bool
else:
    Launch = collections.namedtuple("Launch", "python root arguments profile certain")

# Patterns are compiled when they are used: a run uses few of them.
# Python's own names, that of a free-threaded one ("t") and that of a debug build ("d") included.
_PYTHON = r"python[0-9.]*[td]*\Z"
# The program, and what NixOS makes of it: .hermes-wrapped, ..hermes-wrapped-wrapped.
_PROGRAM = r"\.*hermes(?:-wrapped)*\Z"
_LAUNCHER = "/.hermes/bin/hermes"
# Options of Python that take the next word.
_PYTHON_VALUES = ("-W", "-X", "--check-hash-based-pycs")
# Options of Hermes that take the next word (0.22's parser; earlier releases have fewer of them).
_VALUES = frozenset(
    "-z --oneshot -m --model --provider --reasoning -t --toolsets -r --resume -s --skills "
    "--usage-file --in".split()
)
# The words with which a gateway runs. "restart" becomes one if there is no service manager.
_RUN: tuple[list[str], ...] = ([], ["run"])
_RESTART = ["restart"]

# The sources that Hermes 0.22 passes to `python -c`: how each begins, and how it ends. Both must
# fit, so that a program that merely carries one of them does not count. In this order they are
# those of the units of an install by pip, uv or Nix, of a gateway that starts itself anew, and of
# ROOT/.hermes/bin/hermes, the launcher of an install from source. The second may carry the third
# as a string: a line break in it is a backslash and an n.
_MODULE = r"runpy\.run_module\('hermes_cli\.main', run_name='__main__', alter_sys=True\)\Z"
_MAIN = r"(?:\s|\\n)from hermes_cli\.main import main\b.{,200}(?:\s|\\n)sys\.exit\(main\(\)\)"
_SOURCES = (
    ("import os, sys, runpy; ", r"; " + _MODULE),
    (
        "import sys, runpy; sys.path.insert(",
        r"; (?:%s|runpy\.run_path\('[^']*/hermes', run_name='__main__'\)\Z"
        r"|exec\((?=['\"]import os, re, sys).*%s\\n['\"]\)\Z)" % (_MODULE, _MAIN),
    ),
    ("import os, re, sys", _MAIN + r"\Z"),
)
_INSERT = r"sys\.path\.insert\(0, '([^'\\]+)'\)"
_ASSIGNED = r"; sys\.argv = \[([^\]]*)\]; "
# Far above what those sources have, so that no user's command line keeps a check busy.
_MAX_SOURCE = 1 << 14
_MAX_ENDS = 16
# How often a source has what the patterns of _SOURCES look for from each place of it: each place
# costs a look at the rest.
_MAX_PLACES = 8


def parse(argv: Sequence[str]) -> Launch | None:
    """The command of Hermes that ``argv`` is, None if it is another program's.

    ``argv`` may be split at blanks, as systemd prints it.
    """
    words = list(argv)
    if not words:
        return None
    if is_python(words[0]):
        return _of_python(words)
    return _of_program(words, None)


def gateway(argv: Sequence[str]) -> Launch | None:
    """The command if it is that of a gateway itself, or may be one; see Launch.certain."""
    launch = parse(argv)
    if launch is None:
        return None
    if not launch.arguments:
        # setproctitle leaves the one word of the program, without a path.
        return launch._replace(certain=False) if list(argv) == ["hermes"] else None
    words = _without_options(launch.arguments)[0]
    if words[:1] != ["gateway"]:
        return None
    if words[1:2] == _RESTART:
        return launch._replace(certain=False)
    return launch if words[1:2] in _RUN else None


def is_gateway(argv: Sequence[str]) -> bool:
    """Whether ``argv`` is the command line of a gateway itself, beyond doubt."""
    launch = gateway(argv)
    return launch is not None and launch.certain


def is_python(path: str) -> bool:
    """Whether a program with this path is called as a Python is."""
    return re.match(_PYTHON, os.path.basename(path)) is not None


def _of_python(words: list[str]) -> Launch | None:
    """The command of Hermes that a Python runs: a module, a source, or a script."""
    python = words[0] if names.is_safe_path(words[0]) else None
    option, index = _python_option(words)
    if option == "c":
        return _of_source(python, words[index:])
    if option == "m":
        module, rest = words[index : index + 1], words[index + 1 :]
        if module == ["hermes_cli.main"]:
            return _launch(python, None, rest)
        if module == ["gateway.run"]:
            return _run_module(python, words[0], rest)
        return None
    if index >= len(words):
        return None
    script = words[index]
    if script.endswith("/hermes_cli/main.py"):
        root = os.path.dirname(os.path.dirname(script))
        return _launch(python, root, words[index + 1 :])
    return _of_program(words[index:], python)


def _python_option(words: list[str]) -> tuple[str, int]:
    """("c" or "m", where what it names begins), or ("", where the script is)."""
    index = 1
    while index < len(words) and words[index].startswith("-") and words[index] != "-":
        word = words[index]
        if word in _PYTHON_VALUES:
            index += 2
            continue
        found = re.match(r"-[A-Za-z]*?([cmWX])", word)
        if found and found.group(1) in "cm":
            # A value may follow its letter without a blank.
            if found.end() < len(word):
                words[index] = word[found.end() :]
                return found.group(1), index
            return found.group(1), index + 1
        index += 1
    return "", index


def _of_program(words: list[str], python: str | None) -> Launch | None:
    """The command of Hermes that a program, or a script with this path, is."""
    name = os.path.basename(words[0])
    if name == "hermes-gateway":
        return _launch(python, None, ["gateway", "run"])
    if not re.match(_PROGRAM, name):
        return None
    root = None
    if words[0].endswith(_LAUNCHER):
        root = words[0][: -len(_LAUNCHER)]
    return _launch(python, root, words[1:])


def _run_module(python: str | None, program: str, rest: list[str]) -> Launch:
    # Others may have a module of this name too.
    launch = _launch(python, None, ["gateway", "run", *rest])
    return launch._replace(certain="hermes" in program)


def _of_source(python: str | None, words: list[str]) -> Launch | None:
    """The command of Hermes that a source of its own runs, which may be split at blanks."""
    if not words or not words[0].startswith("import"):
        return None
    ends = [end for end, word in enumerate(words, 1) if word.rstrip().endswith(")")]
    for end in ends[:_MAX_ENDS]:
        source = " ".join(words[:end]).strip()
        if len(source) > _MAX_SOURCE:
            return None
        insert = re.search(_INSERT, source)
        if insert and _is_own(source):
            assigned = re.search(_ASSIGNED, source[insert.end() :])
            arguments = words[end:]
            if assigned:
                arguments = re.findall(r"'([^'\\]*)'", assigned.group(1))[1:]
            return _launch(python, insert.group(1), arguments)
    return None


def _is_own(source: str) -> bool:
    """Whether a source is one with which Hermes starts itself."""
    if max(source.count("; exec("), source.count("from hermes_cli.main")) > _MAX_PLACES:
        return False
    return any(
        source.startswith(begin) and re.search(end, source, re.DOTALL) for begin, end in _SOURCES
    )


def _launch(python: str | None, root: str | None, arguments: list[str]) -> Launch:
    named = _without_options(arguments)[1]
    profile = named if named and re.match(names.PROFILE + r"\Z", named) else None
    safe = root if root and names.is_safe_path(root) else None
    return Launch(python, safe, arguments, profile, True)


def _without_options(words: list[str]) -> tuple[list[str], str | None]:
    """The words that are no options nor their values, and the profile that the options name."""
    left = []
    profile = None
    index = 0
    while index < len(words):
        option, separator, value = words[index].partition("=")
        if option in ("-p", "--profile"):
            if not separator:
                index += 1
                value = words[index] if index < len(words) else ""
            profile = value
        elif option in _VALUES and not separator:
            index += 1
        elif not option.startswith("-"):
            left.append(words[index])
        index += 1
    return left, profile
