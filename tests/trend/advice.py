# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures how often gateways restarted as advised are OOM-killed, and forecasts come too late.

    python3 tests/trend/advice.py --first 1000 --seeds 300

Each seed is a leaking gateway with a limit of 1, 2 or 4 GB and without a watchdog. It is sampled for
3 to 14 days under one of the usual calendars, or until it is OOM-killed. Then two cases are
simulated:

- The advice is followed for 30 days: restarts every ``recommended_restart_hours``, or at the
  interval of ``hermes_restart_timer_every: auto`` if it is null. If no calendar is short enough, the
  gateway gets the limit from the advice. How many are killed?
- There are no further restarts. Is it killed before the earliest end of ``hours_to_limit``?
"""

from __future__ import annotations

import copy
import math
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / ".build/collections"), str(HERE)]

import shapes
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import cadence
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import analysis
from gateway import MB, Gateway, Leak, Restarts, simulate
from seeds import parser_of

LIMITS_MB = (1024.0, 2048.0, 4096.0)
FOLLOWED_DAYS = 30
# Maximum share that may be killed, and that may be killed before the earliest end.
KILLED, EARLY = 0.01, 0.05
CALENDARS = (
    lambda chance: Restarts(),
    lambda chance: Restarts(every=12.0),
    lambda chance: Restarts(clock=(chance.randrange(24),)),
    lambda chance: Restarts(clock=tuple(chance.randrange(6) + 6 * part for part in range(4))),
)


# The advice of _trend if no calendar is short enough.
LARGER_LIMIT = re.compile(r"a limit of ([0-9]+) MB would be enough")


class Followed(NamedTuple):
    """The result of one gateway; None for what was not advised or not forecast.

    ``limit_mb`` is its limit, ``advised_mb`` the limit after the advice.
    """

    seed: int
    verdict: str
    limit_mb: float
    advised_mb: float
    every: float | None
    killed: bool | None
    earliest: float | None
    died_after: float | None


def draw(chance: random.Random) -> tuple[Gateway, float]:
    """A leaking gateway, and the hours for which it is sampled."""
    gateway = shapes.any_gateway(chance)
    gateway.limit = chance.choice(LIMITS_MB)
    gateway.memory.swap_above = math.inf
    rate = shapes.log_uniform(chance, 2, 60)
    if chance.random() < 0.5:
        gateway.leak.hourly = rate
    else:
        gateway.leak.each = rate * 24 / gateway.traffic.a_day
    gateway.restarts = chance.choice(CALENDARS)(chance)
    return gateway, 24 * chance.choice((3, 7, 14))


def follow(seed: int) -> Followed:
    """Analyse the gateway of ``seed``; then simulate the advice, and separately no action."""
    chance = random.Random("advice %d" % seed)
    gateway, hours = draw(chance)
    history = simulate(gateway, hours, chance)
    answer = analysis.trend(history.rows, gateway.limit * MB)
    every = _every(answer, gateway.restarts)
    larger = LARGER_LIMIT.search(" ".join(answer["advice"]))
    advised = copy.deepcopy(gateway)
    advised.restarts = Restarts() if every is None else Restarts(every=every)
    if larger:
        advised.limit = float(larger.group(1))
    killed = _killed(seed, advised)
    earliest, died = None, None
    if answer["hours_to_limit_ci"] and not history.kills:
        earliest = answer["hours_to_limit_ci"][0]
        # The same gateway with the same random numbers, for longer and without restarts.
        again = random.Random("advice %d" % seed)
        same, hours = draw(again)
        same.restarts.until = hours
        later = simulate(same, hours + 24.0 * FOLLOWED_DAYS, again)
        died = later.kills[0] - hours if later.kills else None
    return Followed(
        seed, answer["verdict"], gateway.limit, advised.limit, every, killed, earliest, died
    )


def _every(answer: dict[str, Any], restarts: Restarts) -> float | None:
    """The interval of restarts from now on, in hours; None for no restarts."""
    if answer["recommended_restart_hours"] is not None:
        return float(answer["recommended_restart_hours"])
    installed = 24.0 / len(restarts.clock) if restarts.clock else restarts.every
    every = cadence.followed(answer, installed if math.isfinite(installed) else None)
    return None if every is None else float(every[:-1])


def _killed(seed: int, gateway: Gateway) -> bool | None:
    """Whether the gateway is killed; None if it would also be killed without its leak.

    A limit that is too small for a burst needs a larger limit, not a calendar.
    """
    advised = copy.deepcopy(gateway)
    advised.sampling.minutes = 5.0
    if not simulate(advised, 24.0 * FOLLOWED_DAYS, random.Random("follow %d" % seed)).kills:
        return False
    advised.leak = Leak()
    clean = simulate(advised, 24.0 * FOLLOWED_DAYS, random.Random("follow %d" % seed))
    return None if clean.kills else True


def killed_share(found: Sequence[Followed]) -> float:
    """The share that is killed although the advice is followed."""
    followed = [one for one in found if one.killed is not None]
    return sum(1 for one in followed if one.killed) / max(1, len(followed))


def early_share(found: Sequence[Followed]) -> float:
    """The share that is killed before the earliest end of ``hours_to_limit``."""
    forecast = [one for one in found if one.earliest is not None and one.died_after is not None]
    return sum(1 for one in forecast if one.died_after < one.earliest) / max(1, len(forecast))


def report(found: Sequence[Followed]) -> str:
    """The rates, as lines."""
    followed = [one for one in found if one.killed is not None]
    killed = [one for one in followed if one.killed]
    forecast = [one for one in found if one.earliest is not None and one.died_after is not None]
    early = [one for one in forecast if one.died_after < one.earliest]
    return "\n".join(
        [
            "%d of %d are killed within %d days although the advice is followed"
            % (len(killed), len(followed), FOLLOWED_DAYS),
            "%d of them with a larger limit, as advised"
            % sum(1 for one in followed if one.advised_mb > one.limit_mb),
            "%d of %d die before the earliest end of hours_to_limit" % (len(early), len(forecast)),
        ]
        + ["killed: %s" % (one,) for one in killed]
        + ["early: %s" % (one,) for one in early]
    )


def main() -> int:
    parser = parser_of(__doc__, 30)
    options = parser.parse_args()
    found = [follow(seed) for seed in range(options.first, options.first + options.seeds)]
    print(report(found))
    return 1 if killed_share(found) > KILLED or early_share(found) > EARLY else 0


if __name__ == "__main__":
    sys.exit(main())
