# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs other programs: without a shell, with limits on time and output, in a clean environment.

Everything that touches files of a gateway's owner runs as that owner. ``setpriv`` (util-linux,
installed on every system with systemd) drops the privileges. Unlike ``runuser`` and ``su`` it opens
no PAM session, so a check that runs every five minutes writes nothing to the journal.

A program that runs as another user is not trusted: it may print or run forever, and must not reach
the terminal of the root that started it. So it gets its own session and its output is limited.
Killing it does not require the privilege to kill processes of other users.
"""

from __future__ import annotations

import collections
import os
import time

from . import accounts, proc
from .errors import RunError

# Importing subprocess and its dependencies takes longer than a check that runs no program, so the
# functions that need it import it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import pwd
    import subprocess
    from collections.abc import Mapping, Sequence
    from typing import NamedTuple

    class Limits(NamedTuple):
        """The run time of a program, and its output on both streams together."""

        seconds: float
        output_bytes: int

    class Program(NamedTuple):
        """A program: ``name`` is for messages, ``user`` is the user that ``argv`` switches to."""

        name: str
        argv: Sequence[str]
        environment: Mapping[str, str]
        user: pwd.struct_passwd | None

else:
    Limits = collections.namedtuple("Limits", "seconds output_bytes")
    Program = collections.namedtuple("Program", "name argv environment user")

# systemd's default for services, including hosts with a separate /bin and /sbin.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Bytes, both streams together. The longest output is journalctl's, with up to 20,000 entries.
MAX_OUTPUT = 32 << 20
# Bytes that one system call reads or writes: the capacity of a pipe on Linux.
_CHUNK = 1 << 16
# Seconds to wait for a killed process to exit.
_KILL_SECONDS = 1
# Seconds allowed for the program that kills as the user.
_KILL_AS_SECONDS = 5
# Seconds between checks whether a program has exited; the same values as in the standard library.
_FIRST_LOOK = 0.0005
_LAST_LOOK = 0.05


class Result:
    """The exit code and output of a program, with undecodable bytes replaced."""

    def __init__(self, rc: int, out: str, err: str) -> None:
        self.rc = rc
        self.out = out
        self.err = err


def system_python() -> str:
    """The system's Python: ours may be in a directory that other users cannot read."""
    return "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"


