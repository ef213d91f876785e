# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running other programs: never through a shell, always bounded, always with a clean environment.

Everything that touches what belongs to a gateway's owner runs as that owner. ``setpriv`` (util-linux, so on every
system with systemd) drops the privileges rather than ``runuser`` or ``su``: it opens no PAM session, so a check that
runs every five minutes writes nothing to the journal.

What runs as another user is that user's: it may print without end, or not end, and must not reach the terminal of the root
that started it. So it gets a session of its own, its output is bounded, and a kill does not need the power to kill others.
"""

from __future__ import annotations

import os
import pwd
import time

from .errors import RunError

# subprocess and what it needs take longer to import than a check takes that has to run nothing: they are imported where they are used.

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MAX_OUTPUT = 32 << 20


class Result:
    """What a program left: ``rc`` (int), ``out`` and ``err`` (str, undecodable bytes replaced)."""

    def __init__(self, rc, out, err):
        self.rc = rc
        self.out = out
        self.err = err


def account(name):
    """The passwd entry of user ``name``; RunError where there is none."""
    try:
        return pwd.getpwnam(name)
    except KeyError as exc:
        raise RunError("there is no user %r on this host" % name) from exc


def environment(user=None, extra=None):
    """A clean environment (dict of str) for a program that runs as passwd entry ``user`` (None: as ourselves)."""
    env = {"PATH": PATH, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    if user is not None:
        env.update(
            HOME=user.pw_dir,
            USER=user.pw_name,
            LOGNAME=user.pw_name,
            XDG_RUNTIME_DIR="/run/user/%d" % user.pw_uid,
        )
    env.update(extra or {})
    return env


def as_user(argv, user):
    """``argv`` with what makes it run as passwd entry ``user``; unchanged where we already are that user.

    Raises RunError where we are neither root nor that user.
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
    ] + list(argv)


def run(argv, user=None, env=None, stdin=None, timeout=30.0, cwd="/"):
    """Run ``argv`` (list of str), as passwd entry ``user`` where given, and return a Result.

    ``env`` is added to a clean environment, ``stdin`` (str) is fed to it, ``timeout`` is in seconds; afterwards the
    program is killed and RunError raised, as when it prints more than MAX_OUTPUT bytes. A program that ends with an error is no
    error here: see ``rc``.
    """
    import subprocess

    full = as_user(argv, user)
    deadline = time.monotonic() + timeout
    try:
        # pylint: disable-next=ansible-bad-function  # the program on the host runs without Ansible's own run_command
        process = subprocess.Popen(
            full,
            env=environment(user, env),
            cwd=cwd,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            close_fds=True,
            start_new_session=True,
        )
    except OSError as exc:
        raise RunError("%s could not be started: %s" % (full[0], exc)) from exc
    try:
        out, err = _talk(process, b"" if stdin is None else stdin.encode("utf-8"), deadline)
        rc = process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as exc:
        raise RunError("%s did not end within %g s" % (argv[0], timeout)) from exc
    except OverflowError as exc:
        raise RunError("%s printed more than %d bytes" % (argv[0], MAX_OUTPUT)) from exc
    finally:
        _end(process, user)
    return Result(rc, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def _talk(process, data, deadline):
    """Feed ``data`` and read (stdout, stderr) to their ends; TimeoutExpired after ``deadline``, OverflowError for too much of it."""
    import selectors
    import subprocess

    kept = {process.stdout: bytearray(), process.stderr: bytearray()}
    with selectors.DefaultSelector() as waiting:
        for stream in kept:
            waiting.register(stream, selectors.EVENT_READ)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            waiting.register(process.stdin, selectors.EVENT_WRITE)
        while waiting.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(process.args, left)
            for key, _events in waiting.select(left):
                if key.fileobj is process.stdin:
                    data = _feed(key.fd, data)
                    if not data:
                        waiting.unregister(process.stdin)
                        process.stdin.close()
                    continue
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    waiting.unregister(key.fileobj)
                kept[key.fileobj] += chunk
                if sum(len(part) for part in kept.values()) > MAX_OUTPUT:
                    raise OverflowError
    return kept[process.stdout], kept[process.stderr]


def _feed(fd, data):
    """What is left of ``data`` after a write; nothing for a program that does not want to read it."""
    try:
        return data[os.write(fd, data[: 1 << 16]) :] if data else data
    except BrokenPipeError:
        return b""


def _end(process, user):
    """Leave nothing of the program behind, and never wait for it: under systemd's hardening root may not kill another user's."""
    if process.poll() is None:
        import signal
        import subprocess

        try:
            os.killpg(process.pid, signal.SIGKILL)
        except PermissionError:
            _kill_as(user, process.pid)
        except ProcessLookupError:
            pass
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            pass
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _kill_as(user, group):
    import subprocess

    try:
        # pylint: disable-next=ansible-bad-function  # as above
        subprocess.run(
            as_user(["kill", "-KILL", "--", "-%d" % group], user),
            env=environment(user),
            cwd="/",
            timeout=5,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        # systemd kills what is left when the unit ends.
        pass
