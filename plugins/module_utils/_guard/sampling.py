# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One sample of one gateway: a row of memory.csv."""

from __future__ import annotations

import json
import math
import os
import time

from .._hermes import client, state_file
from .._host import cgroup, display, files, tree
from .._host.errors import FileError, HermesError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._hermes.discovery import Gateway
    from .managed import ManagedGateway

IDENTITY = "identity.json"
# A Hermes that could not answer is asked again after so long.
AGAIN_SECONDS = 3600


def take(gateway: ManagedGateway) -> dict[str, Any] | None:
    """The row of a running gateway, by column of history; None if its process has just ended.

    ``tree_rss_bytes`` and ``swap_bytes`` count the process and all that it started, which a look at
    the RSS of one process misses. A page that several of them share counts once.
    """
    if gateway.pid is None:
        return None
    used = tree.memory(gateway.pid, gateway.control_group)
    if used is None:
        return None
    unit = cgroup.memory(gateway.control_group)
    runtime = state_file.runtime(gateway)
    row = {
        "timestamp": int(time.time()),
        "invocation_id": gateway.invocation_id,
        "pid": gateway.pid,
        "uptime_seconds": None if gateway.uptime_seconds is None else int(gateway.uptime_seconds),
        "rss_bytes": used.own["rss_bytes"],
        "anon_bytes": used.own["anon_bytes"],
        "swap_bytes": used.swap_bytes,
        "tree_rss_bytes": used.rss_bytes,
        "cgroup_bytes": unit["cgroup_bytes"],
        "oom_kills": unit["oom_kills"],
        "active_agents": runtime["active_agents"],
    }
    row.update(identity(gateway))
    if runtime["version"] is not None:
        # That of what runs; Hermes's Python knows what is installed.
        row["version"] = runtime["version"]
    return row


def footprint(row: dict[str, Any]) -> int:
    """The bytes that count against a threshold: resident memory and swap of the whole tree."""
    return (row["tree_rss_bytes"] or row["rss_bytes"] or 0) + (row["swap_bytes"] or 0)


def identity(gateway: ManagedGateway) -> dict[str, str | None]:
    """``provider``, ``model`` and ``version``.

    Hermes is asked again only if a configuration or the process has changed.
    """
    key = [gateway.invocation_id, gateway.pid] + [
        _stamp(path)
        for path in (os.path.join(gateway.home, "config.yaml"), "/etc/hermes/config.yaml")
    ]
    path = os.path.join(gateway.settings.folder, IDENTITY)
    try:
        known = files.read_json(path) or {}
    except FileError:
        known = {}
    if known.get("key") != key or known.get("again", math.inf) <= time.time():
        known = dict({"key": key}, **_ask(gateway))
        try:
            os.makedirs(gateway.settings.folder, mode=0o755, exist_ok=True)
            files.write_atomic(path, json.dumps(known))
        except OSError:
            # Only a cache: a disk that is full must not keep the watchdog from deciding.
            pass
    return {name: known.get(name) for name in ("provider", "model", "version")}


def _ask(gateway: Gateway) -> dict[str, Any]:
    try:
        answer = client.probe(gateway) if gateway.python else {}
    except HermesError:
        # As at a busy start; not at each check, for to ask takes a second of CPU time.
        return {"again": time.time() + AGAIN_SECONDS}
    return {name: _word(answer.get(name)) for name in ("provider", "model", "version")}


def _word(value: object) -> str | None:
    """A user's word, fit for a line of CSV: printable, at most 100 characters."""
    return display.printable(value, 100) or None if isinstance(value, str) else None


def _stamp(path: str) -> list[int] | None:
    try:
        info = os.stat(path)
    except OSError:
        return None
    return [info.st_mtime_ns, info.st_size]
