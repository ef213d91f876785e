# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A threshold of the watchdog's that is above the limit of a host or of a gateway."""

from __future__ import annotations

from typing import Any

from .._guard import config, limits
from .._hermes import discovery
from .._host import cgroup, display, proc
from .._host.errors import SettingError
from . import memory_limit

THRESHOLD = "hermes_watchdog_threshold"


def check_threshold(options: dict[str, Any], gateways: list[discovery.Gateway]) -> None:
    """SettingError for a threshold of the watchdog's that is never reached on this host.

    A limit that a user has set on a unit of their own is that user's business: doctor reports it.
    """
    text = options.get(THRESHOLD)
    size = config.value_of("threshold", text, None) if text is not None else None
    if size is None:
        return
    container = cgroup.limit("/")
    most = [(proc.host_memory()["total_bytes"], "the RAM of this host")]
    most += [(container.bytes, "the limit of the container that this host is")] if container else []
    if not options.get(memory_limit.MAX):
        for gateway in gateways:
            limit = limits.cgroup_limit(gateway) if gateway.scope == "system" else None
            if limit is not None:
                most.append((limit.bytes - 1, "%s of %s" % (limit.source, gateway.name)))
    least, what = min((one for one in most if one[0] > 0), default=(size, ""))
    if size > least:
        raise SettingError(
            "%s: %s is %s on this host, and %s is %s: the watchdog would never act; allowed: less"
            " than that"
            % (THRESHOLD, text, display.megabytes(size), what, display.megabytes(least))
        )
