# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OOM kills of gateways, from whoever tells of them: the kernel, systemd, systemd-oomd, and the counter of the cgroup.

A process is a gateway's by its cgroup, or by a pid that the history knows, never by its name, which is hermes, python or
python3. What the kernel says comes first, for it has pid and memory; the others confirm it, or stand alone where the kernel's
log is out of reach.
"""

from __future__ import annotations

import os
import re
import time

from .._guard import config, history
from .._hermes import unit_journal
from .._host import cgroup, display, journal, systemd
from .._host.errors import JournalError

# sd-messages.h: SD_MESSAGE_UNIT_OUT_OF_MEMORY, UNIT_OOMD_KILL, UNIT_FAILURE_RESULT.
OUT_OF_MEMORY = "fe6faa94e7774663a0da52717891d8ef"
OOMD_KILL = "d989611b15e44c9dbf31e3c81256e4ed"
FAILURE_RESULT = "d9b373ed55a64feb8242e02dbe79a49c"

OOMD_UNIT = "systemd-oomd.service"
KERNEL_GREP = "oom-kill:constraint=|Kill(ed)? process [0-9]+ |memory.oom.group"

_CHOSEN = re.compile(
    r"oom-kill:constraint=(\w+),.*?,task_memcg=(.*),task=(.*),pid=(\d+),uid=(\d+)\Z"
)
_KILLED = re.compile(r"(?:\A|: )Kill(?:ed)? process (\d+) \((.*)\)(?=,? (?:UID |total-vm:|score ))")
_RSS = re.compile(r"anon-rss:(\d+)kB, file-rss:(\d+)kB(?:, shmem-rss:(\d+)kB)?")
_UID = re.compile(r"\bUID:? ?(\d+)")
_GROUP = re.compile(r"Tasks in (/.*) are going to be killed due to memory\.oom\.group set\Z")
_OOMD = re.compile(r"Killed (/\S+) due to ")
_CONSTRAINTS = {"CONSTRAINT_MEMCG": "cgroup"}

# A kill's own lines come together; systemd tells of it at once, and of the unit's result when the last process has ended.
_SAME_KILL = 10
_SAME_LIFE = 180
# The history has a sample every few minutes.
_PID_SEEN = 3600
_MAX_SAMPLES = 10000
_MAX_COUNTED = 100


def find(gateways, hours, now=None):
    """``kills``, ``lives`` (lists of dict, oldest first), ``counters`` (dict by name) and ``notes`` (list of str) of the last ``hours``.

    ``gateways`` are those of _discover. A kill: ``time``, ``name``, ``unit``, ``pid``, ``comm``, ``rss_bytes``, ``scope`` (global,
    cgroup, systemd-oomd), ``source`` (kernel, systemd, systemd-oomd, counter), None where unknown.
    """
    now = time.time() if now is None else now
    since = now - hours * 3600.0
    lines, notes = journal.kernel_lines(since, KERNEL_GREP)
    told, said = _units(gateways, since)
    rows = {gateway.name: _samples(gateway, since, notes) for gateway in gateways}
    kills = from_kernel(lines, gateways, {name: _pids(samples) for name, samples in rows.items()})
    add_told(kills, told, gateways)
    counters = {}
    for gateway in gateways:
        present = cgroup.memory(gateway.control_group)["oom_kills"]
        samples = list(rows[gateway.name])
        if present is not None:
            samples.append(
                {
                    "timestamp": now,
                    "oom_kills": present,
                    "uptime_seconds": gateway.uptime_seconds,
                    "invocation_id": gateway.invocation_id,
                }
            )
        counted = deltas(samples)
        sure = [one for one in counted if one[0] >= since - _PID_SEEN]
        if sure != counted:
            notes.append(
                "the cgroup of %s counts %d OOM kills since it was made, whose times nothing tells"
                % (
                    gateway.name,
                    sum(count for _after, _at, count in counted)
                    - sum(count for _after, _at, count in sure),
                )
            )
        counters[gateway.name] = {
            "oom_kills": present,
            "in_window": sum(count for _after, _at, count in sure),
        }
        add_counted(kills, sure, gateway)
    return {
        "kills": [
            {key: value for key, value in kill.items() if not key.startswith("_")}
            for kill in sorted(kills, key=lambda kill: kill["time"])
            if kill["time"] >= since
        ],
        "counters": counters,
        "lives": [run._asdict() for run in unit_journal.runs(told, gateways)],
        "notes": notes + said,
    }


def _units(gateways, since):
    """The entries that systemd and systemd-oomd wrote of the gateways' units, and notes."""
    wanted = unit_journal.matches(gateways)
    matches = ["_SYSTEMD_UNIT=" + OOMD_UNIT] + (["+"] + wanted if wanted else [])
    try:
        found, said = journal.entries(matches, since)
    except JournalError as exc:
        return [], ["the journal cannot be read: %s" % exc]
    notes = ["journalctl: " + line[:200] for line in said[:3]]
    if len(found) >= journal.MAX_ENTRIES:
        notes.append(
            "the journal holds more about the units than the last %d entries, which were read"
            % journal.MAX_ENTRIES
        )
    version = systemd.version()
    if version is not None and version < 256:
        notes.append(
            "systemd %d does not log the memory peak of a unit that stops; 256 and later do"
            % version
        )
    return found, notes


