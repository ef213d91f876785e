# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds OOM kills by earlyoom and nohang, which are common on small hosts.

Before they kill a process, they log it with its unescaped command line. A line break in a command
line starts a new entry, so any user can forge any line. Their report about a gateway therefore
counts as a kill only if systemd reports that its main process ended at that time. Otherwise it is a
note.
"""

from __future__ import annotations

import re
from collections import Counter

from .._hermes.discovery import Gateway
from .._host import display, journal
from .kill import SAME_KILL, SAME_RUN, Kill
from .victim import Known, Victim, by_exit, may_be_of, whose

EARLYOOM, NOHANG = "earlyoom", "nohang"
UNITS = {"earlyoom.service": EARLYOOM, "nohang.service": NOHANG, "nohang-desktop.service": NOHANG}

# earlyoom 1.3 logs no uid, 1.8 "oom_score" instead of "badness".
_EARLYOOM = re.compile(
    r'sending SIG(?:TERM|KILL) to process (\d{1,10})(?: uid (\d{1,10}))? "(.{0,64}?)": '
    r"(?:.{0,60}?VmRSS (\d{1,12}) MiB)?"
)
# No signal was sent, or it failed.
_NOT_SENT = re.compile(r"dryrun, not actually|kill failed: (?!No such process)")
_NOHANG = re.compile(
    r"\s*PID: +(\d{1,10}), name: (.{0,64}?), state: [^,]{1,20}, EUID: (\d{1,10}), SID: "
)
# "/" is logged for the hierarchy that the host does not use.
_NOHANG_CGROUP = re.compile(r"\s*cgroup_v[12]: (/.+)\Z")
_NOHANG_SENDING = re.compile(r"\s*Sending SIG(?:TERM|KILL) to the victim\Z")
# Seconds from the description of a process by nohang to the signal.
_NOHANG_DECIDES = 5
# Characters of a process name.
_MAX_COMM = 64


def victims(entries: list[journal.Entry]) -> list[Victim]:
    """The processes that the daemons report as killed in ``entries``, each once, oldest first."""
    found: list[Victim] = []
    # The first description by nohang: lines from a command line only follow it.
    described: Victim | None = None
    for entry in entries:
        source = UNITS.get(entry.fields.get("_SYSTEMD_UNIT", ""))
        text = entry.fields.get("MESSAGE", "")
        if source == EARLYOOM:
            _earlyoom(found, entry.time, text)
        elif source == NOHANG:
            if described and entry.time - described.time > _NOHANG_DECIDES:
                described = None
            described = described or _described(entry.time, text)
            cgroup = _NOHANG_CGROUP.match(text)
            if described and cgroup and described.memcg is None:
                described.memcg = cgroup.group(1)
            if described and _NOHANG_SENDING.match(text):
                found.append(described)
                described = None
    return _each_once(found)


def _earlyoom(found: list[Victim], time: float, text: str) -> None:
    """Add the process in ``text`` to ``found``; remove the last one if it was not killed."""
    if found and _NOT_SENT.match(text) and time - found[-1].time <= SAME_KILL:
        found.pop()
        return
    said = _EARLYOOM.match(text)
    if said is None:
        return
    pid, uid, comm, rss = said.groups()
    victim = _victim(time, int(pid), comm, EARLYOOM)
    victim.uid = int(uid) if uid else None
    victim.rss_bytes = int(rss) << 20 if rss else None
    found.append(victim)


def _described(time: float, text: str) -> Victim | None:
    said = _NOHANG.match(text)
    if said is None:
        return None
    victim = _victim(time, int(said.group(1)), said.group(2), NOHANG)
    victim.uid = int(said.group(3))
    return victim


def _victim(time: float, pid: int, comm: str, source: str) -> Victim:
    victim = Victim(time, pid, source)
    victim.comm = display.printable(comm, _MAX_COMM) or None
    victim.scope = "global"
    return victim


def _each_once(found: list[Victim]) -> list[Victim]:
    """The daemons send SIGTERM, and then SIGKILL to a process that keeps running: one kill."""
    latest: dict[int, float] = {}
    kept = []
    for victim in found:
        if victim.time - latest.get(victim.pid, float("-inf")) > SAME_RUN:
            kept.append(victim)
        latest[victim.pid] = victim.time
    return kept


def add(
    kills: list[Kill], killed: list[Victim], gateways: list[Gateway], known: Known
) -> list[str]:
    """Add to ``kills`` those of ``killed`` that were gateways; returns notes on unclear ones.

    Exits in ``known`` that explain a kill are removed.
    """
    unclear: Counter[tuple[str, str]] = Counter()
    for victim in killed:
        if _is_known(kills, victim):
            continue
        gateway = whose(victim, gateways, known)
        if gateway is None:
            gateway = by_exit(victim, gateways, known.exits)
        elif not _ended(gateway, victim, known):
            unclear[victim.source, gateway.name] += 1
            continue
        if gateway is None:
            if victim.uid is not None:
                fits = [one.name for one in gateways if may_be_of(victim, one)]
                unclear.update((victim.source, name) for name in fits)
            continue
        kill = victim.killed(gateway)
        # The counter of the cgroup does not count signals of other programs.
        kill.counted = True
        kills.append(kill)
    return [
        "%s reports %d killed processes of the user of %s; it is unknown whether they belonged"
        " to the gateway" % (source, count, name)
        for (source, name), count in sorted(unclear.items())
    ]


def _is_known(kills: list[Kill], victim: Victim) -> bool:
    """Whether the kernel was faster and killed the process that the daemon had chosen."""
    return any(
        kill.pid == victim.pid and abs(kill.time - victim.time) <= SAME_RUN for kill in kills
    )


def _ended(gateway: Gateway, victim: Victim, known: Known) -> bool:
    """Whether the gateway's main process ended when ``victim`` was killed."""
    for one in known.exits.near(gateway.name, victim.time, SAME_RUN):
        known.exits.take(gateway.name, one)
        return True
    return False
