# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects OOM kills of gateways from the kernel, systemd, systemd-oomd, earlyoom, nohang and the
cgroup's counter.

A process belongs to a gateway by its cgroup, or by a pid in the history. Its name does not count,
because it is hermes, python or python3. The kernel's log comes first, because it has pid and
memory; the other sources confirm its kills, or report them if that log cannot be read.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from .._guard import config
from .._hermes import discovery, unit_journal
from .._hermes.discovery import Gateway
from .._host.errors import SettingError
from . import counter, daemons, exits, kernel, systemd
from .kill import MAX_KILLS, Kill, newest
from .victim import Known

# A year.
MAX_HOURS = 8760


def collect(names: list[str], hours: int) -> dict[str, Any]:
    """The result of find() for the gateways ``names`` of this host, or all. Raises SettingError."""
    if not 0 < hours <= MAX_HOURS:
        raise SettingError("hours: invalid number %d: expected 1 to %d" % (hours, MAX_HOURS))
    return find(config.not_excluded(discovery.find_named(names), names), hours)


def find(gateways: list[Gateway], hours: float, now: float | None = None) -> dict[str, Any]:
    """The OOM kills of ``gateways`` in the last ``hours`` before ``now`` (epoch seconds).

    ``kills`` has one Kill.answer() for each kill, oldest first. ``lives`` are the earlier runs of
    the units, as unit_journal.Run. ``counters`` has, by name of the gateway, the current
    ``oom_kills`` and the rise ``in_window``. ``notes`` lists what could not be read.
    """
    now = time.time() if now is None else now
    since = now - hours * 3600.0
    lines, notes = kernel.lines(gateways, since)
    entries, said = systemd.entries(gateways, since)
    rows = {gateway.name: _samples(gateway, since, notes) for gateway in gateways}
    pids = {name: counter.pids(samples) for name, samples in rows.items()}
    known = Known(pids, exits.exits(entries, gateways))
    killed, others = kernel.kills_of(kernel.victims(lines), gateways, known)
    kills = newest(killed)
    systemd.add(kills, entries, gateways)
    notes += daemons.add(kills, daemons.victims(entries), gateways, known)
    notes += systemd.manager_notes(entries, gateways, kills, others)
    notes += kernel.unclear(others, gateways)
    counters = {}
    for gateway in gateways:
        counted = counter.count(gateway, rows[gateway.name], since, now)
        if counted.undated:
            notes.append(
                "the cgroup of %s counts %d OOM kills since its creation whose times are unknown"
                % (gateway.name, counted.undated)
            )
        counters[gateway.name] = {
            "oom_kills": counted.oom_kills,
            "in_window": sum(rise.kills for rise in counted.rises),
        }
        counter.add(kills, counted.rises, gateway)
    # By name too, so that the order does not depend on the order of the sources.
    kills.sort(key=lambda kill: (kill.time, kill.name))
    shown = newest([kill for kill in kills if kill.time >= since])
    notes += _cut(shown)
    return {
        "kills": [kill.answer() for kill in shown],
        "counters": counters,
        "lives": [run._asdict() for run in unit_journal.runs(entries, gateways)],
        "notes": notes + said,
    }


def _samples(gateway: Gateway, since: float, notes: list[str]) -> list[dict[str, Any]]:
    try:
        return counter.samples(gateway, since)
    except OSError as exc:
        notes.append("the history of %s cannot be read: %s" % (gateway.name, exc.strerror))
        return []


def _cut(shown: list[Kill]) -> list[str]:
    """A note for each gateway whose kills in ``shown`` may be incomplete."""
    counted = Counter(kill.name for kill in shown)
    return [
        "only the newest %d OOM kills of %s are listed" % (MAX_KILLS, name)
        for name, count in sorted(counted.items())
        if count >= MAX_KILLS
    ]