def _new(gateway, moment, source, **known):
    kill = {
        "time": moment,
        "name": gateway.name,
        "unit": gateway.unit,
        "pid": None,
        "comm": None,
        "rss_bytes": None,
        "scope": None,
        "source": source,
    }
    kill.update(known)
    return kill


# ---------------------------------------------------------------------------------------------------- the kernel


def from_kernel(lines, gateways, pids=None):
    """The kills (list) among the kernel's ``lines`` ((time, text), oldest first) that are a gateway's.

    ``pids`` are those that the history knows: by gateway's name, {pid: (first, last time it was seen)}.
    """
    kills = []
    for event in _victims(lines):
        for gateway in gateways:
            if _is_of(event, gateway, (pids or {}).get(gateway.name, {})):
                kills.append(
                    _new(
                        gateway,
                        event["time"],
                        "kernel",
                        pid=event["pid"],
                        comm=event["comm"],
                        rss_bytes=event["rss"],
                        scope=event["scope"],
                    )
                )
                break
    return kills


def _victims(lines):
    """One dict a process killed, its two lines put together by pid."""
    found = []
    group = (None, 0.0)
    for moment, text in lines:
        text = text.rstrip()
        chosen = _CHOSEN.search(text)
        killed = _KILLED.search(text)
        together = _GROUP.search(text)
        if together:
            group = (together.group(1), moment)
        if chosen:
            _victim(found, int(chosen.group(4)), moment).update(
                memcg=chosen.group(2),
                comm=display.printable(chosen.group(3), 64) or None,
                uid=int(chosen.group(5)),
                scope=_CONSTRAINTS.get(chosen.group(1), "global"),
            )
        elif killed:
            event = _victim(found, int(killed.group(1)), moment)
            event["comm"] = event["comm"] or display.printable(killed.group(2), 64) or None
            rss = _RSS.search(text, killed.end())
            uid = _UID.search(text, killed.end())
            if rss:
                event["rss"] = sum(int(part or 0) for part in rss.groups()) * 1024
            if uid and event["uid"] is None:
                event["uid"] = int(uid.group(1))
            if event["memcg"] is None and group[0] and moment - group[1] < _SAME_KILL:
                event["memcg"] = group[0]
            if event["scope"] is None and killed.start():
                event["scope"] = (
                    "cgroup" if "emory cgroup out of memory" in text[: killed.start()] else "global"
                )
    return found


def _victim(found, pid, moment):
    for event in reversed(found):
        if moment - event["time"] > _SAME_KILL:
            break
        if event["pid"] == pid:
            return event
    found.append(
        {
            "time": moment,
            "pid": pid,
            "comm": None,
            "memcg": None,
            "uid": None,
            "scope": None,
            "rss": None,
        }
    )
    return found[-1]


def _is_of(event, gateway, seen):
    if event["memcg"] is not None:
        if in_unit(event["memcg"], gateway):
            return True
        # In another unit it is another's process, whatever its pid was an hour ago.
        if any(
            part.endswith(".service") and not part.startswith("user@")
            for part in event["memcg"].split("/")
        ):
            return False
    if event["uid"] not in (None, gateway.uid):
        return False
    if gateway.pid == event["pid"]:
        return gateway.start_time is not None and event["time"] >= gateway.start_time - 1
    first, last = seen.get(event["pid"], (0, -_PID_SEEN))
    return first <= event["time"] <= last + _PID_SEEN


def in_unit(memcg, gateway):
    """Whether cgroup path ``memcg`` is in the gateway's unit. Not asked of systemd: a unit that has just been killed has no cgroup."""
    parts = memcg.split("/")
    # In a container, or in any other unit, it is another gateway with the same name.
    above = parts[: parts.index(gateway.unit)] if gateway.unit in parts else []
    if any(part and not part.endswith(".slice") and not part.startswith("user@") for part in above):
        return False
    users = [part for part in parts if part.startswith("user@")]
    return gateway.unit in parts and users == (
        ["user@%d.service" % gateway.uid] if gateway.scope == "user" else []
    )


# ------------------------------------------------------------------------------------------ systemd, systemd-oomd


