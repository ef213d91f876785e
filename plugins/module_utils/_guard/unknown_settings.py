# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds keys and sections of the configuration files that the guard ignores, such as misspelt ones.

Only doctor looks for them: the guard works with the valid settings, and a check must be fast.
"""

from __future__ import annotations

import configparser
import difflib

from .._host import guard_program
from . import config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

_DEFAULT = "DEFAULT"
# No file has a section with this name, so the parser keeps the keys of [DEFAULT] apart.
_NO_SECTION = "\n"


def problems(gateways: Collection[str]) -> list[str]:
    """A line for each unknown key and section; ``gateways`` are the names on this host."""
    found = []
    known = {*config.KEYS, *config.PLACE}
    paths = config.file_paths(config.FOLDER)
    for path in paths:
        parser = _parsed(path)
        if parser is None:
            continue
        for name in parser.sections():
            if name != _DEFAULT and name not in gateways:
                found.append("%s: %s" % (path, _unknown_section(name, gateways)))
                continue
            of_host = name == _DEFAULT and path == paths[0]
            valid = known | {guard_program.EXCLUDED} if of_host else known
            found += [
                "%s: [%s]: %s" % (path, name, _unknown_key(key, valid))
                for key in parser[name]
                if key not in valid
            ]
    return found


def _parsed(path: str) -> configparser.ConfigParser | None:
    """The content of one file; None if it cannot be read, which other checks report."""
    parser = config.new_parser(_NO_SECTION)
    try:
        with open(path, encoding="utf-8") as handle:
            parser.read_file(handle)
    except (OSError, UnicodeDecodeError, configparser.Error):
        return None
    return parser


def _unknown_section(name: str, gateways: Collection[str]) -> str:
    near = _near(name, {one: one for one in [*gateways, _DEFAULT]})
    return "section [%s] has no effect: no gateway of this host has that name%s" % (
        name,
        "; did you mean [%s]?" % near if near else "",
    )


def _unknown_key(key: str, known: Collection[str]) -> str:
    # The key may still have the prefix of the role.
    names = {config.KEYS[one][0]: one for one in config.KEYS}
    names.update({one: one for one in known})
    near = _near(key, names)
    expected = ": expected one of %s" % ", ".join(sorted(known))
    return "unknown key %r has no effect%s" % (
        key,
        "; did you mean %r?" % near if near else expected,
    )


def _near(word: str, names: dict[str, str]) -> str | None:
    """The value of the key of ``names`` that is most like ``word``, in any case."""
    lower = {one.lower(): value for one, value in names.items()}
    found = difflib.get_close_matches(word.lower(), sorted(lower), 1)
    return lower[found[0]] if found else None
