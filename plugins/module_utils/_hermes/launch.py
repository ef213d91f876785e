# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recognises the command line of a gateway, its installation and its profile.

The position of each word decides. A search in the text would miss the real gateway and match the
shell that runs the search. No part of a command line is ever executed.
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
        """A Hermes command.

        ``python`` is the path of the Python that runs it and ``root`` the directory from which
        that Python can import hermes_bootstrap; each is None if the command line does not show it.
        ``arguments`` are the words after ``hermes``; ``profile`` is the profile in them, or None.
        ``certain`` is False for a command line that other programs may also have: a process title,
        ``gateway restart``, the module name gateway.run.
        """

        python: str | None
        root: str | None
        arguments: list[str]
        profile: str | None
        certain: bool
else:
    Launch = collections.namedtuple("Launch", "python root arguments profile certain")

# Patterns are compiled on first use: a run uses few of them.
# The names of Python, including the free-threaded ("t") and debug ("d") builds.
_PYTHON = r"python[0-9.]*[td]*\Z"
# The program, and its names on NixOS: .hermes-wrapped, ..hermes-wrapped-wrapped.
_PROGRAM = r"\.*hermes(?:-wrapped)*\Z"
_LAUNCHER = "/.hermes/bin/hermes"
# Options of Python that take a value.
_PYTHON_VALUES = ("-W", "-X", "--check-hash-based-pycs")
# Options of Hermes that take a value (from 0.22's parser; earlier releases have fewer).
_VALUES = frozenset(
    "-z --oneshot -m --model --provider --reasoning -t --toolsets -r --resume -s --skills "
    "--usage-file --in".split()
)
# The subcommands that run a gateway. "restart" also runs one if no service manager is used.
_RUN: tuple[list[str], ...] = ([], ["run"])
_RESTART = ["restart"]

# The sources that Hermes 0.22 passes to `python -c`: the beginning and the end of each. Both must
# match, so that a program that merely contains one of them is not recognised. In this order they
# come from the units of an install by pip, uv or Nix, from a gateway that restarts itself, and from
# ROOT/.hermes/bin/hermes, the launcher of a source install. The second may contain the third as a
# string, with each line break written as a backslash and an n.
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
# Far longer than those sources, so that no user's command line delays a check.
_MAX_SOURCE = 1 << 14
_MAX_ENDS = 16
# The patterns of _SOURCES scan the rest of the text from each match of their beginning, so the
# number of these matches is limited.
_MAX_PLACES = 8


def parse(argv: Sequence[str]) -> Launch | None:
    """The Hermes command in ``argv``; None if it belongs to another program.

    ``argv`` may be split at blanks, as systemd prints it.
    """
    words = list(argv)
    if not words:
        return None
    if is_python(words[0]):
        return _of_python(words)
    return _of_program(words, None)


def gateway(argv: Sequence[str]) -> Launch | None:
    """The command if it runs, or may run, a gateway itself; see Launch.certain."""
    launch = parse(argv)
    if launch is None:
        return None
    if not launch.arguments:
        # setproctitle leaves only the program's name, without a path.
        return launch._replace(certain=False) if list(argv) == ["hermes"] else None
    words = _without_options(launch.arguments)[0]
    if words[:1] != ["gateway"]:
        return None
    if words[1:2] == _RESTART:
        return launch._replace(certain=False)
    return launch if words[1:2] in _RUN else None


def is_gateway(argv: Sequence[str]) -> bool:
    """Whether ``argv`` is certainly the command line of a gateway itself."""
    launch = gateway(argv)
    return launch is not None and launch.certain


def is_python(path: str) -> bool:
    """Whether a program with this path has the name of a Python interpreter."""
    return re.match(_PYTHON, os.path.basename(path)) is not None


def _of_python(words: list[str]) -> Launch | None:
    """The Hermes command that a Python interpreter runs: a module, a source, or a script."""
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
    """("c" or "m", the index of its value), or ("", the index of the script)."""
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
    """The Hermes command that a program or a script with this path runs."""
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
    # Other programs may also have a module of this name.
    launch = _launch(python, None, ["gateway", "run", *rest])
    return launch._replace(certain="hermes" in program)


def _of_source(python: str | None, words: list[str]) -> Launch | None:
    """The Hermes command that one of its own sources runs; it may be split at blanks."""
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
    """Whether Hermes starts itself with this source."""
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
    """The words without options and their values, and the profile that the options name."""
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
