# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which gateways of a host an upgrade of Hermes must restart, and which are not up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _answers

_GATEWAY = {
    "name": "text",
    "unit": "text",
    "user": "text",
    "scope": "text",
    "state": "text",
    "version": "text",
    "invocation_id": "text",
    "down": "text",
    "managed": "flag",
    "outdated": "flag",
    "pid": "number",
    "uptime_seconds": "number",
}
_UP = ("running", "degraded")
# Seconds that a new run must last: one that cannot start may need that long until it fails.
_STEADY = 30
# The ledger codes of a gateway that did not start, or crashed.
_FAULTS = ("down", "not-up")


def upgrade_plan(result: object, before: object = None) -> dict[str, Any]:
    """The result of gateway_info in the form that the playbook upgrade.yml needs.

    ``result`` is the current result of the module, and ``before`` its result before the upgrade.
    ``owners``: the users whose Hermes is upgraded; ``down``: why the upgrade must not begin;
    ``running``: the names of the running gateways; ``restart``: those that still run the old
    Hermes; ``missing``: why gateways that ran before are not up; ``line``: a summary in one line.
    """
    try:
        now = _gateways(result)
        then = {one["name"]: one for one in (_gateways(before) if before else now)}
    except _answers.NoAnswer as exc:
        nothing: dict[str, Any] = {"owners": [], "running": [], "restart": [], "missing": []}
        return dict(nothing, down=[str(exc)], line=str(exc))
    running = [one for one in now if one["pid"] is not None]
    return {
        "owners": sorted({one["user"] for one in now if one["user"]}),
        "down": ["%s: %s" % (one["name"], one["down"]) for one in now if one["fault"]],
        "running": [one["name"] for one in running],
        "restart": [one["name"] for one in running if _is_old(one, then.get(one["name"]))],
        "missing": [why for one in then.values() for why in _missing(one, now)],
        "line": "; ".join(_said(one, then.get(one["name"])) for one in now) or "no managed gateway",
    }


def _gateways(result: object) -> list[dict[str, Any]]:
    """The managed gateways whose unit exists."""
    found = []
    for value in _answers.part(result, "gateways", list)[: _answers.MOST_GATEWAYS]:
        one = _answers.typed(value, _GATEWAY)
        if one["managed"] and one["name"] and one["state"] != "gone":
            one["fault"] = bool(one["down"]) and _is_fault(value)
            found.append(one)
    return found


def _is_fault(value: dict[str, Any]) -> bool:
    """Whether a gateway is down because it failed to start or crashed, and was not stopped."""
    codes = [_answers.mapping(one).get("code") for one in _answers.sequence(value.get("alerts"))]
    last = _answers.mapping(value.get("last_restart")).get("event")
    return last == "failed" or any(code in _FAULTS for code in codes)


def _is_old(one: dict[str, Any], before: dict[str, Any] | None) -> bool:
    """Whether a gateway still runs the Hermes from before the upgrade; true if in doubt."""
    if one["outdated"] is None:
        return before is not None and one["invocation_id"] == before["invocation_id"]
    return bool(one["outdated"])


def _missing(before: dict[str, Any], now: list[dict[str, Any]]) -> list[str]:
    """Why a gateway that ran ``before`` is not up."""
    if before["pid"] is None:
        return []
    for one in now:
        if one["name"] == before["name"]:
            if one["pid"] is not None and one["state"] in _UP:
                return _is_too_young(one, before)
            return ["%s: %s" % (one["name"], one["down"] or "its state is %s" % one["state"])]
    return ["%s: its unit no longer exists" % before["name"]]


def _is_too_young(one: dict[str, Any], before: dict[str, Any]) -> list[str]:
    """Why a gateway that has started since the upgrade is not up yet: it may end again."""
    uptime = one["uptime_seconds"]
    if uptime is None or uptime >= _STEADY or one["invocation_id"] == before["invocation_id"]:
        return []
    return ["%s: it has been running for only %d s" % (one["name"], uptime)]


def _said(one: dict[str, Any], before: dict[str, Any] | None) -> str:
    version, old = one["version"] or "?", (before or one)["version"] or "?"
    change = version if version == old else "%s to %s" % (old, version)
    return "%s of %s: Hermes %s, %s" % (one["name"], one["user"], change, one["state"])


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, Callable]:
        """By name."""
        return {"upgrade_plan": upgrade_plan}
