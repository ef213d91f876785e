# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of one OOM kill, to which each source adds what it knows."""

from __future__ import annotations

from typing import Protocol, Sequence, TypeVar

from .._hermes.discovery import Gateway

# Seconds. The lines about one kill come together, from whichever source.
SAME_KILL = 10
# Seconds. systemd reports the result of a unit when its last process has ended.
SAME_RUN = 180

# Of one gateway, the newest. A user can have their own processes killed as often as they like.
MAX_KILLS = 500

KERNEL = "kernel"
SYSTEMD = "systemd"
OOMD = "systemd-oomd"
COUNTER = "counter"


class Kill:
    """A process of ``gateway`` that was killed at ``time`` (epoch seconds).

    ``source`` is the one that reported it first. ``scope`` is what had no memory left: global,
    cgroup or systemd-oomd. It, ``pid``, ``comm`` and ``rss_bytes`` are None if unknown. ``kinds``
    are the kinds of reports of systemd that were counted as this kill, ``invocation`` is the run
    that they are about; ``counted`` says whether it explained a rise of the cgroup's counter.
    """

    def __init__(self, gateway: Gateway, time: float, source: str) -> None:
        self.time = time
        self.name = gateway.name
        self.unit = gateway.unit
        self.source = source
        self.pid: int | None = None
        self.comm: str | None = None
        self.rss_bytes: int | None = None
        self.scope: str | None = None
        self.kinds: set[str] = set()
        self.invocation: str | None = None
        self.counted = False

    def answer(self) -> dict[str, object]:
        """What the module returns of it."""
        return {
            "time": self.time,
            "name": self.name,
            "unit": self.unit,
            "pid": self.pid,
            "comm": self.comm,
            "rss_bytes": self.rss_bytes,
            "scope": self.scope,
            "source": self.source,
        }


class _OfGateway(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=_OfGateway)


def newest(every: Sequence[T], most: int = MAX_KILLS) -> list[T]:
    """``every`` in its order, which is by time, but for each gateway only the last ``most``."""
    left: dict[str, int] = {}
    kept = []
    for one in reversed(every):
        left[one.name] = left.get(one.name, most) - 1
        if left[one.name] >= 0:
            kept.append(one)
    return kept[::-1]
