# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running other programs: never through a shell, always bounded, always with a clean environment.

Everything that touches what belongs to a gateway's owner runs as that owner. ``setpriv`` (util-linux, so on every
system with systemd) drops the privileges rather than ``runuser`` or ``su``: it opens no PAM session, so a check that
runs every five minutes writes nothing to the journal.
"""
from __future__ import annotations

import os
import pwd
import subprocess

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class RunError(Exception):
    """A program could not be started, or did not end in time."""


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
            HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name,
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
    return ["setpriv", "--reuid=%d" % user.pw_uid, "--regid=%d" % user.pw_gid, "--init-groups", "--no-new-privs", "--"] + list(argv)


def run(argv, user=None, env=None, stdin=None, timeout=30.0, cwd="/"):
    """Run ``argv`` (list of str), as passwd entry ``user`` where given, and return a Result.

    ``env`` is added to a clean environment, ``stdin`` (str) is fed to it, ``timeout`` is in seconds; afterwards the
    program is killed and RunError raised. A program that ends with an error is no error here: see ``rc``.
    """
    full = as_user(argv, user)
    try:
        done = subprocess.run(
            full, env=environment(user, env), cwd=cwd, timeout=timeout, check=False,
            input=None if stdin is None else stdin.encode("utf-8"),
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, close_fds=True,
        )
    except subprocess.TimeoutExpired as exc:
        raise RunError("%s did not end within %g s" % (argv[0], timeout)) from exc
    except OSError as exc:
        raise RunError("%s could not be started: %s" % (full[0], exc)) from exc
    return Result(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
