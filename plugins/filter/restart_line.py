# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line for what became of the restarts on a host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def restart_line(result: dict[str, Any], host: str) -> str:
    """The line of a host; ``result`` is what the module gateway_restart returned there."""
    if not isinstance(result, dict):
        raise AnsibleFilterError(
            "restart_line takes the result of gateway_restart, not %s" % type(result).__name__
        )
    if result.get("skipped_because"):
        return "%s: %s" % (host, result["skipped_because"])
    return "%s: %s" % (
        host,
        "; ".join(_gateway(one) for one in result.get("restarts", [])) or "nothing to restart",
    )


def _gateway(one: dict[str, Any]) -> str:
    if one["skipped_because"]:
        return "%s left alone, %s" % (one["name"], one["skipped_because"])
    if one["downtime_seconds"] is None:
        return "%s would be restarted" % one["name"]
    return "%s restarted (%s), down for %.1f s" % (
        one["name"],
        one["mode"],
        one["downtime_seconds"],
    )


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, Callable]:
        """By name."""
        return {"restart_line": restart_line}
