# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component metrics: a symbolic link from node_exporter's directory to the metrics page.

The page itself is in the guard's state directory, so its unit needs no other write access.
"""

from __future__ import annotations

import os
import re
import stat
from typing import Any

from .._guard import config, page_link
from .._host import command, files, guard_program, proc, timers, unit_files
from .._host.errors import GuardError, RunError, SettingError
from .desired_state import LINK, DesiredState, File

COMPONENT = "metrics"
OPTION = "hermes_metrics_directory"
ALLOWED = (
    "expected the absolute path of node_exporter's --collector.textfile.directory, without symbolic"
    " links; it and its parent directories must belong to root or a system account and must not be"
    " world-writable"
)
# Debian and systemd assign higher uids to regular users.
LAST_SYSTEM_UID = 999
# Debian's program reads _DEFAULT if no directory is given.
_DEBIAN = "prometheus-node-exporter"
_DEFAULT = page_link.USUAL[0]
_FLAG = "--collector.textfile.directory"
# The names of the processes; the kernel truncates them to 15 characters.
_NAMES = (_DEBIAN[:15], "node_exporter")


def check_directory(value: object) -> None:
    """Raise SettingError if ``value`` is not valid as the directory on any host."""
    if not isinstance(value, str) or not re.match(r"/[^\x00-\x1f\x7f]*\Z", value):
        raise SettingError("%s: %r is not an absolute path: %s" % (OPTION, value, ALLOWED))
    if os.path.normpath(value) != value.rstrip("/") or value.rstrip("/") == config.STATE:
        raise SettingError("%s: invalid directory %r: %s" % (OPTION, value, ALLOWED))


def desired(options: dict[str, Any], check_mode: bool) -> tuple[DesiredState, list[str]]:
    """The desired state with the link, and notes on what is missing on the host.

    Raises SettingError if the directory is missing or unsafe. In check mode, a missing directory is
    only a note, as the exporter may not be installed yet.
    """
    if not options.get(OPTION):
        raise SettingError("%s: required by the component %s: %s" % (OPTION, COMPONENT, ALLOWED))
    check_directory(options[OPTION])
    directory = str(options[OPTION]).rstrip("/")
    problem = _problem(directory)
    if problem is not None:
        text = "%s: %r %s: %s" % (OPTION, directory, problem, ALLOWED)
        if not check_mode or os.path.lexists(directory):
            raise SettingError(text)
        return _state(directory), [text]
    return _state(directory), [*_without_reader(directory), *_without_check()]


def _state(directory: str) -> DesiredState:
    return DesiredState({page_link.path(directory): File(page_link.page().encode(), LINK)}, [])


def _problem(directory: str) -> str | None:
    """Why root must not create a link in ``directory``; None if it may."""
    try:
        info = os.lstat(directory)
    except OSError:
        return "does not exist"
    if not stat.S_ISDIR(info.st_mode) or os.path.realpath(directory) != directory:
        return "is not a directory, or its path contains a symbolic link"
    return _other_owner(directory)


def _other_owner(directory: str) -> str | None:
    """Why a user could replace ``directory`` by another one, or None.

    System accounts are trusted: Debian's /var/lib/prometheus belongs to the exporter's account.
    """
    place = directory
    while True:
        info = os.lstat(place)
        if info.st_mode & stat.S_IWOTH:
            return "cannot be used: %s is world-writable" % place
        if info.st_uid > LAST_SYSTEM_UID:
            return "cannot be used: %s belongs to uid %d" % (place, info.st_uid)
        if place == "/":
            return None
        place = os.path.dirname(place)


def _without_reader(directory: str) -> list[str]:
    if any(_reads(proc.argv(pid), directory) for pid in proc.pids() if _is_exporter(pid)):
        return []
    return [
        "no running node_exporter on this host reads %s: start one with %s=%s"
        % (directory, _FLAG, directory)
    ]


def _is_exporter(pid: int) -> bool:
    # Reads comm first: reading the command line of a user's process may block.
    return (proc.read("/proc/%d/comm" % pid, 64) or "").strip() in _NAMES


def _reads(argv: list[str], directory: str) -> bool:
    """Whether an exporter with this command line reads ``directory``."""
    given = [word.partition("=")[2] for word in argv if word.startswith(_FLAG + "=")]
    given += [value for word, value in zip(argv, argv[1:]) if word == _FLAG]
    if not given and argv and os.path.basename(argv[0]) == _DEBIAN:
        given = [_DEFAULT]
    return directory in [os.path.normpath(one) for one in given[-1:]]


def _without_check() -> list[str]:
    if os.path.exists(os.path.join(unit_files.FOLDER, "system", timers.WATCHDOG)):
        return []
    return [
        "nothing on this host writes the metrics page: the watchdog does, but the role"
        " hermes_watchdog is not installed"
    ]


def present(link: str) -> bytes | None:
    """The target of the installed link; None if no file exists at its path.

    Raises GuardError if the path holds a file from another source.
    """
    if not os.path.lexists(link):
        return None
    if not page_link.is_ours(link):
        raise GuardError(
            "%s exists and is not a symbolic link to %s: move it away, or choose another %s"
            % (link, page_link.page(), OPTION)
        )
    return page_link.page().encode()


def ensure_page() -> None:
    """Write the metrics page if no check has: node_exporter reports a dangling link as an error.

    The installed program prints it. This module does not, because Ansible would then send all code
    of that program with each component.
    """
    if os.path.exists(page_link.page()):
        return
    try:
        # A gateway without metrics makes it fail, and the page has the others.
        done = command.run([config.PROGRAM, "metrics"], timeout=guard_program.STATUS_TIMEOUT)
    except RunError as exc:
        raise GuardError("the metrics page cannot be written: %s" % exc) from exc
    if not done.out:
        raise GuardError("the metrics page cannot be written: %s" % done.err.strip()[:300])
    files.write_atomic(page_link.page(), done.out)
