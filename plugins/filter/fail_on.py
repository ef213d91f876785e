# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter fail_on: lists the gateways and hosts that make a playbook fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _answers, _fleet

# The groups of the report that each word selects. More urgent groups are included.
WORDS = {
    "act_now": ("now",),
    "act_soon": ("now", "soon"),
    "watch": ("now", "soon", "watch"),
    "no_answer": ("silent",),
}
# Sentences in the error: the table above it lists all gateways.
_MOST = 20


def fail_on(answers: Iterable[Any], words: object) -> list[str]:
    """A sentence on each gateway or host in one of the groups that ``words`` select.

    ``words`` is a comma-separated text or a list, and may be empty. ``answers`` are as for
    fleet_report, or pairs as for status_table.
    """
    groups = _groups(words)
    if not groups:
        return []
    answers = list(answers)
    if any(not isinstance(one, (list, tuple)) or len(one) not in (2, 3) for one in answers):
        raise AnsibleFilterError("fail_on: expected a list of lists with two or three items each")
    found = []
    for answer in answers:
        if len(answer) == 2:
            found += _of_status(_answers.text(answer[0]), answer[1])
    rows = _fleet.fleet([answer for answer in answers if len(answer) == 3])["rows"]
    found += [(row["group"], _line(row["host"], row["gateway"], _fleet.brief(row))) for row in rows]
    lines = [line for group, line in found if group in groups]
    more = len(lines) - _MOST
    return lines[:_MOST] + (["and %d more" % more] if more > 0 else [])


def _groups(words: object) -> set[str]:
    given = words.split(",") if isinstance(words, str) else list(_answers.sequence(words))
    if not isinstance(words, (str, list, tuple)):
        given = [words]
    names = [one.strip() if isinstance(one, str) else one for one in given]
    groups: set[str] = set()
    for name in names:
        if name == "" or name is None:
            continue
        if not isinstance(name, str) or name not in WORDS:
            raise AnsibleFilterError(
                "hermes_fail_on: invalid value %r: expected one or more of %s, separated by commas"
                % (name, ", ".join(WORDS))
            )
        groups.update(WORDS[name])
    return groups


def _of_status(host: str, result: object) -> list[tuple[str, str]]:
    """The group and a sentence for each gateway that gateway_info returns."""
    try:
        gateways = _answers.part(result, "gateways", list)
        problem = _answers.mapping(result).get("guard_problem")
        if problem:
            raise _answers.NoAnswer(_answers.SILENT, _answers.text(problem))
    except _answers.NoAnswer as exc:
        return [("silent", _line(host, "", str(exc)))]
    found = []
    for one in map(_answers.mapping, gateways[: _answers.MOST_GATEWAYS]):
        name = _answers.text(one.get("name"), 100) or "?"
        alerts = [_answers.mapping(alert) for alert in _answers.sequence(one.get("alerts"))]
        codes = [_answers.text(alert.get("code"), 30) for alert in alerts[:12]]
        why = [_answers.text(one.get("down"), 160), "alert: " + ", ".join(codes) if codes else ""]
        if one.get("managed") and any(why):
            found.append(("now", _line(host, name, "; ".join(filter(None, why)))))
    more = _answers.too_many(len(gateways))
    return found + ([("silent", _line(host, "", str(more)))] if more else [])


def _line(host: str, gateway: str, why: str) -> str:
    return "%s: %s" % (" ".join(filter(None, [host, gateway])), why)


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"fail_on": fail_on}
