# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulates the memory of a gateway message by message, and the samples of it.

Messages are a Poisson process with two humps a day and a weekend. A few users write most of them.
Each user has a session in a cache that evicts the least recently used by count, by age and by
bytes. The allocator gives back what is freed at once, in hours, never, or most of it once a minute.
Tools take hundreds of MB for minutes. A leak takes some MB an hour, some for each message, or a
step each night. A run ends at a restart, or when a limit kills it.

Magnitudes are those of docs/hermes.md: 112 MB at the start, about 1 MB for a session of a few
turns, up to 7 MB for a long one, 128 sessions at most, kept for an hour. Sizes are in MB, times in
hours since the first sample's day began, unless a name says otherwise.
"""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MB = 1 << 20
# A Monday, 00:00 UTC.
MONDAY = 1_789_948_800
WEEK = 168.0
# After a kill or a restart the next process is up within a minute.
DOWN = 0.01
# The two peaks of a day, as (hour, width, height), above the quiet night.
HUMPS = ((10.5, 2.0, 1.0), (20.0, 2.3, 0.8))
NIGHT = 0.03


@dataclass
class Memory:
    """The memory of the process, and how it is released."""

    base: float = 112.0
    # Imports and connections of the first hour.
    warm: float = 60.0
    warm_hours: float = 0.2
    # A session takes this much, each of its turns a little more, until it is compressed.
    session: float = 0.9
    turn: float = 0.15
    longest_session: float = 5.0
    cache_count: int = 128
    cache_hours: float = 1.0
    cache_mb: float = math.inf
    # at once, hours, never or trim
    release: str = "hours"
    release_hours: float = 4.0
    # The share of freed memory that trimming cannot release.
    pinned: float = 0.25
    noise: float = 3.0
    file: float = 50.0
    # Anonymous memory above this goes to swap.
    swap_above: float = math.inf


@dataclass
class Traffic:
    """Who writes, and when."""

    users: int = 150
    a_day: float = 600.0
    # The exponent of Zipf's law: few heavy users, many light ones.
    skew: float = 1.0
    weekend: float = 0.4
    # The hour of the week when the history starts, in the users' time; and their time zone.
    starts: float = 0.0
    zone: float = 0.0
    bursts_a_day: float = 5.0
    burst_mb: float = 150.0
    burst_minutes: float = 4.0


@dataclass
class Leak:
    """What is never given back: ``hourly`` MB, ``each`` MB for a message, a ``stair`` of MB at
    ``stair_hour`` of each day, from ``begins`` to ``ends``. ``curve`` is by the age of a run."""

    hourly: float = 0.0
    each: float = 0.0
    stair: float = 0.0
    stair_hour: float = 3.0
    stair_days: int = 1
    begins: float = 0.0
    ends: float = math.inf
    curve: Callable[[float], float] | None = None


@dataclass
class Sampling:
    """The sampling interval of the guard, and the columns that it writes."""

    minutes: float = 5.0
    lost: float = 0.02
    # Mean hours between gaps, and how long they are.
    gaps_every: float = 100.0
    gap_hours: float = 1.0
    anon: bool = True
    # Of rows that have anonymous memory, the share without it.
    blank: float = 0.0
    # How many samples are far too low.
    wrong: int = 0
    # A version for each time from which it runs; the gateway is restarted then.
    versions: tuple[tuple[float, str], ...] = ()


@dataclass
class Restarts:
    """At ``clock`` hours of the day, else ``every`` hours, else after each of ``lives`` in turn.

    None is later than ``until``.
    """

    clock: tuple[float, ...] = ()
    every: float = math.inf
    lives: tuple[float, ...] = ()
    until: float = math.inf

    def next_after(self, born: float, number: int, starts: float) -> float:
        """When run ``number``, which began at ``born``, ends."""
        if self.clock:
            local = (born + starts) % 24
            end = born + min((hour - local - 1e-6) % 24 + 1e-6 for hour in self.clock)
        elif self.lives:
            end = born + self.lives[number % len(self.lives)]
        else:
            end = born + self.every
        return end if end <= self.until else math.inf


@dataclass
class Gateway:
    """All parameters of a history."""

    memory: Memory = field(default_factory=Memory)
    traffic: Traffic = field(default_factory=Traffic)
    leak: Leak = field(default_factory=Leak)
    sampling: Sampling = field(default_factory=Sampling)
    restarts: Restarts = field(default_factory=Restarts)
    # Killed when it takes more: anonymous memory, in MB.
    limit: float = math.inf


@dataclass
class History:
    """``rows`` as the guard writes them; ``kills`` is when a run was killed; ``leaked`` are the MB
    that leaked in the ``hours`` from the leak's begin to its end."""

    rows: list[dict[str, Any]]
    kills: list[float]
    leaked: float
    hours: float

    @property
    def rate(self) -> float:
        """The true MB/h."""
        return self.leaked / self.hours if self.hours else 0.0


