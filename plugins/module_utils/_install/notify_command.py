# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that the notify command can be run; otherwise the first alert would reveal the mistake.

Messages never quote the command line, because it may contain a token.
"""

from __future__ import annotations

import os
import shlex
import shutil

from .._host import command
from .._host.errors import SettingError

OPTION = "hermes_watchdog_notify_command"
ALLOWED = (
    'expected a command line such as "/usr/local/bin/notify --quiet", or a list of its arguments;'
    " it is run without a shell"
)
SHELLS = ("sh", "bash", "dash", "ash", "ksh", "zsh", "busybox")
VARIABLE = "$HERMES_GUARD_"


def check(value: object, check_mode: bool) -> list[str]:
    """Notes on the command line ``value``; raises SettingError if it cannot be run.

    In check mode, a missing program is only a note, as the play may install it later.
    """
    if value is None or value == "":
        return []
    if not isinstance(value, str):
        raise SettingError("%s: invalid type %s: %s" % (OPTION, type(value).__name__, ALLOWED))
    if any(letter in value for letter in "\r\n\0"):
        # desired_state refuses a line break in any secret.
        return []
    try:
        words = shlex.split(value)
    except ValueError as exc:
        reason = str(exc).lower()
        raise SettingError("%s: invalid quoting: %s: %s" % (OPTION, reason, ALLOWED)) from exc
    if not words:
        return []
    notes = []
    if shutil.which(words[0], path=command.PATH) is None:
        text = "%s: its program %s: expected an absolute path, or a name in %s" % (
            OPTION,
            _fault(words[0]),
            command.PATH,
        )
        if not check_mode:
            raise SettingError(text)
        notes.append(text)
    if os.path.basename(words[0]) not in SHELLS and any(VARIABLE in one for one in words):
        notes.append(
            "%s: %s... is not expanded, because no shell is used: wrap the command in sh -c '...',"
            " or read the variables in a script" % (OPTION, VARIABLE)
        )
    return notes


def _fault(program: str) -> str:
    if os.path.isdir(program):
        return "is a directory"
    if "/" in program and os.path.exists(program):
        return "is not executable"
    return "does not exist on this host"
