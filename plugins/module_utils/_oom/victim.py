# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Assigns an OOM-killed process to a gateway.

The kernel and the OOM daemons report the killed process. It belongs to a gateway by its cgroup, or
by its user together with a pid in the history or the time at which the gateway's main process
ended. Its name does not count, because it is always hermes or python.
"""

from __future__ import annotations

from typing import NamedTuple

from .._hermes.discovery import Gateway
from .counter import Seen
from .exits import Exits
from .kill import KERNEL, SAME_KILL, Kill
from .unit_cgroup import in_a_service, in_unit, may_hold

# Seconds after a sample for which its pid still counts as the gateway's: the history has a sample
# every few minutes.
PID_SEEN = 3600
# Seconds. On a host without free memory, systemd may report the end of a process late. If the user
# of the process is unknown, the report must follow at once.
_ENDED_AT_ONCE = 2


class Victim:
    """A killed process; None is unknown. ``lent``: its cgroup comes from a line about others."""

    def __init__(self, time: float, pid: int, source: str = KERNEL) -> None:
        self.time = time
        self.pid = pid
        self.source = source
        self.comm: str | None = None
        self.memcg: str | None = None
        self.lent = False
        self.uid: int | None = None
        self.scope: str | None = None
        self.rss_bytes: int | None = None

    def killed(self, gateway: Gateway) -> Kill:
        """The victim as a kill of ``gateway``."""
        kill = Kill(gateway, self.time, self.source)
        kill.pid, kill.comm = self.pid, self.comm
        kill.rss_bytes, kill.scope = self.rss_bytes, self.scope
        return kill


class Known(NamedTuple):
    """Other observations about the gateways.

    ``pids`` are those in the history of each gateway, by its name; ``exits`` are the exits of main
    processes that systemd reported.
    """

    pids: dict[str, dict[int, Seen]]
    exits: Exits


def whose(victim: Victim, gateways: list[Gateway], known: Known) -> Gateway | None:
    """The gateway that ``victim`` belonged to, by its cgroup or its pid."""
    for gateway in gateways:
        if _is_of(victim, gateway, known.pids.get(gateway.name, {})):
            return gateway
    return None


def by_exit(victim: Victim, gateways: list[Gateway], exits: Exits) -> Gateway | None:
    """The gateway whose main process was ended by a signal at the time of ``victim``.

    The exit is removed from ``exits``, because it explains one kill.
    """
    patience = SAME_KILL if victim.uid is not None else _ENDED_AT_ONCE
    fits = [
        (abs(one.time - victim.time), place, one)
        for place, gateway in enumerate(gateways)
        if may_be_of(victim, gateway)
        for one in exits.near(gateway.name, victim.time, patience)
        if one.by_signal
    ]
    if not fits:
        return None
    _distance, place, one = min(fits)
    exits.take(gateways[place].name, one)
    return gateways[place]


def may_be_of(victim: Victim, gateway: Gateway) -> bool:
    """Whether ``victim`` may have been a process of ``gateway``."""
    if victim.uid not in (None, gateway.uid):
        return False
    if victim.memcg is None or victim.lent:
        return True
    if gateway.unit is None:
        return not in_a_service(victim.memcg)
    return in_unit(victim.memcg, gateway) or may_hold(victim.memcg, gateway)


def _is_of(victim: Victim, gateway: Gateway, seen: dict[int, Seen]) -> bool:
    if victim.memcg is not None and in_unit(victim.memcg, gateway):
        # A process that was killed together with others has their cgroup, but its own user.
        return not victim.lent or victim.uid in (None, gateway.uid)
    # In another unit or session, the pid was reused, even if it was the gateway's an hour ago.
    if not may_be_of(victim, gateway):
        return False
    if gateway.pid == victim.pid:
        return gateway.start_time is not None and victim.time >= gateway.start_time - 1
    known = seen.get(victim.pid)
    return known is not None and known.first <= victim.time <= known.last + PID_SEEN