def messages_an_hour(traffic: Traffic, clock: float) -> float:
    """How many messages an hour come at ``clock``, on average."""
    week = (clock + traffic.starts) % WEEK
    hour = week % 24
    shape = NIGHT + sum(
        height * math.exp(-0.5 * (((hour - at + 12) % 24 - 12) / width) ** 2)
        for at, width, height in HUMPS
    )
    # The shape's mean over a day, so that ``a_day`` is what it says.
    mean = NIGHT + sum(height * width * math.sqrt(2 * math.pi) / 24 for _at, width, height in HUMPS)
    return traffic.a_day / 24 * shape / mean * (traffic.weekend if week >= 120 else 1.0)


def poisson(chance: random.Random, mean: float) -> int:
    """A number with the Poisson distribution."""
    if mean > 30:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count


class _Process:
    """One run: its sessions, its heap, and what it leaked."""

    def __init__(self, gateway: Gateway, born: float) -> None:
        self.gateway = gateway
        self.memory = gateway.memory
        self.born = born
        # By user, (MB, hour of the last message), the least recently used first.
        self.sessions: dict[int, tuple[float, float]] = {}
        self.live = 0.0
        self.heap = 0.0
        self.peak = 0.0
        self.drift = 0.0
        self.leaked = 0.0

    def message(self, user: int, now: float, size: float) -> None:
        memory, leak = self.memory, self.gateway.leak
        held = self.sessions.pop(user, (0.0, 0.0))[0]
        new = min(memory.longest_session, max(held, memory.session) + size)
        self.sessions[user] = (new, now)
        self.live += new - held
        while len(self.sessions) > memory.cache_count or self.live > memory.cache_mb:
            self._evict()
        self.heap = max(self.heap, self.live)
        if leak.each and leak.begins <= now < leak.ends:
            self.leaked += leak.each

    def _evict(self) -> None:
        user = next(iter(self.sessions))
        self.live -= self.sessions.pop(user)[0]

    def pass_time(self, chance: random.Random, now: float, step: float) -> None:
        memory, leak = self.memory, self.gateway.leak
        while self.sessions:
            used = next(iter(self.sessions.values()))[1]
            if now - used < memory.cache_hours:
                break
            self._evict()
        if memory.release == "at once":
            self.heap = self.live
        elif memory.release == "hours":
            keep = math.exp(-step / memory.release_hours)
            self.heap = max(self.live, self.live + (self.heap - self.live) * keep)
        elif memory.release == "trim":
            # The pinned part grows with the maximum of the heap.
            self.peak = max(self.peak, self.live)
            self.heap = self.live + memory.pinned * (self.peak - self.live)
        keep = math.exp(-step / 1.0)
        self.drift = keep * self.drift + math.sqrt(1 - keep * keep) * chance.gauss(0, memory.noise)
        if leak.begins <= now < leak.ends:
            self.leaked += leak.hourly * step
            if leak.stair:
                day, before = (
                    (now + 24 - leak.stair_hour) // 24,
                    (now - step + 24 - leak.stair_hour) // 24,
                )
                if day != before and day % leak.stair_days == 0:
                    self.leaked += leak.stair

    def size(self, now: float) -> float:
        memory, age = self.memory, now - self.born
        curve = self.gateway.leak.curve
        return (
            memory.base
            + memory.warm * (1 - math.exp(-age / memory.warm_hours))
            + self.heap
            + self.drift
            + self.leaked
            + (curve(age) if curve else 0.0)
        )


