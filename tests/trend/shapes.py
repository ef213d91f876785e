# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes on which the verdict is measured, each with the right answer and the reason.

The answers were written before the first verdict. There are three:

- ``clean``: nothing leaks, so ``leak`` is wrong. No other verdict causes an unnecessary fix, but
  ``suspected`` costs the operator some days without a timer (`confirm.yml`).
- ``leak``: memory leaks and the history contains the proof, so ``leak`` is right.
- ``hidden``: memory leaks, but the history cannot contain the proof, because a filling cache or the
  time of day would look the same. ``suspected`` is as right as ``leak``.

The verdicts flat, saturating, step, spiky and sawtooth on a leak are wrong and confident. They are
the worst errors, because protection may be removed.

Every shape draws its gateway from ``any_gateway``: the number of users and messages, the traffic at
weekends, the start of the week, the allocator, the size of sessions and bursts, and the sampling
interval. Leaks of less than 2 MB/h are not drawn: below 1 MB/h they do not count, and between the
two values either answer is right.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import NamedTuple

from gateway import Gateway, History, Leak, Memory, Restarts, Sampling, Traffic, simulate

CLEAN, LEAK, HIDDEN = "clean", "leak", "hidden"
RELEASES = ("at once", "hours", "never", "trim")


class Shape(NamedTuple):
    """How to draw a gateway and the hours to look at it; the right ``answer`` and why."""

    draw: Callable[[random.Random], tuple[Gateway, float]]
    answer: str
    why: str


def history(name: str, seed: int) -> tuple[History, Gateway]:
    """What the guard has seen of shape ``name`` with ``seed``, and the gateway itself."""
    chance = random.Random("%s %d" % (name, seed))
    gateway, hours = SHAPES[name].draw(chance)
    return simulate(gateway, hours, chance), gateway


def log_uniform(chance: random.Random, low: float, high: float) -> float:
    """Between ``low`` and ``high``, each doubling as likely as the next."""
    return math.exp(chance.uniform(math.log(low), math.log(high)))


def any_gateway(chance: random.Random, minutes: tuple[float, ...] = (5, 5, 5, 10, 15)) -> Gateway:
    """A gateway without a leak and without restarts."""
    by_bytes = chance.random() < 0.3
    memory = Memory(
        base=chance.uniform(100, 150),
        warm=chance.uniform(40, 120),
        warm_hours=chance.uniform(0.1, 0.3),
        turn=log_uniform(chance, 0.05, 0.4),
        longest_session=chance.uniform(2, 7),
        cache_mb=chance.uniform(60, 250) if by_bytes else math.inf,
        cache_hours=chance.choice([1.0, 1.0, 24.0]),
        release=chance.choice(RELEASES),
        release_hours=chance.uniform(1, 6),
        noise=chance.uniform(1, 5),
        file=chance.uniform(30, 80),
        swap_above=chance.uniform(200, 400) if chance.random() < 0.2 else math.inf,
    )
    traffic = Traffic(
        users=round(log_uniform(chance, 20, 400)),
        a_day=log_uniform(chance, 150, 1500),
        skew=chance.uniform(0.7, 1.3),
        weekend=chance.choice([0.15, 0.4, 0.8, 1.2]),
        starts=chance.uniform(0, 168),
        zone=chance.choice([0, 1, 2, 8, -5, -8]),
        bursts_a_day=chance.uniform(1, 10),
        burst_mb=log_uniform(chance, 50, 250),
        burst_minutes=chance.uniform(1, 6),
    )
    return Gateway(memory, traffic, Leak(), Sampling(minutes=chance.choice(minutes)), Restarts())


def _clean(
    days: tuple[float, ...],
    restarts: Callable[[random.Random], Restarts] | None = None,
    change: Callable[[random.Random, Gateway, float], None] | None = None,
) -> Callable[[random.Random], tuple[Gateway, float]]:
    """A gateway that is seen for one of ``days``, with ``change`` made to it."""

    def draw(chance: random.Random) -> tuple[Gateway, float]:
        gateway, hours = any_gateway(chance), 24 * chance.choice(days)
        if restarts:
            gateway.restarts = restarts(chance)
        if change:
            change(chance, gateway, hours)
        return gateway, hours

    return draw


