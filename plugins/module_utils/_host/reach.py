# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detects directories that do not answer, for example on a lost file server, and such processes.

A process that accesses such a directory blocks, and cannot always be killed: not while another
process waits for the same kernel mutex. So a child process does it, and is left behind if it
blocks. Unanswered paths are remembered, and nothing else in this process accesses them.
"""

from __future__ import annotations

import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# For one directory. A local disk answers in milliseconds, a remote server within half a second.
SECONDS = 3
# Rounds over the remaining paths. One round takes at most this many times SECONDS.
_ROUNDS = 10
# Concurrent child processes: a host may have 50,000 users.
_MOST_CHILDREN = 50

# The shell's script; like touch(), because the kernel may have one of the two names cached.
_SHELL = "/bin/sh"
_LOOK = 'for path; do [ -e "$path" ]; [ -e "$path/config.yaml" ]; printf .; done'

# Directories of processes: the memory of a process may be a file on such a server.
PROCESSES = "/proc/"

# Times that answers() and ask() wait for directories of one user, who can name any number of them.
_MOST_WAITS = 3

# Paths that have not answered to this process.
_silent: set[str] = set()
# How often ask() has waited in vain, by user.
_waits: dict[str, int] = {}


class _Child:
    """A child process; the pipe ``answers`` gets a byte for each of ``paths`` that answers."""

    def __init__(self, pid: int, answers: int, paths: list[str]) -> None:
        self.pid = pid
        self.answers = answers
        self.paths = paths


def is_silent(path: str) -> bool:
    """Whether the path is in a directory that has not answered before and must not be accessed."""
    # This runs for each file that is read, and the set is usually empty.
    return bool(_silent) and any(path == one or path.startswith(one + "/") for one in _silent)


def answers(path: str, user: str) -> bool:
    """Whether the directory of a user answers; not tried again if it has not answered before."""
    ask([path], user)
    return not is_silent(path)


def ask(paths: Iterable[str], user: str) -> None:
    """Find out which directories of a user answer; after _MOST_WAITS calls in vain, none does."""
    new = {path: user for path in paths if not is_silent(path)}
    if _waits.get(user, 0) >= _MOST_WAITS:
        _silent.update(new)
    elif new and unanswered(new):
        _waits[user] = _waits.get(user, 0) + 1


def unanswered(owners: Mapping[str, str]) -> dict[str, int]:
    """The directories that did not answer in time, each with the pid of the blocked process.

    ``owners`` maps each path to its user. After one unanswered path, the user's other paths count
    as unanswered too. Takes twice SECONDS if few users have such directories, and at most _ROUNDS
    times SECONDS; paths not reached by then count as unanswered.
    """
    found: dict[str, int] = {}
    slow: dict[str, int] = {}
    groups = [list(owners)] if owners else []
    for number in range(_ROUNDS):
        waits = _ask(groups)
        slow.update((owners[paths[0]], pid) for pid, paths in waits)
        left = []
        for pid, paths in waits:
            for path in paths:
                if owners[path] in slow or number == _ROUNDS - 1:
                    found[path] = slow.get(owners[path], pid)
                else:
                    left.append(path)
        if not left:
            break
        groups = _by_user(left, owners)
    _silent.update(found)
    return found


def _by_user(paths: Iterable[str], owners: Mapping[str, str]) -> list[list[str]]:
    """The paths in one group for each user, but at most _MOST_CHILDREN groups."""
    by_user: dict[str, list[str]] = {}
    for path in paths:
        by_user.setdefault(owners[path], []).append(path)
    groups: list[list[str]] = [[] for _group in range(min(len(by_user), _MOST_CHILDREN))]
    for number, of_user in enumerate(by_user.values()):
        groups[number % len(groups)] += of_user
    return groups


def _ask(groups: Iterable[list[str]]) -> list[tuple[int, list[str]]]:
    """Check each group in a child process: the pids of blocked children, and unanswered paths."""
    try:
        children = [_start(paths) for paths in groups]
    except OSError:
        # No process can be started: this says nothing about the directories.
        return []
    counts = _follow(children)
    waits = []
    for child in children:
        os.close(child.answers)
        if counts[child.answers] < len(child.paths):
            _kill(child.pid)
            waits.append((child.pid, child.paths[counts[child.answers] :]))
        else:
            os.waitpid(child.pid, 0)
    return waits


def _follow(children: list[_Child]) -> dict[int, int]:
    """The number of answered paths of each child, by its pipe, until none answers for SECONDS."""
    sizes = {child.answers: len(child.paths) for child in children}
    counts = dict.fromkeys(sizes, 0)
    last = dict.fromkeys(sizes, time.monotonic())
    end = time.monotonic() + _ROUNDS * SECONDS
    while last:
        left = min(end, min(last.values()) + SECONDS) - time.monotonic()
        ready = select.select(list(last), [], [], max(0.0, left))[0]
        now = time.monotonic()
        for pipe in ready:
            answers = os.read(pipe, 4096)
            counts[pipe] += len(answers)
            last[pipe] = now if answers and counts[pipe] < sizes[pipe] else -SECONDS
        last = {pipe: when for pipe, when in last.items() if now < min(end, when + SECONDS)}
    return counts


def _kill(pid: int) -> None:
    # The import takes a millisecond, and a check rarely needs it.
    import signal

    os.kill(pid, signal.SIGKILL)


def _start(paths: list[str]) -> _Child:
    answers, output = os.pipe()
    try:
        pid = _start_shell(paths, output) or _copy(paths, output)
    except OSError:
        os.close(answers)
        raise
    finally:
        os.close(output)
    return _Child(pid, answers, paths)


def _start_shell(paths: list[str], output: int) -> int | None:
    """The pid of a shell that checks the directories; None if it cannot be used.

    The shell reads byte by byte, too slowly for the files of processes. A command line cannot hold
    thousands of paths.
    """
    if paths[0].startswith(PROCESSES):
        return None
    null = os.open(os.devnull, os.O_RDWR)
    streams = [(os.POSIX_SPAWN_DUP2, fd, n) for n, fd in enumerate((null, output, null))]
    try:
        words = [_SHELL, "-c", _LOOK, _SHELL, *paths]
        # hermes-guard has no AnsibleModule, and run_command would wait for the exit.
        # pylint: disable-next=ansible-bad-function
        return os.posix_spawn(_SHELL, words, {}, file_actions=streams)
    except (OSError, ValueError):
        # One of the paths is not a path, because it contains a zero byte: touch() skips it.
        return None
    finally:
        os.close(null)


def _copy(paths: list[str], output: int) -> int:
    """The pid of a forked copy of this process that checks the paths."""
    pid = os.fork()
    if pid == 0:
        try:
            _look(paths, output)
        finally:
            os._exit(0)
    return pid


def _look(paths: list[str], output: int) -> None:
    """Check the paths in the forked copy, after closing all inherited locks and pipes."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != output:
            try:
                os.close(int(name))
            except OSError:
                # The descriptor of the listing itself.
                pass
    for path in paths:
        touch(path)
        os.write(output, b".")


def touch(path: str) -> None:
    """Access the directory and a name in it: the kernel may have one of them cached.

    For a process, read its command line and environment, which are in its own memory.
    """
    if path.startswith(PROCESSES):
        for name in ("cmdline", "environ"):
            _read(os.path.join(path, name))
        return
    for name in ("", "config.yaml"):
        try:
            os.stat(os.path.join(path, name))
        except (OSError, ValueError):
            # An error is an answer too.
            pass


def _read(path: str) -> None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        while os.read(fd, 1 << 16):
            pass
    except OSError:
        # An error is an answer too.
        return
    os.close(fd)
