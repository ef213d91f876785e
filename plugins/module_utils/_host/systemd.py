# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One systemd manager: the system's, or one user's.

``systemctl --user --machine=USER@.host`` fails on systemd 247 and opens a login session at every call on newer ones, so a
user's manager is reached the way that works on all of them: as that user, with XDG_RUNTIME_DIR set. What a user's manager
answers is the user's own word: check every pid it names against the user before using it.
"""

from __future__ import annotations

import os
import pwd
import re

from . import command
from .errors import RunError, SystemdError

USER_RUNTIME = "/run/user"


class Manager:
    """The manager of scope "system" (user None) or "user" (``user``: its passwd entry)."""

    def __init__(self, user=None):
        self.user = user
        self.scope = "system" if user is None else "user"

    def systemctl(self, *arguments, timeout=30.0):
        """Run systemctl with ``arguments`` and return a command.Result; SystemdError where it cannot be run at all."""
        argv = (
            ["systemctl"]
            + ([] if self.user is None else ["--user"])
            + ["--no-pager"]
            + list(arguments)
        )
        try:
            return command.run(argv, user=self.user, timeout=timeout)
        except RunError as exc:
            raise SystemdError(str(exc)) from exc

    def call(self, *arguments, timeout=30.0):
        """As systemctl(), but SystemdError with its message where it fails."""
        done = self.systemctl(*arguments, timeout=timeout)
        if done.rc != 0:
            raise SystemdError(
                "systemctl %s failed (%d): %s"
                % (" ".join(arguments), done.rc, done.err.strip() or done.out.strip())
            )
        return done

    def show(self, units, properties):
        """The ``properties`` (list of names) of ``units`` (list of names or globs): a list of dict of str, a unit each."""
        if not units:
            return []
        done = self.call("show", "--property=" + ",".join(properties), "--", *units)
        return parse_show(done.out)

    def unit_files(self, pattern):
        """The names of the unit files of type service that match glob ``pattern``, loaded or not."""
        done = self.systemctl(
            "list-unit-files", "--type=service", "--no-legend", "--plain", "--", pattern
        )
        # No match is an exit code of 1 with not a word in some versions.
        if done.rc != 0 and done.err.strip():
            raise SystemdError(
                "systemctl list-unit-files failed (%d): %s" % (done.rc, done.err.strip())
            )
        return [line.split()[0] for line in done.out.splitlines() if line.strip()]


def parse_show(text):
    """What ``systemctl show`` prints (blocks of NAME=VALUE with an empty line between) as a list of dict."""
    blocks = []
    block = {}
    for line in text.split("\n"):
        name, separator, value = line.partition("=")
        if separator:
            block[name] = value
        elif not line and block:
            blocks.append(block)
            block = {}
    return blocks + [block] if block else blocks


def exec_argv(value):
    """The argv (list of str) in the property ExecStart: ``{ path=... ; argv[]=a b c ; ignore_errors=... }``.

    systemd prints the words without quotes, so a word with a space in it comes out as two.
    """
    found = re.search(r"argv\[\]=(.*?) ; ignore_errors=", value or "")
    return found.group(1).split() if found else []


def environment(value):
    """The variables (dict) in the property Environment, which systemd quotes as a shell does."""
    import shlex

    try:
        words = shlex.split(value or "")
    except ValueError:
        return {}
    return dict(word.split("=", 1) for word in words if "=" in word)


def user_managers():
    """A Manager for each user whose own systemd runs on this host, by user name."""
    try:
        names = os.listdir(USER_RUNTIME)
    except OSError:
        return []
    found = []
    for name in names:
        if not name.isdigit() or not os.path.exists(
            os.path.join(USER_RUNTIME, name, "systemd", "private")
        ):
            continue
        try:
            found.append(Manager(pwd.getpwuid(int(name))))
        except KeyError:
            continue
    return sorted(found, key=lambda manager: manager.user.pw_name)


def version():
    """systemd's version as int (252), or None."""
    try:
        found = re.match(r"systemd (\d+)", command.run(["systemctl", "--version"]).out)
    except RunError:
        return None
    return int(found.group(1)) if found else None
