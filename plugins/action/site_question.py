# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks hermes-guard on the host whether site.yml has anything to do, without sending a module."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    guard_program,
    json_text,
)
from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _answers, _variables

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Everything that determines the files of a host and the work of the roles.
SOURCES = ("plugins", "roles", "playbooks/site.yml", "galaxy.yml", "MANIFEST.json")
# An older program does not have this command; a program that hangs or prints endlessly is cut off.
COMMAND = "timeout -k 5 30 %s as-asked 2>/dev/null | head -c 100000" % guard_program.PROGRAM
NO_ANSWER = "the host has no hermes-guard that can answer"


def _digest() -> str:
    """A digest of everything that this collection can install on a host."""
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


# Computed once, in the process that Ansible forks for each host.
DIGEST = _digest()
SPECS, DEFAULTS = _variables.SPECS, _variables.DEFAULTS


OPTIONS = {
    "full": {"type": "bool", "default": False},
    "results": {"type": "list", "elements": "dict"},
}


def _ended(words: dict[str, Any]) -> dict[str, Any]:
    """The state that the host stores after a run, from the ``results`` of its modules."""
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


def _plain(value: Any) -> Any:
    """``value`` without the tags of Ansible, which the validation would copy: that takes 2 ms.

    Before ansible-core 2.19, a vaulted text is an object, which the validation would refuse.
    """
    try:
        return json.loads(json.dumps(value, default=_decrypted))
    except TypeError:
        # A date, for example.
        return value


def _decrypted(value: Any) -> str:
    if getattr(value, "__ENCRYPTED__", False):
        return str(value)
    raise TypeError


class ActionModule(ActionBase):
    """Validates the variables of all roles, and asks the host whether they are applied.

    Also warns of misspelt role variables.
    """

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(OPTIONS)

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result: ``same``, and ``why`` if it is false."""
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
            if ended and answer.get("why", NO_ANSWER) != NO_ANSWER:
                answer["warnings"] = ["the next run repeats all tasks: %s" % answer["why"]]
        if unknown:
            answer["warnings"] = [*unknown, *answer.get("warnings", ())]
        return dict(result, changed=False, **answer)

    def _asked(self, variables: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        """The variables of all roles, and the reason if one cannot be evaluated."""
        asked, unread = {}, None
        for name in SPECS:
            try:
                value = self._templar.template(variables.get(name, DEFAULTS.get(name)))
                asked[name] = _plain(value)
            except AnsibleError as exc:
                # It may belong to a role that does not run. A role that runs reports the error.
                unread = "%s cannot be evaluated: %s" % (name, exc)
        return asked, unread

    def _not_asked(self, variables: dict[str, Any], words: dict[str, Any]) -> str | None:
        """The reason not to ask the host, or None."""
        tags = list(variables.get("ansible_run_tags") or ())
        if tags != ["all"] or variables.get("ansible_skip_tags"):
            return "tags select only a part of the play"
        if words["full"]:
            return "a full run is requested"
        results = words["results"]
        if results is None:
            return None
        if self._task.check_mode:
            return "nothing was changed in check mode"
        if not all(one.get("complete", True) for one in results):
            return "this run was incomplete"
        if any(one.get("notes") for one in results) and any(one.get("changed") for one in results):
            # The change may have removed the cause of the warning.
            return "this run changed something and issued a warning"
        return None

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            text = json.dumps(question, default=str)
            done = self._low_level_execute_command(COMMAND, in_data=text.encode())
        except AnsibleConnectionFailure:
            raise
        except (AnsibleError, TypeError) as exc:
            # A connection plugin that does not support standard input, or a date as a key.
            return {"same": False, "why": "the host cannot be asked: %s" % exc}
        try:
            answer = json_text.loads(done["stdout"])
            if answer["to"] != hashlib.sha256(text.encode()).hexdigest():
                raise ValueError("answer to another question")
            if answer["same"] is True:
                return {
                    "same": True,
                    "warnings": [_answers.text(one, 1000) for one in answer["notes"][:50]],
                }
            return {"same": False, "why": _answers.text(answer["why"])}
        except (ValueError, TypeError, LookupError):
            return {"same": False, "why": NO_ANSWER}
