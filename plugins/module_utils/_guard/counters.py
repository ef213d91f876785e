# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The counters of one gateway, counters.json: totals from its ledger and its cgroup.

Prometheus takes a counter that falls for a reset, and adds its whole value again. The ledger is
halved when it is too long, so the totals cannot be recounted from it. The file therefore stores the
totals and the last line that they include. Only a full check writes it. If it is lost or damaged,
all totals start at 0, and entries already in the ledger are never counted.
"""

from __future__ import annotations

import json
import os

from .._host import display, files
from .._host.errors import FileError
from . import metrics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

NAME = "counters.json"
# The same name as in ledger.py, which most checks do not need to import.
LEDGER = "ledger.jsonl"
# The total for each event of the ledger.
EVENTS = {"restart": "restarts", "failed": "failures", "refused": "refusals", "alert": "alerts"}
# The valid labels of each total: the code, or for restarts the trigger and the mode. A damaged line
# is not counted.
_KNOWN = {
    "restarts": frozenset(
        "%s %s" % (who, how) for who in metrics.TRIGGERS for how in metrics.MODES
    ),
    "failures": frozenset(metrics.FAILURES),
    "refusals": frozenset(metrics.REFUSALS),
    "alerts": frozenset(metrics.ALERTS),
}
# Bytes of the last line that are stored, so that the file never becomes too large to read.
_MOST_OF_LINE = 4096
# New versions of Hermes in a day that get a series: a user could restart with any number of them.
_MOST_VERSIONS = 4
# The numbers stored for a run: its start, the last counter of its cgroup, its last limit, and when
# the journal was asked about its end.
_OF_RUN = ("start", "oom_kills", "limit", "asked")
# Restarts by the watchdog that are stored: more than a day can have.
_MOST_RECENT = 200


class Counters:
    """The counters of the gateway with state directory ``folder``, up to date with its ledger.

    ``totals`` has a dict for each of EVENTS and the number ``oom_kills``. ``run`` is the last run
    that a check has seen: see saw(). ``timer`` is what page_questions.py has found out about the
    restart timer.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        record = _stored(folder)
        self.changed = record is None
        record = record or {}
        self.totals: dict[str, Any] = record.get("totals") or _zeros()
        # How far the ledger is counted: its stat values, the last entry and its time.
        self._place: dict[str, Any] = record.get("ledger") or {}
        self._recent: list[list[Any]] = record.get("recent") or []
        self.run: dict[str, Any] = record.get("run") or {}
        self.timer: dict[str, Any] = record.get("timer") or {}
        self._versions = _times(record.get("versions"))
        news = self._news()
        if not self._place.get("begun"):
            # The first page does not count older entries.
            self._place["begun"] = True
            self._recent = _of_watchdog(news)
            return
        for entry in news:
            self._count(entry)
        self._recent = (self._recent + _of_watchdog(news))[-_MOST_RECENT:]

    def save(self) -> None:
        """Write the file if anything has changed. Raises OSError."""
        if not self.changed:
            return
        record = {
            "totals": self.totals,
            "ledger": self._place,
            "recent": self._recent,
            "run": self.run,
            "timer": self.timer,
            "versions": self._versions,
        }
        # A gateway that has never run has no directory yet.
        os.makedirs(self.folder, mode=0o755, exist_ok=True)
        files.write_atomic(os.path.join(self.folder, NAME), json.dumps(record) + "\n")
        self.changed = False

    def of_last_day(self, now: float) -> int:
        """How often the watchdog has restarted the gateway in the 24 hours before ``now``.

        Like policy.py, it also counts times in the future: a clock that was set back leaves some.
        """
        near = [run for time, run in self._recent if abs(now - time) < display.DAY]
        return len(set(near))

    def is_over(self, run: list[Any] | None) -> bool:
        """Whether the last run that was seen has ended; ``run`` is the current one, or None."""
        known = self.run.get("id")
        if known is None or known == run:
            return False
        return run is not None or "asked" not in self.run

    def waits_for_journal(self, run: list[Any]) -> bool:
        """Whether the journal must still be asked about the end of the run before ``run``."""
        return self.is_over(run) and "asked" not in self.run

    def add_oom_kills(self, kills: int) -> None:
        """Count OOM kills that the counter of the cgroup did not show."""
        self.totals["oom_kills"] += kills
        self.changed = self.changed or kills > 0

    def saw(self, run: list[Any], row: dict[str, Any], start: float) -> None:
        """Update from sample ``row`` of ``run``, which started at ``start`` (epoch seconds).

        The kernel counts OOM kills for each cgroup, and a new run has a new cgroup.
        """
        kills = row["oom_kills"]
        if self.run.get("id") != run:
            # Kills before the first page are not counted.
            seen = 0 if self.run else kills
            self.run = {"id": run, "start": int(start), "oom_kills": seen}
            self.changed = True
        seen = self.run.get("oom_kills") or 0
        if kills is not None and kills != self.run.get("oom_kills"):
            # A counter that falls belongs to a new cgroup.
            self.add_oom_kills(kills - seen if kills >= seen else kills)
            self.run["oom_kills"] = kills
            self.changed = True

    def keep(self, name: str, value: object) -> None:
        """Store ``value`` with the last run that was seen."""
        if self.run.get(name) != value:
            self.run[name] = value
            self.changed = True

    def admits(self, version: str, now: float) -> bool:
        """Whether ``version`` may be on the page: each new one is a new series."""
        near = {one: at for one, at in self._versions.items() if abs(now - at) < display.DAY}
        if version not in near and len(near) >= _MOST_VERSIONS:
            return False
        near.setdefault(version, now)
        self.changed = self.changed or near != self._versions
        self._versions = near
        return True

    def set_timer(self, timer: dict[str, Any]) -> None:
        """Store what page_questions.py has found out about the restart timer."""
        self.timer = timer
        self.changed = True

    def _count(self, entry: dict[str, Any]) -> None:
        event = EVENTS.get(str(entry.get("event")))
        if event is None:
            return
        what = str(entry.get("code"))
        if event == "restarts":
            what = "%s %s" % (entry.get("trigger"), entry.get("mode"))
        if what in _KNOWN[event]:
            self.totals[event][what] = self.totals[event].get(what, 0) + 1

    def _news(self) -> list[dict[str, Any]]:
        """The entries of the ledger that are not counted yet, without an incomplete last line."""
        path = os.path.join(self.folder, LEDGER)
        place = self._place
        try:
            info = os.stat(path)
            if _stamp(info) == place.get("seen"):
                return []
            with open(path, "rb") as handle:
                # Before the read: the next check counts what is appended meanwhile.
                seen = _stamp(os.fstat(handle.fileno()))
                content = handle.read()
        except OSError:
            return []
        # Imported here because it is rarely needed.
        from . import ledger

        whole = content[: content.rfind(b"\n") + 1]
        found = _after(whole, place.get("last", "").encode("latin-1", "replace"))
        since = 0.0
        if found is None:
            # The last counted entry is gone: later entries are not counted yet.
            found, since = whole, place.get("time", 0.0)
        news = []
        for line in found.split(b"\n"):
            entry = ledger.entry_of(line)
            if entry is not None and entry["time"] > since:
                news.append(entry)
                place["last"] = line[:_MOST_OF_LINE].decode("latin-1")
                place["time"] = float(entry["time"])
        place["seen"] = seen
        self.changed = True
        return news


