# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer of a host as values that are safe to show, or why it has no valid answer.

An attacker may control a host. Each value becomes a number, a short printable text or nothing
before other code uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import display

# The three reasons why nothing can be shown of a host.
NOT_MANAGED = "not managed"
SILENT = "no answer"
NONSENSE = "invalid answer"

# A user has at most 20 gateways, unless an operator names more. A host that reports more than this
# must not hide the others.
MOST_GATEWAYS = 200
# A larger value cannot be a time, a memory size or a slope of a computer.
_LARGEST = 1e15
# In epoch seconds: from here on, years have five digits.
_LAST_MOMENT = 253402300800
# Characters of a text: a sentence or two.
_LINE = 300
# A text of advice or a note gives its reason too.
ADVICE = 600
# Maximum depth and number of values of an answer that is passed on as a whole. The verdict on a
# gateway has fewer than a hundred values in three levels.
_DEPTH = 5
_VALUES = 300


class NoAnswer(Exception):
    """Nothing can be shown of a host: ``word`` is one of the three above, ``why`` explains it."""

    def __init__(self, word: str, why: str) -> None:
        super().__init__("%s: %s" % (word, why))
        self.word = word
        self.why = why


def not_managed() -> NoAnswer:
    """The guard answered, and has no gateway."""
    return NoAnswer(NOT_MANAGED, "hermes-guard manages no gateway on this host")


def number(value: object) -> float | None:
    """``value`` as a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # Infinity and NaN are not below it.
    return float(value) if abs(value) < _LARGEST else None


def moment(value: object) -> float | None:
    """``value`` as a time in epoch seconds in a year of at most four digits, else None."""
    seconds = number(value)
    return seconds if seconds is not None and 0 <= seconds < _LAST_MOMENT else None


def text(value: object, most: int = _LINE) -> str:
    """``value`` as one line of printable text of at most ``most`` characters.

    A list of texts is joined. Any other value that is not a finite number becomes empty.
    """
    if isinstance(value, (list, tuple)):
        # Nested lists are ignored.
        words = [text(one, most) for one in value[:20] if not isinstance(one, (list, tuple))]
        value = "; ".join(word for word in words if word)
    if isinstance(value, (int, float)) and number(value) is not None:
        value = str(value)
    if not isinstance(value, str):
        return ""
    line = " ".join(display.printable(value[: 4 * most], instead=" ").split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def texts(value: object, most: int = 10, longest: int = _LINE) -> list[str]:
    """The first ``most`` texts of the list ``value``, as of text(), without empty ones.

    A single text is a list of one.
    """
    found = [text(one, longest) for one in (sequence(value) or [value])[:most]]
    return [one for one in found if one]


def pair(value: object) -> list[float] | None:
    """``value`` as a list of two numbers, else None."""
    if not isinstance(value, (list, tuple)):
        return None
    found = [one for one in map(number, value[:2]) if one is not None]
    return found if len(found) == 2 else None


def mapping(value: object) -> dict[Any, Any]:
    """``value`` if it is a dictionary, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[Any]:
    """``value`` if it is a list, else an empty one."""
    return value if isinstance(value, (list, tuple)) else []


def passed_on(value: object) -> Any:
    """``value`` for a JSON file: plain values of bounded number and depth, texts as of text().

    Numbers that are not finite become None. Values beyond a bound become None or are left out.
    """
    return _passed_on(value, _DEPTH, [_VALUES])


def _passed_on(value: object, depth: int, left: list[int]) -> Any:
    """As passed_on; ``left`` holds the number of values that are still allowed."""
    left[0] -= 1
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (int, float)):
        known = number(value)
        return int(value) if known is not None and isinstance(value, int) else known
    made: Any = None
    if depth and isinstance(value, dict):
        made = {}
        for key, one in list(value.items())[:_VALUES]:
            if left[0] > 0:
                made[text(key, 100)] = _passed_on(one, depth - 1, left)
    elif depth and isinstance(value, (list, tuple)):
        made = []
        for one in value[:_VALUES]:
            if left[0] > 0:
                made.append(_passed_on(one, depth - 1, left))
    return made


def part(result: object, key: str, kind: type) -> Any:
    """The value of type ``kind`` under ``key`` in the registered ``result`` of a module.

    Raises NoAnswer if the host did not answer, or if its answer does not have this form.
    """
    answer = mapping(result)
    if isinstance(answer.get(key), kind) and not answer.get("unreachable"):
        return answer[key]
    why = reason(answer)
    # Ansible returns this for an answer that it cannot parse. If the exit code is not 0, the
    # program did not even start.
    if "module_stdout" in answer and answer.get("rc") == 0:
        raise NoAnswer(NONSENSE, why)
    if why or not answer or answer.get("unreachable") or answer.get("failed"):
        raise NoAnswer(SILENT, why or "no reason given")
    return entry(answer, key, kind)


def entry(value: object, key: str, kind: type) -> Any:
    """The value of type ``kind`` under ``key`` in the dictionary ``value``, else NoAnswer."""
    found = mapping(value).get(key)
    if isinstance(found, kind):
        return found
    raise NoAnswer(NONSENSE, "%s is missing or not valid" % key)


def reason(result: dict[str, Any]) -> str:
    """Why the module or command with this registered result failed; empty if it gave no reason."""
    why = text(result.get("msg") or result.get("module_stderr"))
    return why.replace("Task failed: ", "", 1)


def too_many(count: int) -> NoAnswer | None:
    """Why not all of the ``count`` gateways that a host reports are shown; None if they are."""
    if count <= MOST_GATEWAYS:
        return None
    return NoAnswer(
        NONSENSE, "it reports %d gateways; only the first %d are shown" % (count, MOST_GATEWAYS)
    )


def typed(value: object, kinds: dict[str, str]) -> dict[str, Any]:
    """``value`` as a dict with the entries of ``kinds``: "number", "moment", "text" or "flag".

    A number is finite, a moment is in a year of four digits, a text is bounded and printable. An
    entry may be missing, which is the same as None. Raises NoAnswer for any other ``value``.
    """
    if not isinstance(value, dict):
        raise NoAnswer(NONSENSE, "a part of the answer is not a dictionary")
    made: dict[str, Any] = {}
    for key, kind in kinds.items():
        one = value.get(key)
        made[key] = None if one is None else _KINDS[kind](one)
        if one is not None and made[key] is None:
            raise NoAnswer(NONSENSE, "%s is not a %s" % (key, kind))
    return made


def _text(value: object) -> str | None:
    return text(value) if isinstance(value, str) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


_KINDS = {"number": number, "moment": moment, "text": _text, "flag": _flag}
