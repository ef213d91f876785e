# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the gateway in a unit's command, even if a shell or a runner starts it."""

from __future__ import annotations

import os
import re

from . import launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SHELLS = ("sh", "bash", "dash", "zsh", "ash", "ksh")
# Programs that start the command that follows their own options. Later words are searched only
# after one of these: a grep for a gateway's command line must not match.
_RUNNERS = frozenset(
    "chrt conda daemonize direnv doas doppler dotenv dumb-init env flatpak-spawn flock infisical "
    "ionice mise nice nix nohup numactl op pdm pipx poetry prlimit runuser script sem setpriv "
    "setsid sops stdbuf su sudo systemd-cat systemd-inhibit taskset time timeout tini unbuffer uv "
    "uvx xvfb-run".split()
)
# The separators of simple commands in a shell, and the keywords before a simple command.
_BETWEEN = r"[;&|()\n]+|(?:^|(?<=\s))(?:then|do|else|exec|!|\{)(?=\s)"
_ASSIGNMENT = r"[A-Za-z_][A-Za-z0-9_]*="
# Far more words than the command of a unit has.
_MAX_WORDS = 500


def gateway(words: list[str]) -> launch.Launch | None:
    """The gateway that a unit with these words starts, directly or through a wrapper."""
    for command in _commands(words[:_MAX_WORDS]):
        found = launch.gateway(command)
        if found and found.arguments:
            return found
    return None


def is_wrapper(argv: list[str]) -> bool:
    """Whether a process is only a shell or a runner, not a gateway itself."""
    name = os.path.basename(argv[0]) if argv else ""
    return name.lstrip("-") in _SHELLS or name in _RUNNERS


def is_other(words: list[str]) -> bool:
    """Whether a unit with these words starts a Hermes command other than a gateway."""
    found = [launch.parse(command) for command in _commands(words[:_MAX_WORDS])]
    return any(one is not None for one in found) and gateway(words) is None


def _commands(words: list[str]) -> Iterator[list[str]]:
    """The command itself, and the commands that a shell or runner in it starts."""
    yield words
    if not words:
        return
    if len(words) > 1 and words[0].startswith("/") and re.match(r"[^/-][^/]*/", words[1]):
        # The path of the program may contain a blank.
        yield [" ".join(words[:2]), *words[2:]]
    name = os.path.basename(words[0])
    if name in _SHELLS:
        yield from _of_shell(words)
    elif name in _RUNNERS:
        yield from _of_runner(words)


def _of_runner(words: list[str]) -> Iterator[list[str]]:
    """The command without each number of leading words: options, their values, user names."""
    for index in range(1, len(words)):
        rest = words[index:]
        if os.path.basename(rest[0]) in _SHELLS:
            yield from _of_shell(rest)
            return
        yield [word.strip("'\"") for word in rest]


def _of_shell(words: list[str]) -> Iterator[list[str]]:
    """The simple commands of ``sh -c TEXT``, or the script of ``sh SCRIPT``."""
    index = 1
    text = False
    while index < len(words) and words[index].startswith("-"):
        text = text or (not words[index].startswith("--") and "c" in words[index])
        index += 1
    if not text:
        yield words[index:]
        return
    left = _MAX_WORDS
    for simple in re.split(_BETWEEN, " ".join(words[index:])):
        command = [word.strip("'\"") for word in simple.split()[:left]]
        # One word of the unit may be a text with any number of words.
        left -= len(command)
        while command and re.match(_ASSIGNMENT, command[0]):
            command.pop(0)
        if command:
            yield command
            if os.path.basename(command[0]) in _RUNNERS:
                yield from _of_runner(command)
