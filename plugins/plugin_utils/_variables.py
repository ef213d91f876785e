# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the roles, and warnings about misspelt ones."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from typing import Any

import yaml

_ROLES = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "roles"
)
# It does not have the prefix of a role, and its last letter is easily forgotten.
_GATEWAYS = "hermes_gateways"
_NEAR = 0.9


def _of_roles(name: str) -> list[Any]:
    """The content of the file ``name`` of each role."""
    found = []
    for role in sorted(os.listdir(_ROLES)):
        with open(os.path.join(_ROLES, role, name), encoding="utf-8") as handle:
            found.append(yaml.safe_load(handle))
    return found


# Read once, in the process that Ansible forks for each host.
DEFAULTS = {key: value for one in _of_roles("defaults/main.yml") for key, value in one.items()}
SPECS = {
    key: value
    for one in _of_roles("meta/argument_specs.yml")
    for key, value in one["argument_specs"]["main"]["options"].items()
}
_PREFIXES = tuple(sorted(role + "_" for role in os.listdir(_ROLES)))


def unknown(names: Iterable[str]) -> list[str]:
    """A warning about each of ``names`` that has the prefix of a role but is not its variable."""
    found = []
    for name in sorted(name for name in names if name.startswith("hermes_")):
        if name in SPECS:
            continue
        prefix = next((one for one in _PREFIXES if name.startswith(one)), None)
        if prefix is not None:
            # Compared without the prefix, which all of them share.
            rests = [one[len(prefix) :] for one in sorted(SPECS) if one.startswith(prefix)]
            near = difflib.get_close_matches(name[len(prefix) :], rests, 1)
            hint = "; did you mean %s%s?" % (prefix, near[0]) if near else ""
            found.append("%s is not a role variable and has no effect%s" % (name, hint))
        elif difflib.get_close_matches(name, [_GATEWAYS], 1, _NEAR):
            found.append("%s has no effect; did you mean %s?" % (name, _GATEWAYS))
    return found
