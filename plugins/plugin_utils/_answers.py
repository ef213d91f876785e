# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host answered, as values that are safe to show, or why there is no answer.

A host may be in somebody else's hands: what it says is a number, a short printable text or nothing,
before anything else sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import display

# The three ways in which there is nothing to show of a host.
NOT_MANAGED = "not managed"
SILENT = "could not be asked"
NONSENSE = "answered nonsense"

# A user has at most 20 gateways, unless an operator names more. A host that claims more than this
# must not bury the others.
MOST_GATEWAYS = 200
# Larger is no time, no memory and no slope of a computer.
_LARGEST = 1e15
# In epoch seconds: what is not below it has a year of five digits, which no clock shows.
_LAST_MOMENT = 253402300800
# Characters of a text: a sentence or two.
_LINE = 300
# Of an answer that is passed on as a whole: how deep it is, and how many values it has. The verdict
# on a gateway has fewer than a hundred, three deep.
_DEPTH = 5
_VALUES = 300


class NoAnswer(Exception):
    """Nothing can be shown of a host: ``word`` is one of the three above, ``why`` the reason."""

    def __init__(self, word: str, why: str) -> None:
        super().__init__("%s: %s" % (word, why))
        self.word = word
        self.why = why


def number(value: object) -> float | None:
    """``value`` as a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # Neither infinity nor what is no number is below it.
    return float(value) if abs(value) < _LARGEST else None


def moment(value: object) -> float | None:
    """``value`` as a time in epoch seconds in a year of at most four digits, else None."""
    seconds = number(value)
    return seconds if seconds is not None and 0 <= seconds < _LAST_MOMENT else None


def text(value: object, most: int = _LINE) -> str:
    """``value`` as one line of printable text of at most ``most`` characters.

    A list of texts is joined; what is neither a text nor a finite number is empty.
    """
    if isinstance(value, (list, tuple)):
        # A list in a list is no list of texts.
        words = [text(one, most) for one in value[:20] if not isinstance(one, (list, tuple))]
        value = "; ".join(word for word in words if word)
    if isinstance(value, (int, float)) and number(value) is not None:
        value = str(value)
    if not isinstance(value, str):
        return ""
    line = " ".join(display.printable(value[: 4 * most], instead=" ").split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def texts(value: object, most: int = 10) -> list[str]:
    """The texts of the list ``value``, ``most`` of them at most, without those that are empty.

    A single text is a list of one.
    """
    found = [text(one) for one in (sequence(value) or [value])[:most]]
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

    A number that is not finite, and what is beyond a bound, is None or left out.
    """
    return _passed_on(value, _DEPTH, [_VALUES])


def _passed_on(value: object, depth: int, left: list[int]) -> Any:
    """As passed_on; ``left`` is how many more values there may be, in a list of one."""
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
    """What the registered ``result`` of a module has under ``key``, a value of type ``kind``.

    NoAnswer if the host could not be asked, or if what it answered has not this form.
    """
    answer = mapping(result)
    if isinstance(answer.get(key), kind) and not answer.get("unreachable"):
        return answer[key]
    why = reason(answer)
    # Ansible returns this instead of an answer that it cannot read. A program that did not even
    # start has said so by its exit code.
    if "module_stdout" in answer and answer.get("rc") == 0:
        raise NoAnswer(NONSENSE, why)
    if why or not answer or answer.get("unreachable") or answer.get("failed"):
        raise NoAnswer(SILENT, why or "no word from it")
    return entry(answer, key, kind)


def entry(value: object, key: str, kind: type) -> Any:
    """What the dictionary ``value`` has under ``key``, a value of type ``kind``; else NoAnswer."""
    found = mapping(value).get(key)
    if isinstance(found, kind):
        return found
    raise NoAnswer(NONSENSE, "there is no %s in its answer that can be read" % key)


def reason(result: dict[str, Any]) -> str:
    """Why the module or the command with this registered result failed; empty if it did not say."""
    why = text(result.get("msg") or result.get("module_stderr"))
    return why.replace("Task failed: ", "", 1)


def too_many(count: int) -> NoAnswer | None:
    """Why not all gateways of a host that claims ``count`` of them are shown; None if all are."""
    if count <= MOST_GATEWAYS:
        return None
    return NoAnswer(
        NONSENSE, "it claims %d gateways; the first %d are shown" % (count, MOST_GATEWAYS)
    )


def typed(value: object, kinds: dict[str, str]) -> dict[str, Any]:
    """``value`` as a dict with the entries of ``kinds``: "number", "moment", "text" or "flag".

    A number is finite, a moment lies in a year of four digits, a text is bounded and printable. An
    entry may be None, or missing, which is the same. NoAnswer if ``value`` is nothing of that kind.
    """
    if not isinstance(value, dict):
        raise NoAnswer(NONSENSE, "a part of its answer is not a dictionary")
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
