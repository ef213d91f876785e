# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component metrics: a symbolic link to the page of metrics, where node_exporter reads it.

The page stays in the state directory of the guard: its unit needs no right to write elsewhere.
"""

from __future__ import annotations

import os
import re
import stat
from typing import Any

from .._guard import config, page, page_link, page_now
from .._host import files, proc, timers, unit_files
from .._host.errors import GuardError, SettingError
from .desired_state import LINK, DesiredState, File

COMPONENT = "metrics"
OPTION = "hermes_metrics_directory"
ALLOWED = (
    "allowed: the absolute path of the directory that node_exporter has as"
    " --collector.textfile.directory, without symbolic links; it and the directories above it"
    " belong to root or a system account, and not everyone can write them"
)
# Debian and systemd give people the uids above it.
LAST_SYSTEM_UID = 999
# Debian's program, which reads DEFAULT if it is given no other directory.
_DEBIAN = "prometheus-node-exporter"
_DEFAULT = page_link.USUAL[0]
_FLAG = "--collector.textfile.directory"
# The names of the processes, as the kernel cuts them off.
_NAMES = (_DEBIAN[:15], "node_exporter")


def check_directory(value: object) -> None:
    """SettingError if ``value`` cannot be the directory of any host."""
    if not isinstance(value, str) or not re.match(r"/[^\x00-\x1f\x7f]*\Z", value):
        raise SettingError("%s: %r is not an absolute path; %s" % (OPTION, value, ALLOWED))
    if os.path.normpath(value) != value.rstrip("/") or value.rstrip("/") == config.STATE:
        raise SettingError("%s: %r is not allowed; %s" % (OPTION, value, ALLOWED))


def desired(options: dict[str, Any], check_mode: bool) -> tuple[DesiredState, list[str]]:
    """The link as the desired state, and notes on what the host lacks for it.

    SettingError if the directory is not there or must not be used; in check mode a directory that
    is missing is a note, as the exporter may not be installed yet.
    """
    if not options.get(OPTION):
        raise SettingError("%s: the component %s needs it; %s" % (OPTION, COMPONENT, ALLOWED))
    check_directory(options[OPTION])
    directory = str(options[OPTION]).rstrip("/")
    problem = _problem(directory)
    if problem is not None:
        text = "%s: %r %s; %s" % (OPTION, directory, problem, ALLOWED)
        if not check_mode or os.path.lexists(directory):
            raise SettingError(text)
        return _state(directory), [text]
    return _state(directory), [*_without_reader(directory), *_without_check()]


def _state(directory: str) -> DesiredState:
    return DesiredState({page_link.path(directory): File(page.path().encode(), LINK)}, [])


def _problem(directory: str) -> str | None:
    """Why root must not make a link in ``directory``."""
    try:
        info = os.lstat(directory)
    except OSError:
        return "does not exist"
    if not stat.S_ISDIR(info.st_mode) or os.path.realpath(directory) != directory:
        return "is not a directory, or there is a symbolic link on the way to it"
    return _other_owner(directory)


def _other_owner(directory: str) -> str | None:
    """Why a user could put another directory in the place of ``directory``, or None.

    The account of the exporter may: Debian's /var/lib/prometheus belongs to it.
    """
    place = directory
    while True:
        info = os.lstat(place)
        if info.st_mode & stat.S_IWOTH:
            return "cannot be used: everyone can write %s" % place
        if info.st_uid > LAST_SYSTEM_UID:
            return "cannot be used: %s belongs to uid %d" % (place, info.st_uid)
        if place == "/":
            return None
        place = os.path.dirname(place)


def _without_reader(directory: str) -> list[str]:
    if any(_reads(proc.argv(pid), directory) for pid in proc.pids() if _is_exporter(pid)):
        return []
    return [
        "no node_exporter that runs on this host reads %s: start one with %s=%s"
        % (directory, _FLAG, directory)
    ]


def _is_exporter(pid: int) -> bool:
    # Not the command line of every process: that of a user may not answer.
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
        "nothing on this host writes the page of metrics: that is done by the check of the role"
        " hermes_watchdog, which is not installed"
    ]


def present(link: str) -> bytes | None:
    """The target of the link as it is, None if nothing is there.

    GuardError for what someone else has put there.
    """
    if not os.path.lexists(link):
        return None
    if not page_link.is_ours(link):
        raise GuardError(
            "%s is there already and is not a symbolic link to %s: move it away, or choose another"
            " %s" % (link, page.path(), OPTION)
        )
    return page.path().encode()


def ensure_page() -> None:
    """Write the page if no check has done so yet: a link to nothing is a fault to node_exporter."""
    if os.path.exists(page.path()):
        return
    every = config.load_tolerantly(config.FOLDER)[0]
    files.write_atomic(page.path(), page_now.text([every[name] for name in sorted(every)])[0])
