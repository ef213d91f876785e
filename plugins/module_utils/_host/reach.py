# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which directories do not answer, as on a server that is gone.

Whoever looks at such a directory waits, and cannot always be killed: not while another process
waits for it as well (mutexes of the kernel). So a child process looks, and is left behind.
"""

from __future__ import annotations

import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import NamedTuple

    class _Child(NamedTuple):
        """``answers`` is a pipe with a byte for each of ``paths`` that has answered."""

        pid: int
        answers: int
        paths: list[str]
else:
    import collections

    _Child = collections.namedtuple("_Child", "pid answers paths")

# A local disk answers in milliseconds, a server in another country within half a second.
SECONDS = 3


def unanswered(owners: Mapping[str, str]) -> dict[str, int]:
    """The directories that did not answer in time, each with the pid of the process that waits.

    ``owners`` maps each path to its user: after one that does not answer, the others of this user
    are not looked at and count as unanswered too. Takes two times SECONDS at most.
    """
    if not owners:
        return {}
    waits = _ask([list(owners)])
    if not waits:
        return {}
    silent = {owners[paths[0]]: pid for pid, paths in waits}
    groups: dict[str, list[str]] = {}
    for path in waits[0][1]:
        if owners[path] not in silent:
            groups.setdefault(owners[path], []).append(path)
    later = {path: pid for pid, paths in _ask(groups.values()) for path in paths}
    for path in waits[0][1]:
        if owners[path] in silent:
            later[path] = silent[owners[path]]
    return later


def _ask(groups: Iterable[list[str]]) -> list[tuple[int, list[str]]]:
    """Look at each group in a child of its own: the pid and what is left of those that wait."""
    deadline = time.monotonic() + SECONDS
    try:
        children = [_start(paths) for paths in groups]
    except OSError:
        # No process can be started: this is not the fault of a directory.
        return []
    waits = []
    for child in children:
        count = _count(child, deadline)
        os.close(child.answers)
        if count < len(child.paths):
            _kill(child.pid)
            waits.append((child.pid, child.paths[count:]))
        else:
            os.waitpid(child.pid, 0)
    return waits


def _kill(pid: int) -> None:
    # Not at the top: it takes a millisecond, and a check mostly does not need it.
    import signal

    os.kill(pid, signal.SIGKILL)


def _count(child: _Child, deadline: float) -> int:
    """How many of its paths have answered until the deadline."""
    count = 0
    while count < len(child.paths):
        ready = select.select([child.answers], [], [], max(0.0, deadline - time.monotonic()))[0]
        answers = os.read(child.answers, 4096) if ready else b""
        if not answers:
            break
        count += len(answers)
    return count


def _start(paths: list[str]) -> _Child:
    answers, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _look(paths, told)
        finally:
            os._exit(0)
    os.close(told)
    return _Child(pid, answers, paths)


def _look(paths: list[str], told: int) -> None:
    """What the child does. It keeps nothing open: neither a lock nor the pipe of who waits."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != told:
            try:
                os.close(int(name))
            except OSError:
                # That of the listing itself.
                pass
    for path in paths:
        touch(path)
        os.write(told, b".")


def touch(path: str) -> None:
    """Ask for the directory and for a name in it: the kernel may know one of them by itself."""
    for name in ("", "config.yaml"):
        try:
            os.stat(os.path.join(path, name))
        except OSError:
            # An answer, too.
            pass
