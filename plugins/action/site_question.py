# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The question of site.yml, which the program on the host answers. No module is sent for it."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _variables

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# What decides on the files of a host, and on what is done there.
SOURCES = ("plugins", "roles", "playbooks/site.yml", "galaxy.yml", "MANIFEST.json")
# An older program knows no such command; what hangs or prints without an end is cut off.
COMMAND = "timeout -k 5 30 /usr/local/bin/hermes-guard as-asked 2>/dev/null | head -c 100000"
NOBODY = "no program on the host that can answer"


def _digest() -> str:
    """A digest of all that this collection brings to a host."""
    found = hashlib.sha256()
    for source in SOURCES:
        top = os.path.join(TOP, source)
        walk = os.walk(top) if os.path.isdir(top) else [(TOP, [], [source])]
        for folder, folders, names in walk:
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for path in (os.path.join(folder, name) for name in sorted(names)):
                if os.path.exists(path):
                    with open(path, "rb") as handle:
                        content = hashlib.sha256(handle.read()).hexdigest()
                    found.update(("%s %s\n" % (path[len(TOP) :], content)).encode())
    return found.hexdigest()


# Once, in the process that is copied for each host.
DIGEST = _digest()
SPECS, DEFAULTS = _variables.SPECS, _variables.DEFAULTS


class ActionModule(ActionBase):
    """Validates the variables of all roles, and asks the host whether all is as they say.

    It warns of variables that only look like those of a role.
    """

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(("full", "notes", "sources"))

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result: ``same``, and ``why`` not."""
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        asked = self._templar.template(
            {name: variables.get(name, DEFAULTS.get(name)) for name in SPECS}
        )
        errors = ArgumentSpecValidator(SPECS).validate(asked).error_messages
        if errors:
            text = "Validation of arguments failed:\n%s" % "\n".join(errors)
            return dict(result, failed=True, msg=text)
        ended = {
            key: self._task.args[key] for key in ("notes", "sources") if key in self._task.args
        }
        unknown = [] if ended else _variables.unknown(variables)
        why = self._not_asked(variables, bool(ended))
        if why is not None:
            answer: dict[str, Any] = {"same": False, "why": why}
        else:
            asked["collection"] = DIGEST
            answer = self._ask({"asked": asked, **ended})
            if ended and answer.get("why", NOBODY) != NOBODY:
                answer["warnings"] = ["the next run does all of this again: %s" % answer["why"]]
        if unknown:
            answer["warnings"] = [*unknown, *answer.get("warnings", ())]
        return dict(result, changed=False, **answer)

    def _not_asked(self, variables: dict[str, Any], ended: bool) -> str | None:
        """Why the host is not asked, if it is not."""
        tags = list(variables.get("ansible_run_tags") or []), variables.get("ansible_skip_tags")
        if tags[0] != ["all"] or tags[1]:
            return "only a part of the play is asked for, by tags"
        if ended and self._task.check_mode:
            return "nothing was changed in check mode"
        if boolean(self._task.args.get("full", False)):
            return "a full run is asked for"
        return None

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(question, default=str)
        try:
            done = self._low_level_execute_command(COMMAND, in_data=text.encode())
        except AnsibleConnectionFailure:
            raise
        except AnsibleError as exc:
            # A connection that takes no standard input.
            return {"same": False, "why": "the host cannot be asked: %s" % exc}
        try:
            answer = json.loads(done["stdout"])
            if answer["to"] != hashlib.sha256(text.encode()).hexdigest():
                raise ValueError("to another question")
            if answer["same"] is True:
                return {"same": True, "warnings": [str(one)[:1000] for one in answer["notes"]][:50]}
            return {"same": False, "why": str(answer["why"])[:1000]}
        except (ValueError, TypeError, LookupError):
            return {"same": False, "why": NOBODY}
