# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gateway says of itself in its home: gateway_state.json. Hostile input: read bounded, the owner checked, a word taken as a word."""

from __future__ import annotations

import os

from .._host import files, proc
from .._host.errors import FileError

MAX_AGENTS = 1000000
STATES = ("starting", "running", "degraded", "draining", "stopped", "startup_failed")


def runtime(gateway):
    """``state`` (one of STATES), ``active_agents`` (int) and ``platforms`` (dict name to state) of a Gateway; None where unknown.

    The file belongs to the process that wrote it: where its pid or start time is another's, it says nothing of this life.
    """
    unknown = {"state": None, "active_agents": None, "platforms": {}}
    if gateway.pid is None:
        return dict(unknown, state="stopped")
    try:
        content = files.read_json(
            os.path.join(gateway.home, "gateway_state.json"), owners={gateway.uid}
        )
    except FileError:
        return unknown
    if (
        content is None
        or content.get("pid") != gateway.pid
        or content.get("start_time") not in (None, proc.start_ticks(gateway.pid))
    ):
        return unknown
    agents = content.get("active_agents")
    platforms = content.get("platforms")
    return {
        "state": content.get("gateway_state") if content.get("gateway_state") in STATES else None,
        "active_agents": agents
        if isinstance(agents, int) and not isinstance(agents, bool) and 0 <= agents < MAX_AGENTS
        else None,
        "platforms": {
            str(name)[:40]: str(value.get("state"))[:40]
            for name, value in list(platforms.items())[:40]
            if isinstance(value, dict)
        }
        if isinstance(platforms, dict)
        else {},
    }
