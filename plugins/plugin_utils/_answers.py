# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host answered, as values that are safe to show, or why there is no answer.

A host may be in somebody else's hands: what it says is a number, a short printable text or nothing,
before anything else sees it.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import display

# The three ways in which there is nothing to show of a host.
NOT_MANAGED = "not managed"
SILENT = "could not be asked"
NONSENSE = "answered nonsense"

# Larger is no time, no memory and no slope of a computer.
_LARGEST = 1e15
# In epoch seconds: what is not below it has a year of five digits, which no clock shows.
_LAST_MOMENT = 253402300800


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


def text(value: object, most: int = 300) -> str:
    """``value`` as one line of printable text of at most ``most`` characters.

    A list of texts is joined; what is no text is empty.
    """
    if isinstance(value, (list, tuple)):
        value = "; ".join(
            text(one, most) for one in value[:20] if isinstance(one, (str, int, float))
        )
    if not isinstance(value, (str, int, float)):
        return ""
    line = " ".join(display.printable(str(value)[: 4 * most], instead=" ").split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def pair(value: object) -> list[float] | None:
    """``value`` as a list of two numbers, else None."""
    if not isinstance(value, (list, tuple)):
        return None
    found = [one for one in map(number, value[:2]) if one is not None]
    return found if len(found) == 2 else None


def part(result: object, key: str, kind: type) -> Any:
    """What the registered ``result`` of a module has under ``key``, a value of type ``kind``.

    NoAnswer if the host could not be asked, or if what it answered has not this form.
    """
    answer = result if isinstance(result, dict) else {}
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
    found = value.get(key) if isinstance(value, dict) else None
    if isinstance(found, kind):
        return found
    raise NoAnswer(NONSENSE, "there is no %s in its answer that can be read" % key)


def reason(result: dict[str, Any]) -> str:
    """Why the module or the command with this registered result failed; empty if it did not say."""
    why = text(result.get("msg") or result.get("module_stderr"))
    return why.replace("Task failed: ", "", 1)


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


def _moment(value: object) -> float | None:
    seconds = number(value)
    return seconds if seconds is not None and 0 <= seconds < _LAST_MOMENT else None


def _text(value: object) -> str | None:
    return text(value) if isinstance(value, str) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


_KINDS = {"number": number, "moment": _moment, "text": _text, "flag": _flag}
