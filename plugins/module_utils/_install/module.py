# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options and the entry point that the modules guard and guard_component share."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING, Any, Callable

from .._host import display
from .._host.errors import GuardError

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

# The argument specification of the shared options.
OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "gateways": {"type": "list", "elements": "str", "default": []},
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            "content": {"type": "str", "required": True},
            "mode": {"type": "str", "default": "0644"},
        },
    },
    "options": {"type": "dict", "default": {}},
}


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return "the user %d" % os.geteuid()


def _printable(text: str) -> str:
    """``text`` without control characters: a user of the host may have chosen a part of it."""
    return display.printable(text, keep="\n")


def run(module: AnsibleModule, apply: Callable[[dict[str, Any], bool], dict[str, Any]]) -> None:
    """Run the backend and exit ``module`` with its result; each note becomes a warning."""
    if os.geteuid() != 0:
        module.fail_json(
            msg="must run as root, not as %s: set become: true and no other become_user"
            % _own_name()
        )
    try:
        result = apply(module.params, module.check_mode)
    except GuardError as exc:
        module.fail_json(msg=_printable(str(exc)))
    result["notes"] = [_printable(note) for note in result["notes"]]
    for note in result["notes"]:
        module.warn(note)
    if "skipped_because" in result:
        module.warn(_printable("%s: nothing is installed" % result["skipped_because"]))
    module.exit_json(**result)
