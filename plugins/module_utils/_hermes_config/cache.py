# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Computes the memory budget of Hermes's cached chats, always below the watchdog's threshold.

Hermes's own eviction acts first, then the watchdog, then the kernel: see _hermes/agent_cache.py.
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
    """``wanted`` with the budget of cached chats in MB, for the ``installed`` that read the key.

    An empty option sets no key, nor does "auto" if no Hermes reads it: an earlier value is then
    reverted.
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


def _least(gateways: list[Gateway], thresholds: dict[str, int | None]) -> int:
    """The lowest budget of all gateways, because they share the managed file."""
    total = proc.host_memory()["total_bytes"]
    budgets = []
    # A gateway that a user started must not determine the budget of the managed gateways.
    for gateway in [one for one in gateways if thresholds.get(one.name)] or gateways:
        threshold = thresholds.get(gateway.name)
        most = total if threshold else min(_limit(gateway) or total, total)
        budgets.append(agent_cache.advised(threshold, most))
    return min(budgets)


def _limit(gateway: Gateway) -> int | None:
    """The lowest memory limit of the gateway in bytes; of its unit if the gateway is stopped.

    A gateway that is stopped briefly must not get a different budget.
    """
    if gateway.pid is not None or gateway.unit is None:
        limit = cgroup.limit(gateway.control_group)
        return limit.bytes if limit else None
    names = ("MemoryMax", "MemoryHigh")
    try:
        blocks = discovery.manager_of(gateway).show([gateway.unit], ("Id", *names))
    except GuardError:
        # One user's manager must not delay the budget of the others.
        return None
    words = [one.get(name, "") for one in blocks for name in names]
    # At most as many digits as a 64-bit number.
    sizes = [int(word) for word in words if word.isascii() and word.isdecimal() and len(word) < 20]
    return min((size for size in sizes if 0 < size < cgroup.NO_LIMIT), default=None)


def _thresholds(
    gateways: list[Gateway], params: dict[str, Any], check_mode: bool
) -> dict[str, int | None]:
    """The watchdog's thresholds in bytes by name, else those that the play will set.

    In check mode, guard.conf may not list all gateways yet, and has the thresholds of the last run.
    """
    asked = str(params.get(THRESHOLD) or "").strip()
    known = guard_program.thresholds()
    if not asked or (any(known.values()) and not check_mode):
        return known
    watched = {name for name, one in known.items() if one}
    last = _last(len(watched))
    # The others have their own threshold, or an operator's.
    others = {name: one for name, one in known.items() if one != last}
    names = {gateway.name for gateway in gateways}.difference(others)
    try:
        size = _size(guard_program.threshold(asked, len(watched | names)))
    except ValueError as exc:
        raise SettingError("%s: %s" % (THRESHOLD, exc)) from exc
    return {**dict.fromkeys(names, size), **others}


def _last(gateways: int) -> int | None:
    """The host's threshold in bytes before this play; None if the watchdog is not installed."""
    text = guard_program.host_threshold()
    try:
        return _size(guard_program.threshold(text, gateways)) if text else None
    except ValueError:
        return None


def _size(text: str) -> int:
    return quantity.size(text, proc.host_memory()["total_bytes"])
