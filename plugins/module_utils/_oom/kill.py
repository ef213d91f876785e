# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One OOM kill, to which each source adds details."""

from __future__ import annotations

from typing import Protocol, Sequence, TypeVar

from .._hermes.discovery import Gateway

# Seconds. All sources report one kill within this time.
SAME_KILL = 10
# Seconds. systemd reports the result of a unit when its last process has ended.
SAME_RUN = 180

# The newest kills of one gateway. A user can cause any number of kills of their own processes.
MAX_KILLS = 500

KERNEL = "kernel"
SYSTEMD = "systemd"
OOMD = "systemd-oomd"
COUNTER = "counter"


class Kill:
    """A process of ``gateway`` that was killed at ``time`` (epoch seconds).

    ``source`` reported it first. ``scope`` says what ran out of memory: global, cgroup or
    systemd-oomd. ``scope``, ``pid``, ``comm`` and ``rss_bytes`` are None if unknown. ``kinds`` are
    the kinds of systemd reports that were merged into this kill, ``invocation`` is their run;
    ``counted`` is true if the kill explains a rise of the cgroup's counter.
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
        """The fields that the module returns."""
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
    """``every`` in order of time, but only the last ``most`` of each gateway."""
    left: dict[str, int] = {}
    kept = []
    for one in reversed(every):
        left[one.name] = left.get(one.name, most) - 1
        if left[one.name] >= 0:
            kept.append(one)
    return kept[::-1]
