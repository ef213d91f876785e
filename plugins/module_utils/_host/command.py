# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running other programs: never through a shell, always bounded, always with a clean environment.

Everything that touches what belongs to a gateway's owner runs as that owner. ``setpriv``
(util-linux, so on every system with systemd) drops the privileges rather than ``runuser`` or
``su``: it opens no PAM session, so a check that runs every five minutes writes nothing to the
journal.

What runs as another user is that user's: it may print without end, or not end, and must not reach
the terminal of the root that started it. So it gets a session of its own, its output is bounded,
and a kill does not need the power to kill others.
"""

from __future__ import annotations

import collections
import os
import time

from . import accounts, proc
from .errors import RunError

# subprocess and what it needs take longer to import than a check takes that has to run nothing:
# they are imported where they are used.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import pwd
    import subprocess
    from collections.abc import Mapping, Sequence
    from typing import NamedTuple

    class Limits(NamedTuple):
        """How long a program may run, and how much it may print on both streams together."""

        seconds: float
        output_bytes: int

    class Program(NamedTuple):
        """What is run: ``name`` is for messages, ``user`` the one that ``argv`` makes it run as."""

        name: str
        argv: Sequence[str]
        environment: Mapping[str, str]
        user: pwd.struct_passwd | None

else:
    Limits = collections.namedtuple("Limits", "seconds output_bytes")
    Program = collections.namedtuple("Program", "name argv environment user")

# The default of systemd for services, on hosts whose /usr is not merged too.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Bytes, of both streams. The longest answer is that of journalctl, with up to 20,000 entries.
MAX_OUTPUT = 32 << 20
# How much of a pipe one system call reads or writes: what a pipe holds on Linux.
_CHUNK = 1 << 16
# Seconds until the kernel has ended what was killed. Nothing waits for it longer.
_KILL_SECONDS = 1
# Seconds for the program that kills as the user.
_KILL_AS_SECONDS = 5
# Seconds between looks at whether a program has ended, as the standard library has them.
_FIRST_LOOK = 0.0005
_LAST_LOOK = 0.05


class Result:
    """The exit code of a program and what it printed, with undecodable bytes replaced."""

    def __init__(self, rc: int, out: str, err: str) -> None:
        self.rc = rc
        self.out = out
        self.err = err


def system_python() -> str:
    """The system's own Python: ours may be where another user may not read."""
    return "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"


def environment(
    user: pwd.struct_passwd | None = None, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """A clean environment for a program that runs as ``user`` (None: as ourselves)."""
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
    """``argv`` with what makes it run as ``user``; unchanged if we already are that user.

    Raises RunError if we are neither root nor that user.
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
    """Run ``argv`` in the root directory, as ``user`` (None: as ourselves).

    ``env`` is added to a clean environment and ``stdin`` is fed to the program. It is killed and
    RunError raised if it has not ended after ``timeout`` seconds or prints more than MAX_OUTPUT
    bytes. A program that ends with an error is no error here: see ``rc``. What it leaves running in
    its process group is killed. For programs of the system: see confined for those of users.
    """
    full = without_score(as_user(argv, user))
    program = Program(argv[0], full, environment(user, env), user)
    return execute(program, stdin, Limits(timeout, MAX_OUTPUT))


def without_score(argv: Sequence[str]) -> list[str]:
    """``argv`` with what keeps the kernel's OOM killer from sparing it because it spares us."""
    # A better score is inherited, and anyone may give it up. A worse one does no harm.
    score = proc.read("/proc/self/oom_score_adj", 16) or "0"
    return ["choom", "-n", "0", "--", *argv] if score.startswith("-") else list(argv)


def execute(program: Program, stdin: str | None, limits: Limits) -> Result:
    """Run ``program`` as it is, in the root directory; RunError and Result as for run."""
    import subprocess

    deadline = time.monotonic() + limits.seconds
    try:
        # The program on the host runs without Ansible's own run_command.
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
    except OSError as exc:
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
    """Feed ``data`` to a program and read what it prints to its end: stdout, stderr.

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
    """What is left of ``data`` after a write; nothing if the program does not read it any more."""
    try:
        return data[os.write(fd, data[:_CHUNK]) :] if data else data
    except BrokenPipeError:
        return b""


def _await_end(process: subprocess.Popen[bytes], deadline: float) -> None:
    """Wait for the end of a program without taking its pid away, which is its group's too.

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
    """Kill what is left of the program and its group, and do not wait for it if that fails.

    Under systemd's hardening root may not kill another user's processes.
    """
    import signal
    import subprocess

    try:
        os.killpg(process.pid, signal.SIGKILL)
    except PermissionError:
        # The kernel says so of a program that has ended too: it is gone once it is waited for.
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
    """Whether there is a process in process group ``group``."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _kill_as(user: pwd.struct_passwd | None, group: int) -> None:
    """Kill process group ``group`` as the user that it belongs to."""
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
        # systemd kills what is left when the unit ends.
        pass
