# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Made-up histories of a gateway's memory whose truth is known, from a seed.

Every one of them has what a real one has: an import and cache warm-up in the first hour of each
run, users who are awake by day, a daily cycle that follows them, noise that remembers (AR(1), an
hour or so), bursts that are given back, samples that are late or missing, and hours without any. A
leak grows with the traffic, so by day more than by night, and its rate is the mean of both.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

MB = 1 << 20
STEP = 5 / 60
START = 1_790_000_000


def series(kind: str, seed: int) -> tuple[list[dict[str, Any]], float]:
    """(rows as dicts by column, the true MB/h of the leak) of scenario ``kind``."""
    chance = random.Random("%s %d" % (kind, seed))
    return SCENARIOS[kind][0](chance)


def history(
    chance: random.Random,
    hours: float,
    rate: float = 0.0,
    *,
    lives: list[float] | None = None,
    cycle: float | None = None,
    bursts: float | None = None,
    extra: Callable[[float, float], float] | None = None,
    heavy: bool = False,
) -> tuple[list[dict[str, Any]], float]:
    """The rows of a gateway that leaks ``rate`` MB/h, and that rate.

    It is restarted after each of ``lives`` hours (default: one run). ``extra(age, clock)`` are MB
    on top, ``cycle`` the MB between night and day, ``bursts`` how many a day, ``heavy`` whether
    they are of hundreds of MB and last up to hours. Each scenario sets a few of them.
    """
    base = chance.uniform(100, 160)
    warm = chance.uniform(60, 140)
    speed = chance.uniform(0.1, 0.35)
    cycle = chance.uniform(5, 30) if cycle is None else cycle
    bursts = chance.uniform(2, 10) if bursts is None else bursts
    noise = chance.uniform(3, 12)
    memory = chance.uniform(0.3, 3.0)
    dawn = chance.uniform(0, 24)
    uneven = chance.uniform(0.0, 0.6)
    keep = math.exp(-STEP / memory)
    rows = []
    clock = 0.0
    number = 0
    silent_until = 0.0
    ends = lives or [hours]
    while clock < hours:
        end = min(hours, clock + ends[number % len(ends)])
        born = clock
        drift = chance.gauss(0, noise)
        leaked = 0.0
        burst_until, burst = 0.0, 0.0
        while clock < end:
            awake = 1 + math.sin(2 * math.pi * (clock - dawn) / 24)
            drift = keep * drift + math.sqrt(1 - keep * keep) * chance.gauss(0, noise)
            leaked += rate * STEP * (1 + uneven * (awake - 1))
            if chance.random() < bursts / 24 * STEP * awake:
                burst_until = clock + chance.expovariate(1 / (0.5 if heavy else 0.2))
                burst = chance.expovariate(1 / (250 if heavy else 80))
            age = clock - born
            value = (
                base
                + warm * (1 - math.exp(-age / speed))
                + cycle * awake / 2
                + drift
                + leaked
                + chance.gauss(0, 1)
            )
            value += burst if clock < burst_until else 0.0
            value += extra(age, clock) if extra else 0.0
            if chance.random() < STEP / 100:
                silent_until = clock + chance.expovariate(1 / 1.0)
            if chance.random() > 0.02 and clock >= silent_until:
                rows.append(
                    {
                        "timestamp": int(START + clock * 3600 + chance.uniform(0, 20)),
                        "invocation_id": "%032x" % (number + 1),
                        "pid": 1000 + number,
                        "rss_bytes": int(max(50, value) * MB),
                    }
                )
            clock += STEP
        number += 1
    return rows, rate


def _step(chance: random.Random) -> tuple[list[dict[str, Any]], float]:
    at, height = chance.uniform(2, 70), chance.choice([-1, 1]) * chance.uniform(50, 400)
    return history(chance, 72, extra=lambda age, clock: max(height, -60) if age > at else 0.0)


def _two_steps(chance: random.Random) -> tuple[list[dict[str, Any]], float]:
    first, second = sorted(chance.uniform(2, 70) for dummy in range(2))
    height = chance.uniform(40, 250)
    return history(chance, 72, extra=lambda age, clock: height * ((age > first) + (age > second)))