_leaking = _clean


# How it is restarted.
def _twice_a_day(chance: random.Random) -> Restarts:
    first = chance.randrange(12)
    return Restarts(clock=(first, first + 12))


def _four_times_a_day(chance: random.Random) -> Restarts:
    first = chance.randrange(6)
    return Restarts(clock=(first, first + 6, first + 12, first + 18))


def _once_a_day(chance: random.Random) -> Restarts:
    return Restarts(clock=(chance.randrange(24),))


def _uneven(chance: random.Random) -> Restarts:
    return Restarts(lives=tuple(log_uniform(chance, 2, 60) for _run in range(25)))


# What else is the matter with it.
def _weekend_first(chance: random.Random, gateway: Gateway, hours: float) -> None:
    gateway.traffic.starts = 120 + chance.uniform(-6, 12)
    gateway.traffic.weekend = 0.15


def _never_given_back(chance: random.Random, gateway: Gateway, hours: float) -> None:
    gateway.memory.release = "never"
    gateway.memory.cache_mb = math.inf


def _cache_that_fills(chance: random.Random, gateway: Gateway, hours: float) -> None:
    """Few messages of many users, kept for long: it takes 0.5 to 2 days until 128 are in."""
    gateway.memory.cache_hours = 1000.0
    gateway.memory.cache_mb = math.inf
    gateway.traffic.users = chance.randrange(200, 400)
    gateway.traffic.a_day = chance.uniform(150, 400)
    gateway.traffic.skew = chance.uniform(0.5, 0.8)


def _slowing(chance: random.Random, gateway: Gateway, hours: float) -> None:
    height, scale = chance.uniform(15, 60), chance.uniform(0.3, 2)
    gateway.leak.curve = lambda age: height * math.log(1 + age / scale)


def _heavy_bursts(chance: random.Random, gateway: Gateway, hours: float) -> None:
    gateway.traffic.bursts_a_day = chance.uniform(10, 30)
    gateway.traffic.burst_mb = chance.uniform(200, 400)
    gateway.traffic.burst_minutes = chance.uniform(5, 20)


def _one_step(chance: random.Random, gateway: Gateway, hours: float) -> None:
    at, height = chance.uniform(6, hours - 6), chance.uniform(60, 400)
    gateway.leak.curve = lambda age: height if age > at else 0.0


def _sawtooth(chance: random.Random, gateway: Gateway, hours: float) -> None:
    """It climbs for a day or two and is given back, at least twice before the end."""
    period, height = chance.uniform(20, 40), chance.uniform(60, 500)
    phase = chance.uniform(0, period)
    gateway.leak.curve = lambda age: height * ((age + phase) % period) / period


def _stopped_by_upgrade(chance: random.Random, gateway: Gateway, hours: float) -> None:
    at = hours / 2
    gateway.leak.hourly, gateway.leak.ends = log_uniform(chance, 2, 40), at
    gateway.sampling.versions = ((0.0, "0.20.0"), (at, "0.20.1"))


def _wrong_samples(chance: random.Random, gateway: Gateway, hours: float) -> None:
    gateway.sampling.wrong = chance.randrange(1, 5)


def _rate(
    low: float, high: float, traffic: bool = False
) -> Callable[[random.Random, Gateway, float], None]:
    """A leak of ``low`` to ``high`` MB/h, or as much in a week by messages."""

    def change(chance: random.Random, gateway: Gateway, hours: float) -> None:
        rate = log_uniform(chance, low, high)
        if traffic:
            # As much at a weekend as the traffic has: the mean is over the days of the history.
            gateway.leak.each = rate * 24 / gateway.traffic.a_day
            gateway.traffic.weekend = max(gateway.traffic.weekend, 0.4)
        else:
            gateway.leak.hourly = rate

    return change


