# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fact hermes_gateway_result: the changes that the roles have made on a host so far."""

from __future__ import annotations

from typing import Any

from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _answers

NAME = "hermes_gateway_result"
_MOST = _answers.MOST_GATEWAYS


def so_far(variables: dict[str, Any]) -> dict[str, Any]:
    """The fact that the roles of this run have set, from the ``variables`` of a task.

    With a persistent cache, a fact may come from an earlier run. A registered result never does.
    """
    registered = (
        value
        for key, value in variables.items()
        if key.startswith("_hermes_") and key.endswith("_result")
    )
    for one in registered:
        if NAME in _answers.mapping(_answers.mapping(one).get("ansible_facts")):
            return _answers.mapping(_answers.mapping(variables.get("ansible_facts")).get(NAME))
    return {}


def merged(before: object, component: str, result: object, guard: object) -> dict[str, Any]:
    """The fact ``before``, extended by the results of ``component`` and of the guard.

    The host may have set the fact itself, so it is sanitised too.
    """
    fact, own, base = (_answers.mapping(one) for one in (before, result, guard))
    changed = set(_answers.texts(fact.get("changed"), _MOST))
    # A role that runs again without a change does not undo its earlier change.
    changed.update(
        name for name, one in ((component, own), ("guard", base)) if one.get("changed") is True
    )
    needed = set(_answers.texts(fact.get("restart_needed"), _MOST))
    needed.update(_answers.texts(own.get("restart_needed"), _MOST))
    elapse = {}
    for timers in (_answers.mapping(one.get("next_elapse")) for one in (fact, own)):
        for unit, moment in list(timers.items())[:_MOST]:
            elapse[_answers.text(unit, 300)] = _answers.moment(moment)
    names = [_name(one) for one in _answers.sequence(base.get("gateways"))[:_MOST]]
    of_session = _answers.sequence(own.get("gateways"))[:_MOST]
    needed.update(
        _name(one) for one in of_session if _answers.mapping(one).get("restart_required") is True
    )
    return {
        "changed": sorted(changed),
        "gateways": sorted({*names, *map(_name, of_session)} - {""})
        or _answers.texts(fact.get("gateways"), _MOST),
        "excluded": _answers.texts(base.get("excluded"), _MOST),
        "restart_needed": sorted(needed - {""}),
        "next_elapse": elapse,
    }


def _name(gateway: object) -> str:
    return _answers.text(_answers.mapping(gateway).get("name"), 300)
