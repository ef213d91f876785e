# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a fleet's gateways, from what ``hermes-guard status --json`` said on each host."""

from __future__ import annotations

import json
import textwrap

from ansible.errors import AnsibleFilterError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.display import (
    megabytes,
    span,
    utc,
)

HEADER = (
    "HOST",
    "GATEWAY",
    "SCOPE",
    "VERSION",
    "STATE",
    "RSS",
    "UPTIME",
    "THRESHOLD",
    "NEXT RESTART",
    "LAST RESTART",
    "WHY",
)


def status_table(answers):
    """The lines (list of str) of a table; ``answers`` is a dict from host name to the registered result of the command (dict)."""
    if not isinstance(answers, dict):
        raise AnsibleFilterError(
            "status_table takes a dict from host name to result, not %s" % type(answers).__name__
        )
    rows = []
    for host in sorted(answers):
        rows += _host(host, answers[host] or {})
    widths = [max(len(row[column]) for row in [HEADER] + rows) for column in range(len(HEADER) - 1)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths + [0])).rstrip()
        for row in [HEADER] + rows
    ]


def _host(host, result):
    if result.get("unreachable") or result.get("failed") or result.get("rc"):
        return [
            _word(
                host,
                "could not be asked: %s"
                % (result.get("stderr") or result.get("msg") or "unreachable"),
            )
        ]
    try:
        status = json.loads(result.get("stdout") or "")
    except ValueError:
        return [_word(host, "no Hermes gateway is guarded on this host")]
    return [_gateway(host, one) for one in status["gateways"]] or [
        _word(host, "no Hermes gateway is guarded on this host")
    ]


def _word(host, text):
    return (host,) + ("-",) * (len(HEADER) - 2) + (textwrap.shorten(text, 90),)


def _gateway(host, one):
    last = one.get("last_restart")
    return (
        host,
        one["name"],
        one["scope"],
        one["version"] or "?",
        one["state"],
        megabytes((one["sample"] or {}).get("rss_bytes")),
        span(one["uptime_seconds"]),
        megabytes(one["threshold_bytes"]),
        ("suspended until " + _when(one["suspended_until"]))
        if one.get("suspended_until")
        else _when(one["next_restart"]),
        _when(last and last["time"]),
        textwrap.shorten(("%s: %s" % (last["trigger"], last["reason"])) if last else "-", 90),
    )


def _when(epoch):
    return utc(epoch) if epoch else "never"


class FilterModule:
    """The filters of the collection."""

    def filters(self):
        """By name."""
        return {"status_table": status_table}
