# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A week of the guard's metrics for three gateways, in OpenMetrics, for `promtool tsdb create-blocks-from openmetrics`.

history.py [--end EPOCH] [--days 7] [--step 300] > week.om

`alpha` leaks and its watchdog restarts it. `beta` is flat and a calendar restarts it. The second gateway of `beta` grows until the kernel kills
it, fails to come up once and freezes once. The guard's own code makes the pages, so no name or label can differ.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".build/collections"))

from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import metrics

MB = 1 << 20
HOUR = 3600
DAY = 24 * HOUR
LIMIT = 2048 * MB


class Gateway:
    """A gateway whose memory follows a plan; ``now`` is in seconds since the week began."""

    name = ""
    scope = "system"
    base = 150 * MB
    growth = 0.0  # bytes a second
    threshold = 1024 * MB

    def __init__(self, begin: float) -> None:
        self.begin = begin
        self.started = -20.0 * HOUR
        self.up = True
        self.state = "active"
        self.frozen = False
        self.counts: dict[str, dict[str, int]] = {
            "restarts": {},
            "failed": {},
            "refused": {},
            "alerts": {},
        }
        self.oom_kills = 0
        self.by_watchdog: list[float] = []
        self.chance = random.Random(self.name)

    def count(self, kind: str, code: str) -> None:
        self.counts[kind][code] = self.counts[kind].get(code, 0) + 1

    def restart(self, now: float, trigger: str, mode: str) -> None:
        """A restart by the arbiter."""
        self.count("restarts", "%s %s" % (trigger, mode))
        self.started, self.up, self.state, self.frozen = now - 30, True, "active", False
        if trigger == "watchdog":
            self.by_watchdog.append(now)

    def footprint(self, now: float) -> float:
        """With the bursts of single turns."""
        burst = self.chance.expovariate(1 / (8 * MB))
        return self.base + self.growth * (now - self.started) + burst

    def live(self, now: float, used: float) -> None:
        """The events at ``now``, when the gateway uses ``used`` bytes."""

    def verdict(self, now: float) -> str:
        return "flat" if now > DAY else "insufficient"

    def next_restart(self, now: float) -> float | None:
        return None

    def facts(self, now: float) -> dict[str, Any]:
        """The metrics on the guard's page."""
        used = self.footprint(now)
        self.live(now, used)
        judged = now - now % HOUR
        verdict = self.verdict(judged)
        last_day = [one for one in self.by_watchdog if one > now - DAY]
        next_restart = self.next_restart(now)
        found: dict[str, Any] = {
            "gateway": self.name,
            "info": metrics.labels(
                unit=self.name.partition("@")[0] + ".service", scope=self.scope, version="0.22.2"
            ),
            "up": self.up,
            "unit_state": metrics.one_of("state", metrics.STATES, self.state),
            "sample_timestamp_seconds": self.begin + now,
            "memory_limit_bytes": LIMIT,
            "memory_threshold_bytes": self.threshold,
            "memory_verdict": metrics.one_of("verdict", metrics.VERDICTS, verdict),
            "memory_verdict_timestamp_seconds": self.begin + judged,
            "next_restart_timestamp_seconds": next_restart and self.begin + next_restart,
            "restarts_total": metrics.restarts(self.counts["restarts"]),
            "restart_failures_total": metrics.counts(
                "code", metrics.FAILURES, self.counts["failed"]
            ),
            "restart_refusals_total": metrics.counts(
                "code", metrics.REFUSALS, self.counts["refused"]
            ),
            "alerts_total": metrics.counts("code", metrics.ALERTS, self.counts["alerts"]),
            "oom_kills_total": self.oom_kills,
            "watchdog_restart_enabled": 1,
            "watchdog_restarts_last_day": len(last_day),
            "watchdog_restarts_last_day_max": 6,
        }
        if self.up:
            found.update(self._running(now, used))
        return found

    def _running(self, now: float, used: float) -> dict[str, Any]:
        found = {
            "start_time_seconds": self.begin + self.started,
            "memory_footprint_bytes": round(used),
            "memory_resident_bytes": round(used * 0.9),
            "memory_anonymous_bytes": round(used * 0.8),
            "memory_swap_bytes": round(used * 0.02),
            "memory_cgroup_bytes": round(used * 1.1),
            "frozen": self.frozen,
            "heartbeat_timestamp_seconds": self.begin
            + now
            - (900 if self.frozen else self.chance.uniform(1, 30)),
            "active_agents": self.chance.choice((0, 0, 0, 1, 2)),
        }
        if now > DAY:
            found["memory_growth_bytes_per_second"] = self.growth
            found["memory_growth_lower_bytes_per_second"] = self.growth * 0.9 - 20
            found["memory_growth_upper_bytes_per_second"] = self.growth * 1.1 + 20
        if now > DAY and self.growth:
            for end, factor in (("", 1), ("earliest_", 1.1), ("latest_", 0.9)):
                left = (LIMIT - used) / (self.growth * factor)
                found["memory_limit_reached_%stimestamp_seconds" % end] = round(
                    self.begin + now + left
                )
        return found


