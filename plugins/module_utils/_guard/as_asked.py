# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers site.yml: is this host unchanged since the last run, and was that run the same?

The question is a JSON object on standard input. ``asked`` holds the variables of the roles and a
digest of the collection, by name. After a successful run it also holds ``notes`` (its warnings) and
``hermes`` (what the module hermes_config returned for each gateway). The host then stores what was
asked and its current state.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time

from .._host import files, guard_program, json_text
from .._host.errors import GuardError
from . import host_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_BYTES = 1 << 20
# After about this many days the roles run in any case. They then repair what changed during the
# last run, and what this comparison cannot see.
_DAYS = 30
# The last one is for what a user of the host nests too deeply.
_FAULTS = (GuardError, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def main() -> int:
    """Answer the question on standard input, even if it is not valid."""
    text = sys.stdin.read(MAX_BYTES)
    try:
        question = json_text.loads(text)
        answer = _answer(question)
    except _FAULTS as exc:
        answer = {"same": False, "why": "this host cannot be compared: %s" % exc}
    # Proof that this program has read the question.
    answer["to"] = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    """``same`` with the warnings of the last run as ``notes``, or ``why`` it is not the same."""
    asked = question["asked"]
    if "notes" in question:
        _remember(asked, question["notes"], question["hermes"])
        return {"same": True, "notes": []}
    record = files.read_json(_path(), {0, os.geteuid()}, MAX_BYTES)
    if record is None:
        return {"same": False, "why": "no run has succeeded yet"}
    if not 0 <= record["until"] - time.time() <= 2 * _DAYS * 86400:
        return {"same": False, "why": "the last full run was too long ago"}
    why = _difference(record["asked"], _digests(asked, record["key"]))
    if why is None:
        why = _difference(
            record["facts"], host_state.facts(asked, record["notes"], record["hermes"])
        )
    if why is not None:
        return {"same": False, "why": why}
    return {"same": True, "notes": record["notes"]}


def _remember(asked: dict[str, Any], notes: list[str], hermes: list[dict[str, Any]]) -> None:
    # The key makes the digest of a password different on each host, and useless for look-up tables.
    key = os.urandom(32)
    # Spread the full runs of a fleet over several days.
    days = _DAYS * (0.5 + key[0] / 256)
    record = {
        "key": key.hex(),
        "asked": _digests(asked, key.hex()),
        "facts": host_state.facts(asked, notes, hermes),
        "notes": notes,
        "hermes": hermes,
        "until": int(time.time() + days * 86400),
    }
    data = json.dumps(record, sort_keys=True)
    if len(data) > MAX_BYTES:
        # It could not be read again.
        raise GuardError("the state of this host is too large to store: %d bytes" % len(data))
    files.write_atomic(_path(), data, mode=0o600)


def _digests(asked: dict[str, Any], key: str) -> dict[str, str]:
    return {
        name: hashlib.blake2b(
            json.dumps(value, sort_keys=True).encode(), key=bytes.fromhex(key), digest_size=16
        ).hexdigest()
        for name, value in asked.items()
    }


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    """A sentence on the first name whose value differs, or None."""
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