def _late(chance: random.Random, gateway: Gateway, hours: float) -> None:
    """It begins 2 to 4 days before the end, fast enough for at least 200 MB."""
    seen = chance.uniform(48, 96)
    gateway.leak.begins = hours - seen
    gateway.leak.hourly = log_uniform(chance, max(2.0, 200 / seen), 30)


def _since_upgrade(chance: random.Random, gateway: Gateway, hours: float) -> None:
    at = hours - chance.uniform(72, 120)
    gateway.leak.hourly, gateway.leak.begins = log_uniform(chance, 3, 30), at
    gateway.sampling.versions = ((0.0, "0.20.1"), (at, "0.21.0"))


def _stairs(chance: random.Random, gateway: Gateway, hours: float) -> None:
    gateway.leak.stair, gateway.leak.stair_hour = chance.uniform(60, 200), chance.uniform(0, 6)


def _weekly_stairs(chance: random.Random, gateway: Gateway, hours: float) -> None:
    gateway.leak.stair, gateway.leak.stair_days = chance.uniform(150, 300), 7


def _dies(low: float, high: float) -> Callable[[random.Random, Gateway, float], None]:
    """Killed ``low`` to ``high`` hours after each start, by a leak."""

    def change(chance: random.Random, gateway: Gateway, hours: float) -> None:
        gateway.limit = chance.choice([1024.0, 2048.0, 4096.0])
        life = chance.uniform(low, high)
        gateway.leak.hourly = (gateway.limit - 350) / life
        gateway.memory.cache_mb = 100.0
        gateway.traffic.burst_mb = 60.0
        gateway.memory.swap_above = math.inf

    return change


def _into_swap(chance: random.Random, gateway: Gateway, hours: float) -> None:
    """A foreign CSV: rss and swap, no anonymous memory; what is above some level is swapped."""
    gateway.leak.hourly = log_uniform(chance, 3, 20)
    gateway.memory.swap_above = chance.uniform(250, 350)
    gateway.sampling.anon = False


def _some_without_anon(chance: random.Random, gateway: Gateway, hours: float) -> None:
    gateway.leak.hourly = log_uniform(chance, 3, 20)
    gateway.memory.swap_above = chance.uniform(250, 350)
    gateway.sampling.blank = 0.002


def _both(
    *changes: Callable[[random.Random, Gateway, float], None],
) -> Callable[[random.Random, Gateway, float], None]:
    def change(chance: random.Random, gateway: Gateway, hours: float) -> None:
        for one in changes:
            one(chance, gateway, hours)

    return change


def _log(hours: tuple[float, ...]) -> Callable[[random.Random], tuple[Gateway, float]]:
    """Growth by the logarithm of the age, on a gateway with little else in its curve."""

    def draw(chance: random.Random) -> tuple[Gateway, float]:
        gateway = any_gateway(chance)
        gateway.traffic.a_day = 150.0
        gateway.memory.cache_mb = 30.0
        _slowing(chance, gateway, 0.0)
        return gateway, chance.choice(hours)

    return draw