class Leaking(Gateway):
    """18 MB an hour; the watchdog restarts it at its threshold, and it drains in time."""

    name = "hermes-gateway"
    growth = 18 * MB / HOUR

    def live(self, now: float, used: float) -> None:
        if used > self.threshold:
            self.count("alerts", "threshold")
            self.restart(now, "watchdog", "drain")

    def verdict(self, now: float) -> str:
        if now < DAY:
            return "insufficient"
        return "suspected" if now < 2 * DAY else "leak"


class Flat(Gateway):
    """Restarted by a calendar once a day; on the third day an operator restarts it first, and the timer is refused."""

    name = "hermes-gateway"
    due = 12.0 * HOUR

    def live(self, now: float, used: float) -> None:
        if now < self.due:
            return
        if 2 * DAY < now < 3 * DAY:
            self.restart(now, "operator", "idle")
            self.count("refused", "young")
        else:
            self.restart(now, "timer", "drain")
        self.due += DAY

    def next_restart(self, now: float) -> float | None:
        return self.due if self.due > now else self.due + DAY


class Killed(Gateway):
    """Grows fast on the fifth day until it is OOM-killed, stays down for hours, and freezes later."""

    name = "hermes-gateway-coder@ada"
    scope = "user"
    threshold = 3072 * MB  # above its limit

    def footprint(self, now: float) -> float:
        away = max(0.0, min(now, 4 * DAY + 6 * HOUR) - 4 * DAY)
        return super().footprint(now) + (away * 0.09 * MB if self.oom_kills == 0 else 0)

    def live(self, now: float, used: float) -> None:
        hours = (now - 4 * DAY) / HOUR
        if used > LIMIT and not self.oom_kills:
            self.oom_kills += 1
            self.up, self.state = False, "failed"
            self.count("alerts", "near-limit")
            self.count("failed", "not-up")
        elif self.state == "failed" and hours > 8:
            self.restart(now, "operator", "second-try")
        elif 10 <= hours < 10.5:
            self.frozen = True
            self.count("refused", "cooldown")
        elif self.frozen:
            self.count("alerts", "frozen")
            self.restart(now, "watchdog", "emergency")


HOSTS: dict[str, tuple[type[Gateway], ...]] = {"alpha": (Leaking,), "beta": (Flat, Killed)}


def lines(end: float, days: float, step: int) -> Iterator[str]:
    """The history, one page of each host after the other; the metadata once."""
    begin = end - days * DAY
    fleet = {host: [kind(begin) for kind in kinds] for host, kinds in HOSTS.items()}
    told: set[str] = set()
    for now in range(0, int(days * DAY) + 1, step):
        for host, gateways in fleet.items():
            guard = {
                "info": metrics.labels(version="1.0.0"),
                "check_timestamp_seconds": begin + now,
                "check_interval_seconds": 300,
                "check_duration_seconds": 0.03,
                "check_failed_gateways": 0,
                "gateways": len(gateways),
            }
            page = metrics.page(guard, [gateway.facts(now) for gateway in gateways])
            yield from _stamped(page, host, begin + now, told)
            yield 'up{instance="%s",job="hermes"} 1 %d' % (host, begin + now)
    yield "# EOF"


def _stamped(page: str, host: str, when: float, told: set[str]) -> Iterator[str]:
    """The lines of a page with the labels of a scrape of ``host`` and the time ``when``."""
    target = 'instance="%s",job="hermes"' % host
    for line in page.splitlines():
        if line.startswith("#"):
            if line not in told:
                told.add(line)
                yield line
            continue
        series, value = line.rsplit(" ", 1)
        name, _brace, labels = series.partition("{")
        labels = "%s,%s" % (target, labels) if labels else target + "}"
        yield "%s{%s %s %d" % (name, labels, value, when)


def main() -> None:
    """Print the history."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--end", type=float, default=time.time(), help="epoch seconds")
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--step", type=int, default=300, help="seconds between two checks")
    args = parser.parse_args()
    sys.stdout.writelines(line + "\n" for line in lines(args.end, args.days, args.step))


if __name__ == "__main__":
    main()
