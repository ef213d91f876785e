# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validates the answer of a user's Python about its config.yaml before any of it is used.

Data to undo a change is stored in a file of root. So its size is limited, and it must match the
request and the old text.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

# Characters of a config.yaml: the helper's limit plus the text that it adds.
MAX_TEXT = (1 << 20) + (1 << 16)
# Characters of a file's old texts, all keys together: most are a number or a few lines.
MAX_RAW = 10000
# Characters of a value, as JSON, that is compared and shown.
MAX_VALUE = 10000
DIGEST = frozenset("0123456789abcdef")


class BadAnswer(Exception):
    """The answer is invalid; the text says why and quotes none of it."""


class Edit(NamedTuple):
    """The result of an edit of a file: see yaml_edit.edit and helper.edit_home."""

    before: str
    after: str
    undo: dict[str, dict[str, Any]]
    existed: bool
    digest: str


def edit(answer: dict[str, Any], changes: list[dict[str, Any]]) -> Edit:
    """The ``answer`` to a request to make ``changes``. Raises BadAnswer if it is invalid."""
    before, after = _text(answer, "before"), _text(answer, "after")
    existed, digest = answer.get("existed"), answer.get("digest")
    if not isinstance(existed, bool):
        raise BadAnswer("existed is not true or false")
    if not isinstance(digest, str) or len(digest) != 64 or not DIGEST.issuperset(digest):
        raise BadAnswer("digest is not a SHA-256 digest")
    given = answer.get("undo")
    if not isinstance(given, dict):
        raise BadAnswer("undo is not a dictionary")
    undo = {
        change["key"]: _undo(given[change["key"]], change, before)
        for change in changes
        if change["key"] in given
    }
    if len(undo) != len(given) or bool(undo) != (before != after):
        raise BadAnswer("undo does not match the request")
    length = sum(len(how.get("raw", "")) for how in undo.values())
    if length > MAX_RAW:
        raise BadAnswer(
            "the old text of %s has %d characters, more than the %d that can be stored"
            % (", ".join(sorted(undo)), length, MAX_RAW)
        )
    return Edit(before, after, undo, existed, digest)


def _text(answer: dict[str, Any], name: str) -> str:
    found = answer.get(name)
    if not isinstance(found, str) or len(found) > MAX_TEXT:
        raise BadAnswer("%s is not a text of at most %d characters" % (name, MAX_TEXT))
    return found


def _undo(given: object, change: dict[str, Any], before: str) -> dict[str, Any]:
    """The data to undo one ``change``, taken from ``given`` only as far as a file can cause it."""
    if not isinstance(given, dict):
        raise BadAnswer("undo of %s is not a dictionary" % change["key"])
    made: dict[str, Any] = {"before": _state(given.get("before"), change["key"])}
    if "value" not in change:
        made["after"] = _state(given.get("after"), change["key"])
        return made
    made["after"] = {"present": True, "value": change["value"]}
    how = how_to_undo(given, change["key"])
    if how is None or len(how) != 1 or how.get("raw", "") not in before:
        raise BadAnswer("undo of %s does not match the file" % change["key"])
    return dict(made, **how)


def how_to_undo(kept: dict[str, Any], key: str) -> dict[str, Any] | None:
    """``raw`` and ``depth`` in ``kept``, the data to undo a change of ``key``.

    Returns None if yaml_edit cannot have returned one of them.
    """
    how: dict[str, Any] = {name: kept[name] for name in ("raw", "depth") if name in kept}
    raw, depth = how.get("raw", ""), how.get("depth", 0)
    if not isinstance(raw, str) or len(raw) > MAX_TEXT:
        return None
    if (
        isinstance(depth, bool)
        or not isinstance(depth, int)
        or not 0 <= depth <= key.count(".") + 1
    ):
        return None
    return how


def _state(given: object, key: str) -> dict[str, Any]:
    """A state as yaml_edit.get returns it; a long value is replaced by a note."""
    if not isinstance(given, dict) or not isinstance(given.get("present"), bool):
        raise BadAnswer("the state of %s is invalid" % key)
    if not given["present"]:
        return {"present": False}
    return {"present": True, "value": shown(given.get("value"))}


def shown(value: object) -> Any:
    """``value``, or a note in its place if it is too long to show or not finite."""
    try:
        length = len(json.dumps(value, allow_nan=False))
    except (ValueError, RecursionError):
        return "(not shown: not a JSON value)"
    return value if length <= MAX_VALUE else "(not shown: %d characters)" % length