def add_told(kills, entries, gateways):
    """Add to ``kills`` what ``entries`` of the journal tell of that is not yet among them."""
    for entry in entries:
        kind, gateway = _kind(entry, gateways)
        if kind is None:
            continue
        invocation = unit_journal.invocation(entry)
        known = [
            kill
            for kill in kills
            if kill["name"] == gateway.name and _same(kill, entry.time, invocation, kind)
        ]
        fresh = [kill for kill in known if kind not in kill.get("_told", ())]
        # systemd counts: it tells twice of two kills, but may tell once of two that the kernel's log shows.
        if fresh or any(kill["source"] == "kernel" for kill in known):
            kill = fresh[-1] if fresh else known[-1]
        else:
            kill = _new(gateway, entry.time, "systemd-oomd" if kind == "oomd" else "systemd")
            kills.append(kill)
        kill["_told"] = kill.get("_told", ()) + (kind,)
        kill["_invocation"] = kill.get("_invocation") or invocation
        if kind.startswith("oomd"):
            kill["scope"] = "systemd-oomd"


def _same(kill, moment, invocation, kind):
    if kill.get("_invocation") and invocation:
        if kill["_invocation"] != invocation:
            return False
        if kind == "result":
            # It comes when the last process has ended, which may take as long as TimeoutStopSec.
            return moment - kill["time"] >= -_SAME_KILL
    return -_SAME_KILL <= moment - kill["time"] <= _SAME_LIFE


def _kind(entry, gateways):
    """(what the entry tells: oom, oomd, oomd-unit, result; whose it is), or (None, None)."""
    text = entry.fields.get("MESSAGE", "")
    if entry.fields.get("_SYSTEMD_UNIT") == OOMD_UNIT:
        killed = _OOMD.match(text)
        for gateway in gateways if killed else ():
            if in_unit(killed.group(1), gateway):
                return "oomd", gateway
        return None, None
    gateway = unit_journal.gateway_of(entry, gateways)
    identity = entry.fields.get("MESSAGE_ID")
    if gateway is None:
        return None, None
    if identity == OUT_OF_MEMORY or text.endswith(
        "A process of this unit has been killed by the OOM killer."
    ):
        return "oom", gateway
    if identity == OOMD_KILL or re.search(
        r": systemd-oomd killed (?:some|\d+) process\(es\) in this unit\.\Z", text
    ):
        return "oomd-unit", gateway
    if (
        identity == FAILURE_RESULT and entry.fields.get("UNIT_RESULT") == "oom-kill"
    ) or text.endswith("Failed with result 'oom-kill'."):
        return "result", gateway
    return None, None


# ------------------------------------------------------------------------------------------------------- counters


def _samples(gateway, since, notes):
    """The gateway's history from the sample before ``since`` on, oldest first."""
    try:
        samples = history.tail(os.path.join(config.STATE, gateway.name), _MAX_SAMPLES)
    except OSError as exc:
        notes.append("the history of %s cannot be read: %s" % (gateway.name, exc.strerror))
        return []
    before = [index for index, row in enumerate(samples) if row["timestamp"] < since]
    return samples[before[-1] :] if before else samples


def _pids(samples):
    seen = {}
    for row in samples:
        if row["pid"]:
            first = seen.get(row["pid"], (row["timestamp"] - (row["uptime_seconds"] or 0), 0))[0]
            seen[row["pid"]] = (first, row["timestamp"])
    return seen


def deltas(samples):
    """(after, at, count) for each rise of ``oom_kills`` from one sample to the next. A new life has a new counter, as one that falls tells too."""
    found = []
    last = None
    for row in samples:
        count = row.get("oom_kills")
        if count is None:
            continue
        lives = (
            {row.get("invocation_id"), last.get("invocation_id")} - {None}
            if last is not None
            else ()
        )
        fell = last is not None and (count < last["oom_kills"] or len(lives) > 1)
        rise = count if last is None or fell else count - last["oom_kills"]
        begin = row["timestamp"] - (row.get("uptime_seconds") or 0)
        after = (
            begin if last is None else max(begin, last["timestamp"]) if fell else last["timestamp"]
        )
        if rise:
            found.append((after, row["timestamp"], rise))
        last = row
    return found


def add_counted(kills, counted, gateway):
    """Add to ``kills`` those that only the cgroup's counter knows of, at the time of the sample that shows them."""
    for after, moment, count in counted:
        known = [
            kill
            for kill in kills
            if kill["name"] == gateway.name
            and "_counted" not in kill
            and after - _SAME_KILL <= kill["time"] <= moment + _SAME_KILL
        ][:count]
        for kill in known:
            kill["_counted"] = True
        for _more in range(min(count - len(known), _MAX_COUNTED)):
            kills.append(_new(gateway, moment, "counter", _counted=True))
