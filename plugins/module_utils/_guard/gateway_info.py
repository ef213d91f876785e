# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module gateway_info returns: the gateways, and what the guard knows of each."""

from __future__ import annotations

import os
import time
from typing import Any

from .._hermes import client, discovery, state_file, workers
from .._hermes.patience import Patience
from .._host import cgroup, choice, proc, tree
from .._host.errors import GuardError, HermesError, RunError, SystemdError, host_faults
from . import config, down, status

try:
    import psutil
except ImportError:
    psutil = None  # type: ignore[assignment] # the rest works without psutil

_MEMORY = (
    "rss_bytes",
    "pss_bytes",
    "uss_bytes",
    "swap_bytes",
    "tree_rss_bytes",
    "cgroup_bytes",
    "cgroup_peak_bytes",
    "cgroup_max_bytes",
    "limit_bytes",
    "high_events",
)
# The properties that name the files of a unit.
_UNIT_FILES = ("FragmentPath", "DropInPaths")


def collect(names: list[str]) -> dict[str, Any]:
    """``gateways``, sorted by name, ``host`` and ``guard_problem``.

    Only the gateways of ``names``, if it is not empty; SettingError for an unknown name. A managed
    gateway is included even if its unit no longer exists.
    """
    survey = discovery.survey()
    found: list[discovery.Gateway | config.Settings] = [*survey.gateways, *survey.containers]
    configured, known, problem = _guard()
    # A gateway that was started manually may have the name of a unit that no longer exists.
    seen = {(one.name, one.scope) for one in found}
    missing = [one for one in configured if (one.name, one.scope) not in seen]
    # A unit that now starts something else is still a managed one.
    now = discovery.refresh(missing)
    found += [_with_reason(now.get(one.name, one), survey.unresolved) for one in missing]
    seen.update((one.name, one.scope) for one in missing)
    found += [one for one in survey.unresolved if (one.name, one.scope) not in seen]
    managed = {
        (one.name, one.scope): down.added_to(known[one.name], _gateway(one, found), one)
        for one in configured
    }
    patience = Patience()
    excluded = config.excluded()
    return {
        "gateways": [
            dict(
                _describe(one, managed.get((one.name, one.scope)), problem is None, patience),
                excluded=one.name in excluded,
            )
            for one in choice.select("gateways", names, found, discovery.NOT_HERE)
        ],
        "host": proc.host_memory(),
        "guard_problem": problem,
    }


def _gateway(
    settings: config.Settings, found: list[discovery.Gateway | config.Settings]
) -> discovery.Gateway | None:
    """The managed gateway of ``settings``; None if its unit no longer exists."""
    for one in found:
        if isinstance(one, discovery.Gateway) and (one.name, one.scope) == (
            settings.name,
            settings.scope,
        ):
            return one
    return None


def _with_reason(
    one: discovery.Gateway | config.Settings, unresolved: list[discovery.Gateway]
) -> discovery.Gateway | config.Settings:
    """A managed gateway, with the reason if its unit is not recognised as a gateway's."""
    if isinstance(one, discovery.Gateway) and one.problem is None:
        reasons = [other.problem for other in unresolved if other.name == one.name]
        one.problem = reasons[0] if reasons else None
    return one


def _guard() -> tuple[list[config.Settings], dict[str, dict[str, Any]], str | None]:
    """The managed gateways, what the guard knows about each, and why this cannot be read.

    The gateways are found even if the guard's files are damaged or readable by root only.
    """
    try:
        return _read_guard()
    except GuardError as exc:
        return [], {}, str(exc)


@host_faults
def _read_guard() -> tuple[list[config.Settings], dict[str, dict[str, Any]], None]:
    configured = list(config.load().values())
    return configured, status.known(configured) if configured else {}, None


def _describe(
    one: discovery.Gateway | config.Settings,
    known: dict[str, Any] | None,
    certain: bool,
    patience: Patience,
) -> dict[str, Any]:
    """Everything that is returned about one gateway.

    ``known`` is what the guard knows about a managed gateway. If it is None, the gateway is not
    managed, or that is not ``certain``.
    """
    answer: dict[str, Any] = {
        "name": one.name,
        "unit": one.unit,
        "scope": one.scope,
        "user": one.user,
        "home": one.home,
        "profile": "",
        "profiles": [],
        "pid": None,
        "invocation_id": None,
        "uptime_seconds": None,
        "version": None,
        "provider": None,
        "model": None,
        "channels": [],
        "state": "gone",
        "active_state": None,
        "active_agents": None,
        "memory": dict.fromkeys(_MEMORY),
        "workers": [],
        "problem": None,
        "conflict": None,
        "container": None,
        "down": None,
        "outdated": None,
        "managed": known is not None if certain else None,
    }
    answer.update(dict.fromkeys(status.KNOWN))
    answer.update(known or {})
    if isinstance(one, discovery.Gateway):
        try:
            answer.update(_live(one, patience))
        except Exception as exc:  # pylint: disable=broad-exception-caught
            # Its files and processes belong to a user. They must not spoil the rest of the answer.
            answer["state"] = "unknown"
            answer["problem"] = "its state cannot be read: %s" % (exc or type(exc).__name__)
    return answer