def _stamp(info: os.stat_result) -> list[int]:
    # A ledger that was removed and created again may have the same inode and size.
    return [info.st_ino, info.st_size, info.st_mtime_ns]


def _after(whole: bytes, last: bytes) -> bytes | None:
    """The lines after the line ``last``; None if it is not in ``whole``."""
    if not last:
        return whole
    whole = b"\n" + whole
    at = whole.rfind(b"\n" + last + (b"\n" if len(last) < _MOST_OF_LINE else b""))
    return None if at < 0 else whole[whole.index(b"\n", at + 1) + 1 :]


def _of_watchdog(entries: Iterable[dict[str, Any]]) -> list[list[Any]]:
    """The time and the run of each restart by the watchdog."""
    return [
        [float(entry["time"]), str(entry.get("invocation_id"))[:64]]
        for entry in entries
        if entry.get("event") in ("begun", "restart", "failed")
        and entry.get("trigger") == "watchdog"
    ][-_MOST_RECENT:]


def _zeros() -> dict[str, Any]:
    return dict({name: {} for name in EVENTS.values()}, oom_kills=0)


def _times(found: object) -> dict[str, float]:
    """The valid times of ``found``, by name."""
    if not isinstance(found, dict):
        return {}
    return {name: at for name, at in found.items() if metrics.finite(at) is not None}


def _stored(folder: str) -> dict[str, Any] | None:
    """The content of the file; None if it is missing or damaged."""
    try:
        record = files.read_own_json(os.path.join(folder, NAME))
    except FileError:
        return None
    return record if record is not None and _is_sound(record) else None


def _is_sound(record: dict[str, Any]) -> bool:
    totals, place, recent = record.get("totals"), record.get("ledger"), record.get("recent")
    if not (isinstance(totals, dict) and isinstance(place, dict) and isinstance(recent, list)):
        return False
    counted = [totals.get("oom_kills")]
    for name in EVENTS.values():
        if not isinstance(totals.get(name), dict):
            return False
        counted += totals[name].values()
    return (
        all(isinstance(one, int) and one >= 0 for one in counted)
        and isinstance(place.get("last", ""), str)
        and isinstance(place.get("time", 0.0), (int, float))
        and all(isinstance(record.get(name, {}), dict) for name in ("run", "timer"))
        and all(
            isinstance(record.get("run", {}).get(name), (int, float, type(None)))
            for name in _OF_RUN
        )
        and all(
            isinstance(one, list) and [type(part) for part in one] in ([float, str], [int, str])
            for one in recent
        )
    )