SHAPES = {
    # ---- nothing leaks
    "clean, 25 to 40 h": Shape(
        _clean((25 / 24, 30 / 24, 40 / 24)),
        CLEAN,
        "One day and the next morning: what climbs is a cache in its first day.",
    ),
    "clean, 3 days": Shape(_clean((3,)), CLEAN, "Two peaks a day, released or kept."),
    "clean, 7 and 14 days": Shape(_clean((7, 14)), CLEAN, "The same with a weekend in it."),
    "clean, 30 days": Shape(_clean((30,)), CLEAN, "The same for a month."),
    "clean, weekend first, 3 and 4 days": Shape(
        _clean((3, 4), None, _weekend_first),
        CLEAN,
        "The first working day comes late in the run: it is busier than all before it.",
    ),
    "clean, never given back, 3 and 7 days": Shape(
        _clean((3, 7), None, _never_given_back),
        CLEAN,
        "The heap keeps its highest mark, and a new one is rarer from day to day.",
    ),
    "clean, a cache that fills for two days, 7 days": Shape(
        _clean((7,), None, _cache_that_fills),
        CLEAN,
        "It is full for most of the week: growth that ends is not a leak.",
    ),
    "clean, slowing growth, 25 to 72 h": Shape(
        _log((25, 30, 48, 72)),
        CLEAN,
        "A logarithm: each doubling of the age adds as much. It may end, and the next day shows "
        "half of it, so leak is not known.",
    ),
    "clean, heavy bursts, 3 days": Shape(
        _clean((3,), None, _heavy_bursts), CLEAN, "Bursts of tools are released."
    ),
    "clean, one step, 4 days": Shape(
        _clean((4,), None, _one_step), CLEAN, "It jumped once and stays: load, not growth."
    ),
    "clean, sawtooth, 5 days": Shape(
        _clean((5,), None, _sawtooth), CLEAN, "Memory is released without a restart."
    ),
    "clean, sawtooth, 14 and 28 days": Shape(
        _clean((14, 28), None, _sawtooth), CLEAN, "The same for weeks, with many falls."
    ),
    "clean, wrong samples, 4 days": Shape(
        _clean((4,), None, _wrong_samples), CLEAN, "A few samples are those of another process."
    ),
    "clean, twice a day at fixed hours, 7 and 14 days": Shape(
        _clean((7, 14), _twice_a_day),
        CLEAN,
        "Each run fills its cache at the same hours: age and time of day are one and the same.",
    ),
    "clean, four times a day at fixed hours, 7 days": Shape(
        _clean((7,), _four_times_a_day), CLEAN, "The same, and no run sees its cache full."
    ),
    "clean, every 2 to 5 h, 4 days": Shape(
        _clean((4,), lambda chance: Restarts(every=chance.uniform(2, 5))),
        CLEAN,
        "An operator's cron job: short runs that climb are a cache that fills, if no limit ends them.",
    ),
    "clean, once a day at a fixed hour, 7 and 14 days": Shape(
        _clean((7, 14), _once_a_day), CLEAN, "The same; each run sees each hour once."
    ),
    "clean, every 12 h, 30 days": Shape(
        _clean((30,), lambda chance: Restarts(every=12.0)),
        CLEAN,
        "More of the same proves nothing.",
    ),
    "clean, uneven restarts, 14 days": Shape(
        _clean((14,), _uneven), CLEAN, "Runs of 2 to 60 h that start at any hour."
    ),
    "clean since an upgrade, 14 days": Shape(
        _clean((14,), None, _stopped_by_upgrade),
        CLEAN,
        "It leaked until the upgrade a week ago: what runs now does not.",
    ),
    # ---- it leaks, and that can be known
    "leak of 2 to 5 MB/h, 7 days": Shape(
        _leaking((7,), None, _rate(2, 5)), LEAK, "336 MB and more in a week, day and night."
    ),
    "leak of 5 to 60 MB/h, 3 days": Shape(
        _leaking((3,), None, _rate(5, 60)), LEAK, "Each day exceeds the day before, also at night."
    ),
    "leak with traffic, 2 to 20 MB/h, 14 days": Shape(
        _leaking((14,), None, _rate(2, 20, traffic=True)),
        LEAK,
        "Only during the day, but each day of two weeks exceeds the day before.",
    ),
    "leak of 5 to 40 MB/h, never given back, 7 days": Shape(
        _leaking((7,), None, _both(_never_given_back, _rate(5, 40))),
        LEAK,
        "No heap of 128 sessions grows so much on the seventh day.",
    ),
    "leak of 5 to 40 MB/h, heavy bursts, 3 days": Shape(
        _leaking((3,), None, _both(_heavy_bursts, _rate(5, 40))),
        LEAK,
        "The baseline below the bursts grows.",
    ),
    "leak of 3 to 30 MB/h, wrong samples, 4 days": Shape(
        _leaking((4,), None, _both(_wrong_samples, _rate(3, 30))),
        LEAK,
        "A few low samples are not released memory.",
    ),
    "leak of 3 to 20 MB/h into swap, no anon column, 5 days": Shape(
        _leaking((5,), None, _into_swap), LEAK, "RSS stays level: swapped memory is not freed."
    ),
    "leak of 3 to 20 MB/h into swap, some rows without anon, 5 days": Shape(
        _leaking((5,), None, _some_without_anon), LEAK, "The same, and the other rows say so."
    ),
    "leak since an upgrade 3 to 5 days ago, 21 days": Shape(
        _leaking((21,), None, _since_upgrade),
        LEAK,
        "Memory of the new version grows for three days.",
    ),
    "leak, killed after 1.5 to 6 h, 4 days": Shape(
        _leaking((4,), None, _dies(1.5, 6)),
        LEAK,
        "Ten runs and more, each of which climbs to the same limit at the same rate by day and by "
        "night: no cache does that.",
    ),
    # ---- it leaks, and that cannot always be known
    "leak that begins 2 to 4 days before the end, 14 and 28 days": Shape(
        _leaking((14, 28), None, _late),
        HIDDEN,
        "The end exceeds everything before; it may be a new level for two to four days.",
    ),
    "leak of 60 to 200 MB each night, 4 to 10 days": Shape(
        _leaking((4, 6, 10), None, _stairs),
        HIDDEN,
        "Three or more rises, none released; three may be three loads.",
    ),
    "leak of 150 to 300 MB each week, 28 days": Shape(
        _leaking((28,), None, _weekly_stairs), HIDDEN, "The same in weeks: three or four stairs."
    ),
    "leak of 10 to 60 MB/h, 25 to 40 h": Shape(
        _leaking((25 / 24, 30 / 24, 40 / 24), None, _rate(10, 60)),
        HIDDEN,
        "One day and the next morning: a large cache in its first day looks like the slower ones.",
    ),
    "leak of 2 to 5 MB/h, twice a day at fixed hours, 14 days": Shape(
        _leaking((14,), _twice_a_day, _rate(2, 5)),
        HIDDEN,
        "24 MB in a run are less than its cache, which fills at the same hours.",
    ),
    "leak of 5 to 40 MB/h, twice a day at fixed hours, 7 days": Shape(
        _leaking((7,), _twice_a_day, _rate(5, 40)),
        HIDDEN,
        "It climbs at night too, which only a cache that still fills does as well.",
    ),
    "leak with traffic, 2 to 20 MB/h, twice a day at fixed hours, 14 days": Shape(
        _leaking((14,), _twice_a_day, _rate(2, 20, traffic=True)),
        HIDDEN,
        "It climbs when the cache fills and rests when the cache rests.",
    ),
    "leak of 2 to 20 MB/h, every 12 h, 30 days": Shape(
        _leaking((30,), lambda chance: Restarts(every=12.0), _rate(2, 20)),
        HIDDEN,
        "As with two fixed hours.",
    ),
    "leak of 2 to 20 MB/h, four times a day at fixed hours, 7 days": Shape(
        _leaking((7,), _four_times_a_day, _rate(2, 20)),
        HIDDEN,
        "12 to 120 MB a run, less than a cache takes in its first hours.",
    ),
    "leak of 2 to 20 MB/h, once a day at a fixed hour, 14 days": Shape(
        _leaking((14,), _once_a_day, _rate(2, 20)),
        HIDDEN,
        "Each run sees each hour once: the later hour is always the older process.",
    ),
    "leak with traffic, 2 to 20 MB/h, once a day at a fixed hour, 14 days": Shape(
        _leaking((14,), _once_a_day, _rate(2, 20, traffic=True)), HIDDEN, "The same."
    ),
    "leak of 3 to 30 MB/h, uneven restarts, 14 days": Shape(
        _leaking((14,), _uneven, _rate(3, 30)),
        HIDDEN,
        "If two runs of 48 h are among them it can be known, else not.",
    ),
    "leak, killed after 30 to 60 min, 2 days": Shape(
        _leaking((2,), None, _dies(0.5, 1.0)),
        HIDDEN,
        "The warm-up is half of such a run; that it dies forty times is certain.",
    ),
}
