# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layout version of /var/lib/hermes-guard, so that an older hermes-guard does not touch it.

A newer version reads the files of an older one. A change that an older version would misread gets a
new number.
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
    """The file that contains the number."""
    return os.path.join(config.STATE, guard_program.FORMAT)


def check() -> None:
    """Raise SettingError if a newer version has written the state directory."""
    number, end, _rest = (proc.read(path(), 64) or "").partition("\n")
    if end and number.isdecimal() and int(number) > NUMBER:
        raise SettingError(
            "%s was written by a newer version of hermes_ops.gateway (format %s; this version"
            " supports up to %d): use that version, or run its remove playbook first"
            % (config.STATE, number, NUMBER)
        )
