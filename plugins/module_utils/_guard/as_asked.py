# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The question of site.yml: is this host as the last run left it, and did that ask for the same?

The question is a JSON object on standard input. ``asked`` is what is asked for, by name: the
variables of the roles, and a digest of the collection. From a run that has ended well it also has
``notes``, its warnings, and ``hermes``, what the module hermes_config returned of each gateway:
then the host is to remember what was asked and how it is now.
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
# After so many days, more or less, the roles run in any case: what happened while the last of them
# ran, or what no look at the host shows, is mended by then.
_DAYS = 30


def main() -> int:
    """Answer the question on standard input, also if it is none."""
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
        _remember(asked, question["notes"], question["hermes"])
        return {"same": True, "notes": []}
    record = files.read_json(_path(), {0, os.geteuid()}, MAX_BYTES)
    if record is None:
        return {"same": False, "why": "no run has ended well yet"}
    if not 0 <= record["until"] - time.time() <= 2 * _DAYS * 86400:
        return {"same": False, "why": "the last full run is too long ago"}
    why = _difference(record["asked"], _digests(asked, record["key"]))
    if why is None:
        why = _difference(
            record["facts"], host_state.facts(asked, record["notes"], record["hermes"])
        )
    if why is not None:
        return {"same": False, "why": why}
    return {"same": True, "notes": record["notes"]}


def _remember(asked: dict[str, Any], notes: list[str], hermes: list[dict[str, Any]]) -> None:
    # With a key, the digest of a password is not in any table, and two hosts have different ones.
    key = os.urandom(32)
    # Not the same day on all hosts.
    days = _DAYS * (0.5 + key[0] / 256)
    record = {
        "key": key.hex(),
        "asked": _digests(asked, key.hex()),
        "facts": json.loads(json.dumps(host_state.facts(asked, notes, hermes))),
        "notes": notes,
        "hermes": hermes,
        "until": int(time.time() + days * 86400),
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
