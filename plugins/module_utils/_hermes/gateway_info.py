# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that gateway_info returns of the gateways of a host. Memory is read with psutil and from the cgroup."""

from __future__ import annotations

import traceback

from .._host import cgroup, choice
from .._host.errors import HermesError
from . import client, discovery, state_file

try:
    import psutil
except ImportError:
    psutil = None
    PSUTIL_ERROR = traceback.format_exc()
else:
    PSUTIL_ERROR = None

_MEMORY = (
    "rss_bytes",
    "pss_bytes",
    "uss_bytes",
    "swap_bytes",
    "tree_rss_bytes",
    "cgroup_bytes",
    "cgroup_peak_bytes",
    "cgroup_max_bytes",
)


def find(names=()):
    """The gateways of this host (list of Gateway, sorted by name), only those of ``names`` where there are any. SettingError for a name that is none's."""
    return choice.select("names", names, discovery.find_gateways(), "is no gateway on this host")


def collect(names=()):
    """``gateways`` (list of dict, sorted by name; only those of ``names`` where there are any) and ``host`` (dict of bytes)."""
    found = find(names)
    host = psutil.virtual_memory()
    return {
        "gateways": [_describe(gateway) for gateway in found],
        "host": {
            "total_bytes": host.total,
            "available_bytes": host.available,
            "swap_total_bytes": psutil.swap_memory().total,
        },
    }


def _describe(gateway):
    runtime = state_file.runtime(gateway)
    answer = {
        "name": gateway.name,
        "unit": gateway.unit,
        "scope": gateway.scope,
        "user": gateway.user,
        "home": gateway.home,
        "profile": gateway.profile,
        "pid": gateway.pid,
        "invocation_id": gateway.invocation_id if gateway.pid else None,
        "uptime_seconds": None if gateway.uptime_seconds is None else int(gateway.uptime_seconds),
        "version": None,
        "provider": None,
        "model": None,
        "channels": [],
        # The process runs, so a state file that cannot be believed leaves systemd's word.
        "state": (runtime["state"] or "running") if gateway.pid else "stopped",
        "active_state": gateway.active_state,
        "active_agents": runtime["active_agents"],
        "memory": _memory(gateway) if gateway.pid else dict.fromkeys(_MEMORY),
        "problem": gateway.problem,
    }
    if gateway.problem is None and gateway.python:
        try:
            hermes = client.probe(gateway)
        except HermesError as exc:
            answer["problem"] = "its Hermes cannot be asked: %s" % exc
        else:
            answer.update(
                {name: hermes[name] for name in ("version", "provider", "model", "channels")}
            )
    return answer


def _memory(gateway):
    """Bytes by name, None where unknown: psutil's rss, pss, uss and swap of the process, rss of it and all it started, its cgroup."""
    memory = dict.fromkeys(_MEMORY)
    memory.update(
        {
            name: value
            for name, value in cgroup.memory(gateway.control_group).items()
            if name in memory
        }
    )
    try:
        process = psutil.Process(gateway.pid)
        memory["rss_bytes"] = process.memory_info().rss
        memory["tree_rss_bytes"] = sum(
            _rss(pid) for pid in cgroup.processes(gateway.pid, gateway.control_group)
        )
        # Needs the right to trace the process, which comes with root.
        full = process.memory_full_info()
        memory.update(pss_bytes=full.pss, uss_bytes=full.uss, swap_bytes=full.swap)
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        pass
    return memory


def _rss(pid):
    try:
        return psutil.Process(pid).memory_info().rss
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return 0
