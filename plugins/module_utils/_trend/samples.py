# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A history, read for judging: from any CSV with at least the columns timestamp, invocation_id and rss_bytes, in any order.

What is read may be torn, ten million lines long, or written while the clock was wrong: each costs a sentence in ``notes`` and as
little else as possible. Memory is bounded: beyond MAX_SAMPLES every second sample is let go, so that those which stay cover it all.
"""

from __future__ import annotations

import csv
import operator
from array import array

from .._host.errors import HistoryError

MAX_SAMPLES = 100000
# No life is without a sample for so long; a clock that starts in 1970 is set ahead by decades.
LONGEST_SILENCE = 30 * 86400
NEEDED = ("timestamp", "invocation_id", "rss_bytes")
NUMBERS = (
    "timestamp",
    "rss_bytes",
    "uptime_seconds",
    "anon_bytes",
    "swap_bytes",
    "tree_rss_bytes",
    "cgroup_bytes",
    "oom_kills",
)
IDENTITY = ("provider", "model", "version")
_LINE = 1 << 16
NAN = float("nan")


class Series:
    """Samples in the order in which they were taken, as columns.

    ``time`` is seconds that run on within a life whatever the clock did, ``clock`` what the clock said; ``rss``, ``anon`` (with
    swap; NaN where unknown) and ``footprint`` are bytes. ``lives`` is a list of (index of the first sample, age in seconds of the
    process at it or None); ``identities`` one of (index, (provider, model, version)) wherever one of the three changed.
    """

    def __init__(self):
        self.time, self.clock, self.rss, self.anon, self.footprint = (
            array("d") for dummy in range(5)
        )
        self.lives = []
        self.identities = []
        self.kills = 0
        self.notes = []
        self.step = 1
        self.bad = 0
        self.set_back = self.set_ahead = 0
        self.torn = False
        self._shift = 0.0
        self._born = None
        self._last_life = None
        self._last_uptime = None
        self._last_identity = None
        self._last_kills = None

    def __len__(self):
        return len(self.time)

    def add(self, life, numbers, identity):
        """Take a sample: ``numbers`` (float or None) in the order of NUMBERS, ``identity`` as in ``identities``; one without time or RSS is ``bad``."""
        clock, rss, uptime, anon, swap, tree, cgroup, kills = numbers
        if clock is None or rss is None:
            self.bad += 1
            return
        self._place(life, clock, uptime)
        swap = swap or 0.0
        self.clock.append(clock)
        self.rss.append(rss)
        # What is swapped out was not given back: a leak goes on there when the host is short of memory.
        self.anon.append(NAN if anon is None else anon + swap)
        self.footprint.append(tree + swap if tree else cgroup or rss + swap)
        if self._last_identity != identity:
            self._last_identity = identity
            self.identities.append((len(self) - 1, identity))
        if kills is not None:
            self.kills += max(0, int(kills - (self._last_kills or 0)))
            self._last_kills = kills
        if len(self) > MAX_SAMPLES:
            self._thin()

    def _place(self, life, clock, uptime):
        # The boot clock does not go back: another process, with a name that is not its own, as where there is none.
        new = (
            life != self._last_life
            or uptime is not None
            and self._last_uptime is not None
            and uptime < self._last_uptime
        )
        if new:
            self.lives.append((len(self), uptime))
            self._last_life = life
            self._shift = 0.0
            self._born = None if uptime is None else clock - uptime
            self._last_kills = None
        self._last_uptime = uptime
        # The age of the process is told by the boot clock, which nobody sets.
        now = self._shift + (clock if uptime is None or self._born is None else self._born + uptime)
        if not new and now < self.time[-1]:
            self.set_back += 1
            self._shift += self.time[-1] - now
            now = self.time[-1]
        elif not new and now > self.time[-1] + LONGEST_SILENCE:
            self.set_ahead += 1
            self._shift += self.time[-1] - now
            now = self.time[-1]
        self.time.append(now)

    def _thin(self):
        self.step *= 2
        for name in ("time", "clock", "rss", "anon", "footprint"):
            setattr(self, name, getattr(self, name)[::2])
        # A life of which no sample stays begins where the next one does.
        self.lives = [((one[0] + 1) // 2,) + one[1:] for one in self.lives]
        self.identities = [((one[0] + 1) // 2,) + one[1:] for one in self.identities]

    def of_this_version(self):
        """What was sampled since the last change of the version: what an upgrade mended is no verdict on what runs now."""
        versions = [(start, identity[2]) for start, identity in self.identities if identity[2]]
        changes = [new for old, new in zip(versions, versions[1:]) if old[1] != new[1]]
        if not changes:
            return self
        first, version = changes[-1]
        later = Series()
        for name in ("time", "clock", "rss", "anon", "footprint"):
            setattr(later, name, getattr(self, name)[first:])
        later.kills = self.kills
        later.notes = self.notes + [
            "judged is version %s alone; %d samples of earlier versions were left out"
            % (version, first)
        ]
        for name in ("lives", "identities"):
            past = [one for one in getattr(self, name) if one[0] <= first]
            # The age of a life that began before is not known at the cut, so it counts from there.
            start = (
                past[-1]
                if past and past[-1][0] == first
                else (first, None)
                if name == "lives"
                else past[-1]
            )
            setattr(
                later,
                name,
                [(0,) + start[1:]]
                + [(one[0] - first,) + one[1:] for one in getattr(self, name) if one[0] > first],
            )
        return later

    def finish(self):
        """Say in ``notes`` what had to be left out; returns self."""
        # Thinning may have left nothing of a short one.
        self.lives, self.identities = (
            _with_samples(self.lives, len(self)),
            _with_samples(self.identities, len(self)),
        )
        if self.bad:
            self.notes.append(
                "%d lines are no samples, because they are torn or hold what is no number, and were left out"
                % self.bad
            )
        if self.torn:
            self.notes.append(
                "the last line has no end, as when it is cut short or still being written, and was left out"
            )
        if self.set_back:
            self.notes.append(
                "the clock was set back %s; the samples after it are taken to follow on"
                % _times(self.set_back)
            )
        if self.set_ahead:
            self.notes.append(
                "the clock went ahead by more than %d days %s; the samples after it are taken to follow on"
                % (LONGEST_SILENCE // 86400, _times(self.set_ahead))
            )
        if self.step > 1:
            self.notes.append("a long history: one sample in %d was used" % self.step)
        return self


def _with_samples(marks, end):
    """Those of ``marks``, tuples that begin with an index, that begin before the next one does, and before ``end``."""
    return [
        one for one, after in zip(marks, [mark[0] for mark in marks[1:]] + [end]) if one[0] < after
    ]


def of_rows(rows):
    """The Series of ``rows``, dicts by column."""
    series = Series()
    for row in rows:
        series.add(
            row.get("invocation_id") or row.get("pid") or "",
            [_number(row.get(name)) for name in NUMBERS],
            tuple([row.get(name) or None for name in IDENTITY]),
        )
    return series.finish()


def of_file(path):
    """The Series of the CSV file ``path``; HistoryError where it cannot be read or lacks a column that is needed."""
    try:
        with open(path, "rb") as handle:
            return _of_lines(handle, path)
    except OSError as exc:
        raise HistoryError("%s cannot be read: %s" % (path, exc.strerror)) from exc


def _of_lines(handle, path):
    series = Series()
    lines = _lines(handle, series)
    header = [
        name.strip().strip('"').lower()
        for name in _text(next(lines, b"")).lstrip("\ufeff").split(",")
    ]
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise HistoryError(
            "%s has no column %s; needed are %s in the first line, and it has: %s"
            % (
                path,
                " and no column ".join(missing),
                ", ".join(NEEDED),
                ", ".join(header)[:200] or "nothing",
            )
        )
    width = len(header)
    present = [place for place, name in enumerate(NUMBERS) if name in header]
    numbers_of = operator.itemgetter(*[header.index(NUMBERS[place]) for place in present])
    # An unknown word stands behind the last one, for each column that is missing.
    life, pid = header.index("invocation_id"), header.index("pid") if "pid" in header else width
    label_of = operator.itemgetter(
        *[header.index(name) if name in header else width for name in IDENTITY]
    )
    skipped = nul = 0
    known = {}
    for line in lines:
        skipped += 1
        if skipped < series.step:
            continue
        skipped = 0
        if b"\0" in line:
            nul += 1
            line = line.replace(b"\0", b"")
        if line[-1:] == b"\r":
            line = line[:-1]
        if not line:
            continue
        # Bytes are made numbers as they are: to decode each line would take as long as all the rest.
        values = _quoted(line) if b'"' in line else line.split(b",")
        if len(values) != width:
            series.bad += 1
            continue
        values.append(b"")
        label = label_of(values)
        if label not in known:
            known[label] = tuple([value.decode("utf-8", "replace") or None for value in label])
        numbers = _numbers(numbers_of(values))
        if len(present) < len(NUMBERS):
            found, numbers = numbers, [None] * len(NUMBERS)
            for place, number in zip(present, found):
                numbers[place] = number
        series.add(values[life] or values[pid], numbers, known[label])
    if nul:
        series.notes.append(
            "%d lines hold NUL bytes, as a failing disk or a power loss leaves them; the bytes were passed over"
            % nul
        )
    unknown = [
        name
        for name in header
        if name not in NUMBERS + IDENTITY + ("invocation_id", "pid", "active_agents")
    ]
    if unknown:
        series.notes.append(
            "columns that are not known were passed over: %s" % ", ".join(unknown)[:200]
        )
    return series.finish()


def _lines(handle, series):
    """The lines of ``handle``, without their ends; one that never ends is cut, not kept in memory, and the last needs its end."""
    rest = b""
    while True:
        block = handle.read(_LINE)
        if not block:
            break
        lines = (rest + block).split(b"\n")
        rest = lines.pop()[:_LINE]
        yield from lines
    # The start of a number looks like a number.
    series.torn = bool(rest)


def _times(count):
    return "once" if count == 1 else "%d times" % count


def _text(line):
    return line.replace(b"\0", b"").decode("utf-8", "replace").rstrip("\r")


def _quoted(line):
    try:
        return [value.encode("utf-8") for value in next(csv.reader([_text(line)]), [])]
    except csv.Error:
        return []


def _numbers(values):
    """Each of ``values`` as by _number; all at once where that works, which is six times as fast."""
    try:
        numbers = list(map(float, values))
    except ValueError:
        return [_number(value) for value in values]
    # Also false where one is no number at all.
    return (
        numbers
        if min(numbers) >= 0 and sum(numbers) < 1e18
        else [_number(value) for value in values]
    )


def _number(value):
    """``value`` (number, its text or bytes) as float; None where it is none, or beyond anything that is measured here."""
    if not value:
        return 0.0 if value == 0 else None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number < 1e18 else None