def _sawtooth(chance: random.Random) -> tuple[list[dict[str, Any]], float]:
    """Grows for a day or more and is then released without a restart, at least once."""
    period = chance.uniform(24, 60)
    hours = max(72, period * chance.uniform(1.6, 3))
    phase, height = chance.uniform(0, period), chance.uniform(40, 600)
    return history(
        chance, hours, extra=lambda age, clock: height * ((age + phase) % period) / period
    )


def _warm_up(chance: random.Random) -> tuple[list[dict[str, Any]], float]:
    """Fills its caches for hours: a plateau, after 1 to 8 times the warm-up that is left out."""
    speed, height = chance.uniform(0.5, 8), chance.uniform(60, 400)
    return history(
        chance,
        chance.choice([48, 72, 96]),
        extra=lambda age, clock: height * (1 - math.exp(-age / speed)),
    )


def _warm_up_restarts(chance: random.Random) -> tuple[list[dict[str, Any]], float]:
    speed, height = chance.uniform(0.3, 3), chance.uniform(60, 300)
    return history(
        chance, 168, lives=[12], extra=lambda age, clock: height * (1 - math.exp(-age / speed))
    )


def _slow_fill(chance: random.Random) -> tuple[list[dict[str, Any]], float]:
    """A cache that takes a day to fill, sampled for four days."""
    speed, height = chance.uniform(16, 26), chance.uniform(100, 300)
    return history(chance, 96, extra=lambda age, clock: height * (1 - math.exp(-age / speed)))


def _flat(
    hours: float, **more: Any
) -> Callable[[random.Random], tuple[list[dict[str, Any]], float]]:
    return lambda chance: history(chance, hours, **more)


def _cycle(
    hours: float, **more: Any
) -> Callable[[random.Random], tuple[list[dict[str, Any]], float]]:
    return lambda chance: history(chance, hours, cycle=chance.uniform(40, 150), **more)


def _bursts(
    hours: float, rate: float = 0.0
) -> Callable[[random.Random], tuple[list[dict[str, Any]], float]]:
    return lambda chance: history(chance, hours, rate, bursts=chance.uniform(8, 24), heavy=True)


def _leak(
    hours: float, rate: float, **more: Any
) -> Callable[[random.Random], tuple[list[dict[str, Any]], float]]:
    return lambda chance: history(chance, hours, rate, **more)


# name: (what makes it, what it is for the judge)
# To call a "harmless" one a leak is wrong, and so is not to call a "leak" one. The "other" ones are
# shown without a promise.
SCENARIOS = {
    "flat, 72 h": (_flat(72), "harmless"),
    "flat, 30 days": (_flat(720), "harmless"),
    "flat, 12 h restarts, 7 days": (_flat(168, lives=[12]), "harmless"),
    "flat, uneven restarts, 14 days": (_flat(336, lives=[3, 30, 9, 50, 15, 1]), "harmless"),
    "bursts given back, 72 h": (_bursts(72), "harmless"),
    "daily cycle, 30 h": (_cycle(30), "harmless"),
    "daily cycle, 72 h": (_cycle(72), "harmless"),
    "daily cycle, 12 h restarts, 7 days": (_cycle(168, lives=[12]), "harmless"),
    "warm-up, 48 to 96 h": (_warm_up, "harmless"),
    "warm-up, 12 h restarts, 7 days": (_warm_up_restarts, "harmless"),
    "one step, 72 h": (_step, "harmless"),
    "sawtooth of 24 to 60 h": (_sawtooth, "harmless"),
    "two steps, 72 h": (_two_steps, "other"),
    "cache that fills for days, 96 h": (_slow_fill, "other"),
    "leak of 18 MB/h, 12 h": (_leak(12, 18.0), "other"),
    # In three days a cache may add as much, so suspected is right. In ten days, leak is.
    "leak of 2 MB/h, 72 h": (_leak(72, 2.0), "other"),
    "leak of 2 MB/h, 10 days": (_leak(240, 2.0), "leak"),
    "leak of 5 MB/h, 7 days": (_leak(168, 5.0), "leak"),
    "leak of 18 MB/h with bursts, 72 h": (_bursts(72, 18.0), "leak"),
    "leak of 60 MB/h, 30 h": (_leak(30, 60.0), "leak"),
    "leak of 40 MB/h, 12 h restarts, 7 days": (_leak(168, 40.0, lives=[12]), "leak"),
}
