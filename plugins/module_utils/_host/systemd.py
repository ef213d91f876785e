# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries a systemd manager: the system's, or that of one user.

``systemctl --user --machine=USER@.host`` fails on systemd 247 and opens a login session at every
call on newer versions. So systemctl runs as the user, with XDG_RUNTIME_DIR set. The answers of a
user's manager are not trusted: check that a pid belongs to the user before using it.
"""

from __future__ import annotations

import os
import pwd
import re

from . import accounts, command, display
from .errors import RunError, SystemdError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# The oldest supported version, from Debian 11.
OLDEST = 247
# Seconds for one answer of a manager. A busy host takes a few; a manager that needs more is hung.
TIMEOUT = 30.0
# Characters, far more than a unit needs. The time of shlex grows with the square of the length.
_MAX_ENVIRONMENT = 1 << 16
# Characters of a message of systemctl: a few sentences.
_MAX_MESSAGE = 300


class Manager:
    """The manager of scope "system" (``user`` is None), or of scope "user".

    ``timeout`` is the number of seconds it has for an answer.
    """

    def __init__(self, user: pwd.struct_passwd | None = None, timeout: float = TIMEOUT) -> None:
        self.user = user
        self.scope = "system" if user is None else "user"
        self.timeout = timeout

    def systemctl(self, *arguments: str, timeout: float | None = None) -> command.Result:
        """Run systemctl with ``arguments``; SystemdError if it cannot be started or times out."""
        scope = [] if self.user is None else ["--user"]
        try:
            return command.run(
                ["systemctl", *scope, "--no-pager", *arguments],
                user=self.user,
                timeout=self.timeout if timeout is None else timeout,
            )
        except RunError as exc:
            raise SystemdError(str(exc)) from exc

    def call(self, *arguments: str, timeout: float | None = None) -> command.Result:
        """Like systemctl(), but raise SystemdError with its message if it fails."""
        done = self.systemctl(*arguments, timeout=timeout)
        if done.rc != 0:
            words = _line(" ".join(arguments))
            text = _line(done.err.strip() or done.out.strip())
            raise SystemdError("systemctl %s failed (exit code %d): %s" % (words, done.rc, text))
        return done

    def show(self, units: Sequence[str], properties: Sequence[str]) -> list[dict[str, str]]:
        """The ``properties`` of ``units`` (names or globs) in one call: a dict for each unit.

        A glob matches loaded units; a name that does not exist has LoadState "not-found".
        """
        if not units:
            return []
        done = self.call("show", "--property=" + ",".join(properties), "--", *units)
        return parse_show(done.out)

    def unit_files(self, pattern: str) -> list[str]:
        """The names of the unit files of type service that match a glob, loaded or not."""
        done = self.systemctl(
            "list-unit-files", "--type=service", "--no-legend", "--plain", "--", pattern
        )
        # Some versions exit with 1, without a message, if nothing matches.
        if done.rc != 0 and done.err.strip():
            text = _line(done.err.strip())
            raise SystemdError(
                "systemctl list-unit-files failed (exit code %d): %s" % (done.rc, text)
            )
        return [line.split()[0] for line in done.out.splitlines() if line.strip()]


def _line(text: str) -> str:
    """``text`` from a user's manager, short and safe to print."""
    return display.printable(text, _MAX_MESSAGE, instead=" ")


def parse_show(text: str) -> list[dict[str, str]]:
    """Parse the output of ``systemctl show``: blocks of NAME=VALUE separated by empty lines."""
    blocks = []
    block: dict[str, list[str]] = {}
    for line in text.split("\n"):
        name, separator, value = line.partition("=")
        if separator and "\0" not in value:
            # A user's manager may print a zero byte, which no path or command line has.
            # EnvironmentFiles has one line for each file.
            block.setdefault(name, []).append(value)
        elif not line and block:
            blocks.append(block)
            block = {}
    blocks += [block] if block else []
    return [{name: "\n".join(values) for name, values in one.items()} for one in blocks]


def exec_argv(value: str | None) -> list[str]:
    """The command line in the property ExecStart; empty if it has none.

    For ``{ path=... ; argv[]=a b c ; ignore_errors=... }`` it is a, b, c. systemd prints the words
    without quotes, so a word with a space becomes two words, except for the path of the program.
    """
    # Not a regular expression: it would search the rest of the text from each "argv[]=".
    line, end, _rest = (value or "").partition("argv[]=")[2].partition(" ; ignore_errors=")
    if not end:
        return []
    program = re.match(r"\{ path=(.*?) ; argv\[\]=", value or "")
    if program and (line + " ").startswith(program.group(1) + " "):
        return [program.group(1), *line[len(program.group(1)) :].split()]
    return line.split()


def environment_files(value: str | None) -> list[str]:
    """The paths in the property EnvironmentFiles: ``PATH (ignore_errors=no)`` on each line."""
    return re.findall(r"^(/.*) \(ignore_errors=(?:yes|no)\)$", value or "", re.M)


def environment(value: str | None) -> dict[str, str]:
    """The variables in the property Environment, which systemd quotes like a shell.

    Empty if it is not valid, or longer than _MAX_ENVIRONMENT.
    """
    import shlex

    if len(value or "") > _MAX_ENVIRONMENT:
        return {}
    try:
        words = shlex.split(value or "")
    except ValueError:
        return {}
    return dict(word.split("=", 1) for word in words if "=" in word)


def has_manager(user: pwd.struct_passwd) -> bool:
    """Whether the systemd manager of ``user`` is running."""
    return _runs(user.pw_uid)


def _runs(uid: int) -> bool:
    return os.path.exists(os.path.join(accounts.runtime(uid), "systemd", "private"))


def user_managers() -> list[Manager]:
    """The running user managers on this host, sorted by user name."""
    try:
        names = os.listdir(accounts.USER_RUNTIME)
    except OSError:
        return []
    users = []
    for name in names:
        if not name.isdigit() or not _runs(int(name)):
            continue
        try:
            users.append(pwd.getpwuid(int(name)))
        except KeyError:
            continue
    return [Manager(user) for user in sorted(users, key=lambda user: user.pw_name)]


def version() -> int | None:
    """systemd's version, such as 252; None if unknown."""
    try:
        found = re.match(r"systemd (\d+)", command.run(["systemctl", "--version"]).out)
    except RunError:
        return None
    return int(found.group(1)) if found else None