def environment(
    user: pwd.struct_passwd | None = None, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """A clean environment for a program that runs as ``user`` (None: as the current user)."""
    env = {"PATH": PATH, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    if user is not None:
        env.update(
            HOME=user.pw_dir,
            USER=user.pw_name,
            LOGNAME=user.pw_name,
            XDG_RUNTIME_DIR=accounts.runtime(user.pw_uid),
        )
    env.update(extra or {})
    return env


def as_user(argv: Sequence[str], user: pwd.struct_passwd | None) -> list[str]:
    """``argv``, prefixed so that it runs as ``user``; unchanged if this is the current user.

    Raises RunError if the current user is neither root nor ``user``.
    """
    if user is None or os.geteuid() == user.pw_uid:
        return list(argv)
    if os.geteuid() != 0:
        raise RunError("only root can run a program as %s" % user.pw_name)
    return [
        "setpriv",
        "--reuid=%d" % user.pw_uid,
        "--regid=%d" % user.pw_gid,
        "--init-groups",
        "--no-new-privs",
        "--",
        *argv,
    ]


def run(
    argv: Sequence[str],
    user: pwd.struct_passwd | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 30.0,
) -> Result:
    """Run ``argv`` in the root directory, as ``user`` (None: as the current user).

    ``env`` is added to a clean environment and ``stdin`` is passed to the program. It is killed and
    RunError raised if it runs longer than ``timeout`` seconds or prints more than MAX_OUTPUT bytes.
    A non-zero exit code does not raise: see ``rc``. Processes that it leaves in its process group
    are killed. For programs of the system; use confined for programs of users.
    """
    full = without_score(as_user(argv, user))
    program = Program(argv[0], full, environment(user, env), user)
    return execute(program, stdin, Limits(timeout, MAX_OUTPUT))


def without_score(argv: Sequence[str]) -> list[str]:
    """``argv``, prefixed so that it does not inherit our protection from the OOM killer."""
    # A negative score is inherited, and any process may reset it. A positive one does no harm.
    score = proc.read("/proc/self/oom_score_adj", 16) or "0"
    return ["choom", "-n", "0", "--", *argv] if score.startswith("-") else list(argv)


def execute(program: Program, stdin: str | None, limits: Limits) -> Result:
    """Run ``program`` unchanged, in the root directory; RunError and Result as for run."""
    import subprocess

    deadline = time.monotonic() + limits.seconds
    try:
        # hermes-guard runs without Ansible, so run_command is not available.
        # pylint: disable-next=ansible-bad-function
        process = subprocess.Popen(
            program.argv,
            env=program.environment,
            cwd="/",
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            close_fds=True,
            start_new_session=True,
        )
    except (OSError, ValueError) as exc:
        # A ValueError is about a zero byte in a word.
        raise RunError("%s could not be started: %s" % (program.argv[0], exc)) from exc
    try:
        data = b"" if stdin is None else stdin.encode("utf-8")
        out, err = _talk(process, data, deadline, limits.output_bytes)
        _await_end(process, deadline)
    except subprocess.TimeoutExpired as exc:
        raise RunError("%s did not end within %g s" % (program.name, limits.seconds)) from exc
    except OverflowError as exc:
        raise RunError(
            "%s printed more than %d bytes" % (program.name, limits.output_bytes)
        ) from exc
    finally:
        _end(process, program.user)
    return Result(
        process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
    )


def _talk(
    process: subprocess.Popen[bytes], data: bytes, deadline: float, most: int
) -> tuple[bytearray, bytearray]:
    """Write ``data`` to a program and read all its output: stdout, stderr.

    Raises TimeoutExpired at ``deadline`` (monotonic clock), OverflowError for more than ``most``
    bytes.
    """
    import selectors
    import subprocess

    out, err = bytearray(), bytearray()
    with selectors.DefaultSelector() as waiting:
        for stream, kept in ((process.stdout, out), (process.stderr, err)):
            if stream is not None:
                waiting.register(stream, selectors.EVENT_READ, kept)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            waiting.register(process.stdin, selectors.EVENT_WRITE)
        while waiting.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(process.args, left)
            for key, _events in waiting.select(left):
                if key.data is None:
                    data = _feed(key.fd, data)
                    if not data and process.stdin is not None:
                        waiting.unregister(process.stdin)
                        process.stdin.close()
                    continue
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    waiting.unregister(key.fileobj)
                key.data.extend(chunk)
                if len(out) + len(err) > most:
                    raise OverflowError
    return out, err


def _feed(fd: int, data: bytes) -> bytes:
    """The rest of ``data`` after a write; empty if the program no longer reads it."""
    try:
        return data[os.write(fd, data[:_CHUNK]) :] if data else data
    except BrokenPipeError:
        return b""


def _await_end(process: subprocess.Popen[bytes], deadline: float) -> None:
    """Wait until a program exits without reaping it: its pid is also the id of its group.

    Raises TimeoutExpired at ``deadline``.
    """
    import subprocess

    delay = _FIRST_LOOK
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise subprocess.TimeoutExpired(process.args, left)
        time.sleep(min(delay, left))
        delay = min(2 * delay, _LAST_LOOK)


def _end(process: subprocess.Popen[bytes], user: pwd.struct_passwd | None) -> None:
    """Kill the rest of the program and its group; wait only _KILL_SECONDS.

    Under systemd's hardening root may not kill another user's processes.
    """
    import signal
    import subprocess

    try:
        os.killpg(process.pid, signal.SIGKILL)
    except PermissionError:
        # The kernel also returns this for an exited program, until it is reaped.
        if process.poll() is None or _is_group(process.pid):
            _kill_as(user, process.pid)
    except ProcessLookupError:
        pass
    try:
        process.wait(_KILL_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _is_group(group: int) -> bool:
    """Whether process group ``group`` contains a process."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _kill_as(user: pwd.struct_passwd | None, group: int) -> None:
    """Kill process group ``group`` as its user."""
    import subprocess

    try:
        # pylint: disable-next=ansible-bad-function  # as above
        subprocess.run(
            as_user(["kill", "-KILL", "--", "-%d" % group], user),
            env=environment(user),
            cwd="/",
            timeout=_KILL_AS_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        # systemd kills the remaining processes when the unit stops.
        pass
