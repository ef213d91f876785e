# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much memory Hermes may fill with cached chats: below the watchdog's threshold, on any host.

Hermes's own eviction comes first, then the watchdog, then the kernel: see _hermes/agent_cache.py.
"""

from __future__ import annotations

from typing import Any

from .._hermes import agent_cache, discovery
from .._hermes.discovery import Gateway
from .._host import cgroup, display, guard_program, proc, quantity
from .._host.errors import GuardError, SettingError
from .installed import Installed
from .options import AUTO, CACHE, Asked

THRESHOLD = "watchdog_threshold"


def resolved(
    wanted: list[Asked], installed: list[Installed], params: dict[str, Any], check_mode: bool
) -> list[Asked]:
    """``wanted`` with the budget of cached chats in MB, for those of ``installed`` that read it.

    An empty option, and "auto" without such a one, ask for no key: what was set is taken back.
    """
    gateways = [one.gateway for one in installed if one.reads(agent_cache.KEY) is not False]
    return [
        _resolved(one, gateways, params, check_mode) if one.option == CACHE else one
        for one in wanted
    ]


def _resolved(
    one: Asked, gateways: list[Gateway], params: dict[str, Any], check_mode: bool
) -> Asked:
    value = one.value
    if str(params[CACHE]).strip() == AUTO and gateways:
        value = _least(gateways, _thresholds(gateways, params, check_mode)) // display.MB
    return one._replace(value=value, keys=one.keys if value else ())


def _least(gateways: list[Gateway], thresholds: dict[str, int]) -> int:
    """The least budget that any of the gateways should have: the managed file is that of all."""
    total = proc.host_memory()["total_bytes"]
    budgets = []
    # One that a user started is not to decide on the budget of those that the guard looks after.
    for gateway in [one for one in gateways if thresholds.get(one.name)] or gateways:
        threshold = thresholds.get(gateway.name)
        most = total if threshold else min(_limit(gateway) or total, total)
        budgets.append(agent_cache.advised(threshold, most))
    return min(budgets)


def _limit(gateway: Gateway) -> int | None:
    """The least memory limit of the gateway in bytes; of one that is stopped, that of its unit.

    It is stopped for a moment, and must not get another budget for that.
    """
    if gateway.pid is not None or gateway.unit is None:
        limit = cgroup.limit(gateway.control_group)
        return limit.bytes if limit else None
    names = ("MemoryMax", "MemoryHigh")
    try:
        blocks = discovery.manager_of(gateway).show([gateway.unit], ("Id", *names))
    except GuardError:
        # The manager of one user: the budget of the others does not wait for it.
        return None
    words = [one.get(name, "") for one in blocks for name in names]
    # As many digits as a 64-bit number has, at most.
    sizes = [int(word) for word in words if word.isascii() and word.isdecimal() and len(word) < 20]
    return min((size for size in sizes if 0 < size < cgroup.NO_LIMIT), default=None)


def _thresholds(
    gateways: list[Gateway], params: dict[str, Any], check_mode: bool
) -> dict[str, int]:
    """The watchdog's thresholds in bytes by name: the guard's, else what the play is about to set.

    In check mode the guard may not have been told of each gateway yet.
    """
    text = str(params.get(THRESHOLD) or "").strip()
    known = guard_program.thresholds()
    if not text or (known and not check_mode):
        return known
    try:
        size = quantity.size(text, proc.host_memory()["total_bytes"])
    except ValueError as exc:
        raise SettingError("%s: %s" % (THRESHOLD, exc)) from exc
    return {**{gateway.name: size for gateway in gateways}, **known}
