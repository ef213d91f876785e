# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report of N synthetic gateways: `tests/report/many.py N DIRECTORY`. Writes the three files, and says how long it took and how large they are.

Some have hostile names. Set the seed with SEED; the charts of the gateways look like what the lab and users have shown.
"""

from __future__ import annotations

import json
import math
import os
import random
import sys
import time

sys.path.insert(
    0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".build", "collections")
)

from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import (
    _fleet,
    _fleet_html,
    _fleet_text,
)

NOW = 1786900000
MB = 1 << 20
HOSTILE = (
    "<script>alert(1)</script>",
    "{{ 7 * 7 }}",
    '=HYPERLINK("x")',
    "a\x1b[31mred\r\nb",
    '"><img src=x onerror=alert(2)>',
    "ünïcode 模型 🙂",
)


def answers(count, seed=1):
    """The answers of the hosts, as the filter fleet_report takes them."""
    rng = random.Random(seed)
    found = []
    number = 0
    while number < count:
        host = "vps-%04d.example" % (len(found) + 1)
        trends, kills = {}, []
        for name in ["hermes-gateway", "hermes-gateway-coder@ada"][: 1 + (rng.random() < 0.25)]:
            if number < count:
                trends[name], died = _gateway(rng, number)
                kills += [
                    {
                        "time": at,
                        "name": name,
                        "pid": 4711,
                        "comm": "python3",
                        "scope": "cgroup",
                        "source": "kernel",
                    }
                    for at in died
                ]
                number += 1
        found.append((host, {"trends": trends}, {"kills": kills}))
    if count > 1:
        found.append(
            (
                "gone.example",
                {
                    "unreachable": True,
                    "msg": "Failed to connect to the host via ssh: Connection timed out",
                },
                {},
            )
        )
        found.append(("empty.example", {"trends": {}}, {"skipped": True}))
        found.append(
            (
                "old.example",
                {"failed": True, "msg": "Python 3.6 is too old for this module"},
                {"skipped": True},
            )
        )
    return found


def _gateway(rng, number):
    kind = (
        rng.choices(
            ("flat", "leak", "suspected", "saturating", "sawtooth", "insufficient"),
            (70, 6, 6, 10, 4, 4),
        )[0]
        if number > 5
        else ("leak", "flat", "suspected", "saturating", "sawtooth", "insufficient")[number]
    )
    days = 1.2 if kind in ("suspected", "insufficient") else rng.choice((7, 14, 30))
    slope = {"leak": rng.uniform(3, 60), "suspected": rng.uniform(5, 30)}.get(kind, 0)
    every = rng.choice((12, 24, 10000)) if kind in ("leak", "flat") else 10000
    base, points, life, born = rng.uniform(110, 350), [], 1, 0.0
    limit = rng.choice((2048.0, 1024.0, 3943.0, 7936.0))
    floor = base
    kills = []
    for step in range(300 if kind != "insufficient" else 14):
        hour = step / 300 * days * 24
        if hour - born >= every:
            life, born = life + 1, hour
        age = hour - born
        grown = slope * age if kind != "saturating" else 200 * (1 - math.exp(-age / 30))
        if kind == "sawtooth":
            grown = 25 * (age % 20)
        floor = base + grown
        if floor > limit:
            kills.append(NOW - days * 86400 + hour * 3600)
            life, born = life + 1, hour
        rss = (
            floor + max(0, rng.gauss(12, 10)) + (rng.uniform(40, 160) if rng.random() < 0.06 else 0)
        )
        points.append(
            [
                round(NOW - days * 86400 + hour * 3600),
                round(rss * MB),
                round((floor + rng.gauss(2, 2)) * MB),
                life,
            ]
        )
    left = max(0.0, limit - points[-1][1] / MB)
    hours = left / slope if slope else None
    verdict = kind
    start = points[0][0]
    restarts = [now[0] for before, now in zip(points, points[1:]) if before[3] != now[3]]
    identities = [[start, "openrouter", "anthropic/claude-sonnet-4.6", "0.19.0"]]
    if number % 4 == 0:
        identities.append(
            [start + days * 43200, "openai", HOSTILE[number // 4 % len(HOSTILE)], "0.19.0"]
        )
    advice = {
        "leak": "0.16.0 leaks without bound (#25315); upgrade to 0.17.0 or later. Until then restart it every %s."
        % ("6 h" if slope > 30 else "24 h"),
        "suspected": "Run confirm.yml: 48 h without calendar restarts will settle it.",
        "sawtooth": "It gives memory back in big steps: another bug than the leak.",
        "insufficient": "A verdict needs 23 more hours.",
        "flat": "No need for calendar restarts.",
        "saturating": "Settles after its start: nothing to do.",
    }[kind]
    why = {
        "leak": "baseline memory grows in %d of %d runs, and keeps growing late in each run"
        % (life, life),
        "flat": "no trend in %d days" % days,
        "suspected": "it climbs, but has been seen for %.0f hours only" % (days * 24),
    }.get(kind, "see the chart")
    return {
        "verdict": verdict,
        "slope_mb_per_hour": round(slope + rng.gauss(0, 0.2), 2)
        if kind != "insufficient"
        else None,
        "slope_ci": [round(slope * 0.88 - 0.4, 2), round(slope * 1.13 + 0.4, 2)]
        if kind != "insufficient"
        else None,
        "p_value": 0.001,
        "observed_hours": days * 24,
        "segments": life,
        "samples": int(days * 288),
        "rss_mb": points[-1][1] / MB,
        "limit_mb": limit,
        "hours_to_limit": hours,
        "recommended_restart_hours": 24 if slope else None,
        "faster_than_known": slope > 100,
        "why": why,
        "advice": [advice],
        "chart": {"points": points, "restarts": restarts, "providers": identities},
        "version": "0.19.0",
    }, kills


def main(arguments):
    """Write the report of ``arguments``: how many gateways, into which folder. The last line is JSON: the seconds of CPU of each form, and its bytes."""
    count, folder = int(arguments[0]), arguments[1]
    os.makedirs(folder, exist_ok=True)
    given = answers(count, int(os.environ.get("SEED", "1")))
    figures = {"gateways": count}
    start = time.process_time()
    report = _fleet.fleet(given, NOW + 60)
    figures["judging_seconds"] = time.process_time() - start
    for name, make in (
        ("html", _fleet_html.html),
        ("json", _fleet_text.as_json),
        ("csv", _fleet_text.as_csv),
    ):
        path = os.path.join(folder, "report." + name)
        start = time.process_time()
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(make(report))
        figures.update(
            {name + "_seconds": time.process_time() - start, name + "_bytes": os.path.getsize(path)}
        )
    print("\n".join(line[:200] for line in _fleet_text.table(report)[:15]))
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1:])