def simulate(gateway: Gateway, hours: float, chance: random.Random) -> History:
    """``hours`` of ``gateway``."""
    traffic, memory, sampling = gateway.traffic, gateway.memory, gateway.sampling
    weights = list(
        itertools.accumulate((1 + rank) ** -traffic.skew for rank in range(traffic.users))
    )
    versions = list(sampling.versions)
    step = sampling.minutes / 60
    history = History([], [], 0.0, 0.0)
    number, clock = 0, 0.0
    process = _Process(gateway, clock)
    ends = gateway.restarts.next_after(clock, number, traffic.starts)
    silent_until, burst_until, burst = 0.0, 0.0, 0.0
    version = versions.pop(0)[1] if versions else None
    # A message's size: most are short, some have the output of a tool in them.
    spread = 0.8
    while clock < hours:
        rate = messages_an_hour(traffic, clock)
        leaked = process.leaked
        for _message in range(poisson(chance, rate * step)):
            user = bisect.bisect_left(weights, chance.random() * weights[-1])
            process.message(
                user, clock, memory.turn * chance.lognormvariate(-(spread**2) / 2, spread)
            )
        process.pass_time(chance, clock, step)
        if gateway.leak.begins <= clock < gateway.leak.ends:
            history.hours += step
        killed = False
        size = process.size(clock)
        if chance.random() < traffic.bursts_a_day * rate / traffic.a_day * step:
            burst = chance.expovariate(1 / traffic.burst_mb)
            burst_until = clock + chance.expovariate(60 / traffic.burst_minutes)
            killed = size + burst > gateway.limit
        history.leaked += process.leaked - leaked
        if killed or size > gateway.limit:
            history.kills.append(clock)
            killed = True
        elif burst_until > clock:
            size += burst
        if not killed and clock >= silent_until and chance.random() >= sampling.lost:
            row = _row(gateway, process, chance, clock, size)
            row["invocation_id"] = "%032x" % (number + 1)
            row["pid"] = 1000 + number
            if version:
                row["version"] = version
            history.rows.append(row)
        if chance.random() < step / sampling.gaps_every:
            silent_until = clock + chance.expovariate(1 / sampling.gap_hours)
        clock += step
        upgrade = bool(versions) and clock >= versions[0][0]
        if killed or clock >= ends or upgrade:
            if upgrade:
                version = versions.pop(0)[1]
            number += 1
            clock += DOWN
            process = _Process(gateway, clock)
            ends = gateway.restarts.next_after(clock, number, traffic.starts)
            burst_until = 0.0
    _spoil(history.rows, sampling, chance)
    return history


def _row(
    gateway: Gateway, process: _Process, chance: random.Random, clock: float, size: float
) -> dict[str, Any]:
    memory, sampling = gateway.memory, gateway.sampling
    anon = max(40.0, size + chance.gauss(0, 0.5))
    swap = max(0.0, anon - memory.swap_above)
    pages = memory.file if not swap else memory.file / 4
    moment = clock + chance.uniform(0, 20) / 3600
    row = {
        "timestamp": int(MONDAY + (gateway.traffic.starts - gateway.traffic.zone + moment) * 3600),
        "uptime_seconds": int((moment - process.born) * 3600),
        "rss_bytes": int((anon - swap + pages) * MB),
        "swap_bytes": int(swap * MB),
    }
    if sampling.anon and chance.random() >= sampling.blank:
        row["anon_bytes"] = int((anon - swap) * MB)
    return row


def _spoil(rows: list[dict[str, Any]], sampling: Sampling, chance: random.Random) -> None:
    """Samples that are far too low, as when a child was sampled instead."""
    for _number in range(min(sampling.wrong, len(rows))):
        row = chance.choice(rows)
        for name in ("rss_bytes", "anon_bytes", "swap_bytes"):
            if name in row:
                row[name] = int(row[name] * chance.uniform(0.02, 0.3))