def _live(gateway: discovery.Gateway, patience: Patience) -> dict[str, Any]:
    """What systemd, the process and Hermes report about a gateway whose unit or process exists."""
    # The home of a gateway in a container is not a path on this host.
    inside = gateway.scope == "container"
    runtime = state_file.unknown() if inside else state_file.runtime(gateway)
    answer = {
        "profile": gateway.profile,
        "profiles": state_file.served(gateway, runtime),
        "pid": gateway.pid,
        "invocation_id": gateway.invocation_id if gateway.pid else None,
        "uptime_seconds": None if gateway.uptime_seconds is None else int(gateway.uptime_seconds),
        # If the state file is not credible, systemd's state counts.
        "state": _state(gateway, runtime["state"]),
        "active_state": gateway.active_state,
        "active_agents": runtime["active_agents"],
        "problem": gateway.problem or runtime["problem"],
        "conflict": gateway.conflict,
        "container": gateway.container,
    }
    if gateway.pid:
        answer["memory"] = _memory(gateway.pid, gateway.control_group)
        answer["workers"] = [one._asdict() for one in workers.of(gateway)]
    if gateway.problem is None and gateway.python:
        try:
            with patience.with_user(gateway.user):
                hermes = client.probe(gateway)
        except HermesError as exc:
            answer["problem"] = "its Hermes cannot be queried: %s" % exc
        else:
            answer.update({name: hermes[name] for name in ("provider", "model", "channels")})
            answer["outdated"] = _is_outdated(gateway, hermes["changed"])
            if hermes["version"] is not None:
                answer["version"] = hermes["version"]
    if runtime["version"] is not None:
        # The version that runs; Hermes's Python reports the installed one.
        answer["version"] = runtime["version"]
    return answer


def _is_outdated(gateway: discovery.Gateway, changed: float | None) -> bool | None:
    """Whether a restart would run a different Hermes than the process does; None if unknown.

    ``changed`` is when its Hermes last changed on disk (epoch seconds, or None).
    """
    if gateway.uptime_seconds is None:
        return None
    began = time.time() - gateway.uptime_seconds
    if _has_other_python(gateway, began):
        return True
    return None if changed is None else changed > began


def _has_other_python(gateway: discovery.Gateway, began: float) -> bool:
    """Whether the unit was changed after the process ``began``, and now names another Python.

    An upgrade into a new environment does not change the one that the process runs. A launcher may
    always run another Python than the unit names, so the times of the unit's files decide.
    """
    if gateway.unit is None or gateway.unit_python in (None, gateway.python):
        return False
    try:
        blocks = discovery.manager_of(gateway).show([gateway.unit], _UNIT_FILES)
    except (SystemdError, RunError):
        return False
    paths = [
        path for block in blocks for name in _UNIT_FILES for path in block.get(name, "").split()
    ]
    return any(_changed(path) > began for path in paths)


def _changed(path: str) -> float:
    """When a file last changed (epoch seconds), 0 if unknown."""
    try:
        return os.lstat(path).st_ctime
    except OSError:
        return 0


def _state(gateway: discovery.Gateway, said: str | None) -> str:
    if gateway.unresolved:
        return "unknown"
    return (said or "running") if gateway.pid else "stopped"


def _memory(pid: int, control_group: str) -> dict[str, int | None]:
    """Bytes for each name of _MEMORY, None if unknown."""
    memory = dict.fromkeys(_MEMORY)
    memory.update(
        {name: value for name, value in cgroup.memory(control_group).items() if name in memory}
    )
    least = cgroup.limit(control_group)
    memory["limit_bytes"] = least.bytes if least else None
    used = tree.memory(pid, control_group)
    if used is not None:
        memory.update(
            rss_bytes=used.own["rss_bytes"],
            swap_bytes=used.own["swap_bytes"],
            tree_rss_bytes=used.rss_bytes,
        )
    memory.update({} if psutil is None else _by_psutil(pid))
    return memory


def _by_psutil(pid: int) -> dict[str, int]:
    memory = {}
    try:
        process = psutil.Process(pid)
        memory["rss_bytes"] = process.memory_info().rss
        # Needs the permission to trace the process, which root has.
        full = process.memory_full_info()
        memory.update(pss_bytes=full.pss, uss_bytes=full.uss, swap_bytes=full.swap)
    except (psutil.Error, OSError):
        # The process has ended, or this user may not read its memory.
        pass
    return memory
