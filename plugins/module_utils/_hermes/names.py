# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validates names and paths that become part of a unit, of guard.conf or of a path.

It uses no patterns, because each check would have to compile them.
"""

from __future__ import annotations

# The pattern of a valid profile name, which becomes part of a home's path.
PROFILE = "[a-z0-9][a-z0-9_-]{0,63}"
_ALPHANUMERIC = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_OF_NAME = _ALPHANUMERIC.union(":_.@-")
# Shorter than systemd's 255 characters, because our units append to the name.
_LONGEST_NAME = 201
# Characters with a special meaning in a unit file, above all a line break.
_NOT_OF_PATH = frozenset(map(chr, range(0x20))).union("\x7f\"'\\%$;")
_LONGEST_PATH = 401


def is_safe_name(name: str) -> bool:
    """Whether ``name`` is valid for a gateway, its units and its section of guard.conf."""
    return 0 < len(name) <= _LONGEST_NAME and name[0] in _ALPHANUMERIC and _OF_NAME.issuperset(name)


def is_safe_path(path: str) -> bool:
    """Whether ``path`` is absolute and allowed in a unit file."""
    return path[:1] == "/" and 1 < len(path) <= _LONGEST_PATH and _NOT_OF_PATH.isdisjoint(path)
