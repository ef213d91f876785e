# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The question of site.yml: is this host as the last run left it, and did that ask for the same?

The question is a JSON object on standard input. ``asked`` is what is asked for, by name: the
variables of the roles, and a digest of the collection. From a run that has ended well it also has
``notes``, its warnings, and ``sources``, the directory of each gateway's Hermes: then the host is
to remember what was asked and how it is now.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys

from .._host import files, guard_program, json_text
from .._host.errors import GuardError
from . import host_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_BYTES = 1 << 20


def main() -> int:
    """Answer the question on standard input; 1 if it is none."""
    text = sys.stdin.read(MAX_BYTES)
    try:
        question = json_text.loads(text)
        answer = _answer(question)
    except (GuardError, OSError, ValueError, LookupError, TypeError, AttributeError) as exc:
        answer = {"same": False, "why": "it cannot be told: %s" % exc}
    # That the question was read, and is not answered by something else.
    answer["to"] = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    """``same`` and the warnings of the last run as ``notes``, or ``why`` it is not."""
    asked = question["asked"]
    if "notes" in question:
        _remember(asked, question["notes"], question["sources"])
        return {"same": True, "notes": []}
    record = files.read_json(_path(), {0, os.geteuid()}, MAX_BYTES)
    if record is None:
        return {"same": False, "why": "no run has ended well yet"}
    why = _difference(record["asked"], _digests(asked, record["key"]))
    if why is None:
        why = _difference(
            record["facts"], host_state.facts(asked, record["notes"], record["sources"])
        )
    if why is not None:
        return {"same": False, "why": why}
    return {"same": True, "notes": record["notes"]}


def _remember(asked: dict[str, Any], notes: list[str], sources: dict[str, str]) -> None:
    # A digest with a key: a short password is not found by trying, as no other file has the key.
    key = os.urandom(32).hex()
    record = {
        "key": key,
        "asked": _digests(asked, key),
        "facts": host_state.facts(asked, notes, sources),
        "notes": notes,
        "sources": sources,
    }
    files.write_atomic(_path(), json.dumps(record, sort_keys=True), mode=0o600)


def _digests(asked: dict[str, Any], key: str) -> dict[str, str]:
    return {
        name: hashlib.blake2b(
            json.dumps(value, sort_keys=True).encode(), key=bytes.fromhex(key), digest_size=16
        ).hexdigest()
        for name, value in asked.items()
    }


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    """The first name whose value differs, as a sentence, or None."""
    for name in sorted({*before, *now}):
        if name not in before:
            return "%s is new" % name
        if name not in now:
            return "%s is gone" % name
        if before[name] != now[name]:
            return "%s has changed" % name
    return None


def _path() -> str:
    return os.path.join(guard_program.STATE, guard_program.AS_ASKED)
