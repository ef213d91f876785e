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
from ansible.plugins.action import ActionBase
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import guard_program
from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _answers, _variables

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# What decides on the files of a host, and on what is done there.
SOURCES = ("plugins", "roles", "playbooks/site.yml", "galaxy.yml", "MANIFEST.json")
# An older program knows no such command; what hangs or prints without an end is cut off.
COMMAND = "timeout -k 5 30 %s as-asked 2>/dev/null | head -c 100000" % guard_program.PROGRAM
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


OPTIONS = {
    "full": {"type": "bool", "default": False},
    "results": {"type": "list", "elements": "dict"},
}


def _ended(words: dict[str, Any]) -> dict[str, Any]:
    """What the host is to remember of a run that has ended, by the ``results`` of its modules."""
    if words["results"] is None:
        return {}
    notes = [note for one in words["results"] for note in one.get("notes", ())]
    # guard returns gateways too, without their files.
    gateways = [each for one in words["results"] for each in one.get("gateways", ())]
    return {
        "notes": sorted(set(notes)),
        "hermes": [
            {key: one[key] for key in ("name", "sources", "files")}
            for one in gateways
            if "files" in one
        ],
    }


class ActionModule(ActionBase):
    """Validates the variables of all roles, and asks the host whether all is as they say.

    It warns of variables that only look like those of a role.
    """

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(OPTIONS)

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result: ``same``, and ``why`` not."""
        result = super().run(tmp, task_vars)
        _checked, words = self.validate_argument_spec(OPTIONS)
        variables = task_vars or {}
        asked, unread = self._asked(variables)
        errors = ArgumentSpecValidator(SPECS).validate(asked).error_messages
        if errors:
            text = "Validation of arguments failed:\n%s" % "\n".join(errors)
            return dict(result, failed=True, msg=text)
        ended = _ended(words)
        unknown = [] if ended else _variables.unknown(variables)
        why = unread or self._not_asked(variables, words)
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

    def _asked(self, variables: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        """The variables of all roles, and why they are not all of them."""
        asked, unread = {}, None
        for name in SPECS:
            try:
                asked[name] = self._templar.template(variables.get(name, DEFAULTS.get(name)))
            except AnsibleError as exc:
                # It may be that of a role which does not run. One that runs says it.
                unread = "%s cannot be read: %s" % (name, exc)
        return asked, unread

    def _not_asked(self, variables: dict[str, Any], words: dict[str, Any]) -> str | None:
        """Why the host is not asked, if it is not."""
        tags = list(variables.get("ansible_run_tags") or ())
        if tags != ["all"] or variables.get("ansible_skip_tags"):
            return "only a part of the play is asked for, by tags"
        if words["full"]:
            return "a full run is asked for"
        results = words["results"]
        if results is None:
            return None
        if self._task.check_mode:
            return "nothing was changed in check mode"
        if not all(one.get("complete", True) for one in results):
            return "not all could be done"
        if any(one.get("notes") for one in results) and any(one.get("changed") for one in results):
            # What this run warned of may have come to an end with it.
            return "this run has changed something, and warned"
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
                return {
                    "same": True,
                    "warnings": [_answers.text(one, 1000) for one in answer["notes"][:50]],
                }
            return {"same": False, "why": _answers.text(answer["why"])}
        except (ValueError, TypeError, LookupError):
            return {"same": False, "why": NOBODY}
