# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the roles, and warnings about names that only look like one of them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from typing import Any

import yaml

_ROLES = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "roles"
)
# It has no prefix of a role, and is written without the last letter easily.
_GATEWAYS = "hermes_gateways"
_NEAR = 0.9


def _of_roles(name: str) -> list[Any]:
    """What the file ``name`` of each role holds."""
    found = []
    for role in sorted(os.listdir(_ROLES)):
        with open(os.path.join(_ROLES, role, name), encoding="utf-8") as handle:
            found.append(yaml.safe_load(handle))
    return found


# Once, in the process that is copied for each host.
DEFAULTS = {key: value for one in _of_roles("defaults/main.yml") for key, value in one.items()}
SPECS = {
    key: value
    for one in _of_roles("meta/argument_specs.yml")
    for key, value in one["argument_specs"]["main"]["options"].items()
}
_PREFIXES = tuple(sorted(role + "_" for role in os.listdir(_ROLES)))


def unknown(names: Iterable[str]) -> list[str]:
    """A warning about each of ``names`` that begins like a variable of a role and is none."""
    found = []
    for name in sorted(name for name in names if name.startswith("hermes_")):
        if name in SPECS:
            continue
        prefix = next((one for one in _PREFIXES if name.startswith(one)), None)
        if prefix is not None:
            # Without the prefix, which is alike in all of them.
            rests = [one[len(prefix) :] for one in sorted(SPECS) if one.startswith(prefix)]
            near = difflib.get_close_matches(name[len(prefix) :], rests, 1)
            hint = "; do you mean %s%s?" % (prefix, near[0]) if near else ""
            found.append("%s is no variable of a role and has no effect%s" % (name, hint))
        elif difflib.get_close_matches(name, [_GATEWAYS], 1, _NEAR):
            found.append("%s has no effect; do you mean %s?" % (name, _GATEWAYS))
    return found
