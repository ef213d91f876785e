# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names and paths are accepted: they become part of a unit, of guard.conf or of a path.

Without patterns, which a check would have to compile each time.
"""

from __future__ import annotations

# What is taken for the name of a profile, as a pattern: the path of a home is made of it.
PROFILE = "[a-z0-9][a-z0-9_-]{0,63}"
_ALPHANUMERIC = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_OF_NAME = _ALPHANUMERIC.union(":_.@-")
# Shorter than the 255 characters that systemd takes, for what our own units append to a name.
_LONGEST_NAME = 201
# What a unit would take for something else, a line break above all.
_NOT_OF_PATH = frozenset(map(chr, range(0x20))).union("\x7f\"'\\%$;")
_LONGEST_PATH = 401


def is_safe_name(name: str) -> bool:
    """Whether ``name`` can be that of a gateway, of its units and of its section of guard.conf."""
    return 0 < len(name) <= _LONGEST_NAME and name[0] in _ALPHANUMERIC and _OF_NAME.issuperset(name)


def is_safe_path(path: str) -> bool:
    """Whether ``path`` is absolute and can stand in a line of a unit."""
    return path[:1] == "/" and 1 < len(path) <= _LONGEST_PATH and _NOT_OF_PATH.isdisjoint(path)
