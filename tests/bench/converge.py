# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the site playbook on simulated fleets with the article's recipes as a plain playbook."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import statistics
import sys

import runs
import simulated

SITE = "hermes_ops.gateway.site"
ARTICLE = str(runs.BENCH / "article/article.yml")
PLAYBOOKS = (
    ("site.yml, four roles", SITE),
    ("the article's recipes", ARTICLE),
    ("one command on each host", str(runs.BENCH / "floor.yml")),
)
# From the first size, without the recipes; from the second, only the repeat, on copies of one host: the rest takes hours.
LARGE, VAST = 100, 1000
# Published counts, for comparison.
REFERENCES = (
    ("prometheus.prometheus.node_exporter", "44 to 45"),
    ("linux-system-roles systemd, one unit", "91"),
)


def run(options):
    """A row for each playbook, size of fleet and run; each is also printed at once, because large fleets take long."""
    rows = []
    settings = {"ANSIBLE_FORKS": str(options.forks)}
    if options.against:
        return [row for count in options.hosts for row in _against(options, count, settings)]
    for count in options.hosts:
        # Long runs only once: a disturbance does not matter in a run of minutes.
        repeats = options.repeats if count < 10 else 3 if count < LARGE else 1
        for label, name in PLAYBOOKS:
            if name == ARTICLE and count >= LARGE:
                continue
            prepare = functools.partial(runs.playbook, name, **settings) if count >= VAST else None
            with simulated.fleet(count, prepare) as inventory:
                # In the first repeat on copies, the kernel has read no file of a host yet.
                first = "first repeat" if prepare else "first"
                for kind, times in ((first, 1), ("repeat", repeats)):
                    sys.stderr.write("bench: converge: %d hosts, %s, %s\n" % (count, label, kind))
                    done = [runs.playbook(name, inventory, **settings) for _number in range(times)]
                    rows.append(_row(label, kind, count, done))
                    sys.stderr.write("bench: converge: %s\n" % json.dumps(rows[-1]))
    rows += _exponents(rows)
    return rows + [
        {"playbook": name, "task_results_a_host": results} for name, results in REFERENCES
    ]


def _against(options, count, settings):
    """A repeat with the code of a commit and with the current code in turn, each on a separate fleet; the last row is the quotient."""
    sides = {
        options.against: lambda: runs.code_of(options.against),
        "today": contextlib.nullcontext,
    }
    done = {label: [] for label in sides}
    with contextlib.ExitStack() as fleets:
        inventories = {}
        for label, code in sides.items():
            with code():
                prepare = functools.partial(runs.playbook, SITE, **settings)
                fleet = simulated.fleet(count, prepare, "fleet-%d" % len(inventories))
                inventories[label] = fleets.enter_context(fleet)
        for _number in range(options.repeats):
            for label, code in sides.items():
                with code():
                    done[label].append(runs.playbook(SITE, inventories[label], **settings))
    rows = [_row(label, "repeat", count, found) for label, found in done.items()]
    columns = ("wall_seconds", "host_cpu_seconds", "controller_cpu_seconds")
    quotient = {column: round(rows[1][column] / rows[0][column], 4) for column in columns}
    first = done["today"][0].wall / min(one.wall for one in done["today"][1:])
    return [*rows, dict(quotient, playbook="quotient", hosts=count, first_by_later_repeat=first)]


def _row(label, kind, count, done):
    for one in done:
        bad = [
            host
            for host, figures in one.tally.items()
            if figures["failed"] or (kind != "first" and figures["changed"])
        ]
        if bad or len(one.tally) != count:
            raise SystemExit(
                "bench: %s: %s of %d hosts failed, or changed in the repeat"
                % (label, len(bad), count)
            )
    middle = sorted(done, key=lambda one: one.wall)[len(done) // 2]
    total = {
        key: sum(figures[key] for figures in middle.tally.values())
        for key in next(iter(middle.tally.values()))
    }
    controller = middle.cpu - total["host_cpu_seconds"]
    return {
        "playbook": label,
        "hosts": count,
        "run": kind,
        "runs": len(done),
        "wall_seconds": statistics.median(one.wall for one in done),
        "controller_cpu_seconds": controller,
        "host_cpu_seconds": total["host_cpu_seconds"],
        "controller_share": "%.0f %%" % (100 * controller / middle.cpu),
        "peak_mb": round(middle.peak_mb),
        "task_results_a_host": total["task_results"] / count,
        "modules_a_host": total["remote_modules"] / count,
        "round_trips_a_host": total["round_trips"] / count,
        "kb_sent_a_host": round(total["bytes_sent"] / count / 1000),
    }


def _exponents(rows):
    """The growth of wall time from each size of fleet to the next: 1 is proportional, less if the start-up dominates."""
    found = []
    for label, kind in dict.fromkeys((row["playbook"], row["run"]) for row in rows):
        sizes = sorted(
            (row["hosts"], row["wall_seconds"])
            for row in rows
            if (row["playbook"], row["run"]) == (label, kind)
        )
        for (less, before), (more, after) in zip(sizes, sizes[1:]):
            found.append(
                {
                    "playbook": label,
                    "run": kind,
                    "hosts": "%d to %d" % (less, more),
                    "exponent": math.log(after / before) / math.log(more / less),
                }
            )
    return found
