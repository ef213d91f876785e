# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The version of the layout of /var/lib/hermes-guard, so that an older program leaves it alone.

A program takes over what an older one has left. A change that an older one would misread gets a new
number.
"""

from __future__ import annotations

import os

from .._host import guard_program, proc
from .._host.errors import SettingError
from . import config

NUMBER = 1
TEXT = (
    b"%d\n# The version of the layout of this directory. Managed by hermes_ops.gateway.\n" % NUMBER
)


def path() -> str:
    """The file that has the number."""
    return os.path.join(config.STATE, guard_program.FORMAT)


def check() -> None:
    """SettingError if a newer program than this one has written the state directory."""
    number, end, _rest = (proc.read(path(), 64) or "").partition("\n")
    if end and number.isdecimal() and int(number) > NUMBER:
        raise SettingError(
            "%s was written by a newer version of hermes_ops.gateway (format %s, this one knows"
            " %d): use that version, or remove it with that version's remove playbook first"
            % (config.STATE, number, NUMBER)
        )
