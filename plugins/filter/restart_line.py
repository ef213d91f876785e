# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of the restarts on a host, as one line."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _answers

_GATEWAY = {"name": "text", "mode": "text", "skipped_because": "text", "downtime_seconds": "number"}
# Characters of a line, which has a part for each gateway.
_MOST = 2000


def restart_line(result: object, host: object) -> str:
    """The line of a host; ``result`` is its result of the module gateway_restart."""
    try:
        said = _said(result)
    except _answers.NoAnswer as exc:
        said = str(exc)
    return "%s: %s" % (_answers.text(host), said)


def _said(result: object) -> str:
    skipped = _answers.text(_answers.mapping(result).get("skipped_because"))
    if skipped:
        return skipped
    restarts = _answers.part(result, "restarts", list)
    words = [_gateway(one) for one in restarts[: _answers.MOST_GATEWAYS]]
    more = _answers.too_many(len(restarts))
    if more:
        words.append(str(more))
    return _answers.text("; ".join(words), _MOST) or "nothing to restart"


def _gateway(value: object) -> str:
    try:
        one = _answers.typed(value, _GATEWAY)
        if not one["name"]:
            raise _answers.NoAnswer(_answers.NONSENSE, "a gateway without a name")
    except _answers.NoAnswer as exc:
        return str(exc)
    if one["skipped_because"]:
        return "%s not restarted: %s" % (one["name"], one["skipped_because"])
    if one["downtime_seconds"] is None:
        return "%s would be restarted" % one["name"]
    return "%s restarted (%s), down for %.1f s" % (
        one["name"],
        one["mode"] or "?",
        one["downtime_seconds"],
    )


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, Callable]:
        """By name."""
        return {"restart_line": restart_line}
