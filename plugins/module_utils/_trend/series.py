# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The samples of one gateway as columns, split into runs, with a time that survives clock changes.

A run lasts from one start of the gateway to the next. Memory is bounded: beyond MAX_SAMPLES, every
second sample is dropped, so that the rest still covers the whole history.
"""

from __future__ import annotations

import itertools
import operator
from array import array
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

# A month with a sample every 26 s, in 4 MB of memory.
MAX_SAMPLES = 100000
# A run never has a longer gap; a clock that starts in 1970 is later set ahead by decades.
LONGEST_SILENCE = 30 * 86400
# The numbers of a sample, in the order that Series.add expects.
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
NAN = float("nan")
_COLUMNS = ("time", "clock", "rss", "resident", "anon", "footprint")


class Run(NamedTuple):
    """A run: the index of its first sample, and the age of its process then, in seconds."""

    start: int
    age: float | None


class Identity(NamedTuple):
    """Provider, model and version of a gateway; None if unknown."""

    provider: str | None
    model: str | None
    version: str | None


class IdentityChange(NamedTuple):
    """From sample ``start`` on, the gateway has ``identity``."""

    start: int
    identity: Identity


Mark = TypeVar("Mark", Run, IdentityChange)


class Series:
    """Samples in the order in which they were taken, as columns.

    ``time`` is in seconds and never goes back within a run, ``clock`` is the host's clock. ``rss``,
    ``resident`` (RSS with swap), ``anon`` (with swap; NaN if unknown) and ``footprint`` are bytes.
    ``runs`` and ``identities`` hold the first sample of each. ``kills`` counts OOM kills; ``notes``
    lists problems with the history; ``step`` is the number of samples that each kept one
    represents.
    """

    def __init__(self) -> None:
        self.time, self.clock, self.rss, self.resident, self.anon, self.footprint = (
            array("d") for _column in _COLUMNS
        )
        self.runs: list[Run] = []
        self.identities: list[IdentityChange] = []
        self.kills = 0
        self.notes: list[str] = []
        self.step = 1
        # Problems while reading: lines that are not samples or hold NUL bytes, unknown columns.
        self.bad = self.nul = 0
        self.unknown: list[str] = []
        self.torn = False
        self.set_back = self.set_ahead = 0
        self._shift = 0.0
        self._born: float | None = None
        self._last_run: object = None
        self._last_uptime: float | None = None
        self._last_identity: Identity | None = None
        self._last_kills: float | None = None
        # Of the last sample of this run: swap, and the part of RSS that is not anonymous memory,
        # NaN if unknown.
        self._last_swap, self._file_pages = 0.0, NAN

    def __len__(self) -> int:
        return len(self.time)

    def bounds(self) -> list[tuple[int, int]]:
        """(index of the first sample, index after the last) of each run."""
        starts = [run.start for run in self.runs]
        return list(zip(starts, starts[1:] + [len(self)]))

    def add(self, run: object, numbers: Sequence[float | None], identity: Identity) -> None:
        """Add a sample of the run called ``run``, with ``numbers`` in the order of NUMBERS.

        A sample without time or RSS is counted as ``bad``.
        """
        clock, rss, uptime, anon, swap, tree, cgroup, kills = numbers
        if clock is None or rss is None:
            self.bad += 1
            return
        self._place(run, clock, uptime)
        # A missing value keeps the previous one: a gap does not mean that memory was released.
        if swap is None:
            swap = self._last_swap
        if anon is None:
            anon = rss - min(rss, self._file_pages) if self._file_pages >= 0 else NAN
        self._last_swap, self._file_pages = swap, rss - anon
        self.clock.append(clock)
        self.rss.append(rss)
        # Swapped memory was not released: a leak continues in swap if the host is short of memory.
        self.resident.append(rss + swap)
        self.anon.append(anon + swap)
        self.footprint.append(tree + swap if tree else cgroup or rss + swap)
        if self._last_identity != identity:
            self._last_identity = identity
            self.identities.append(IdentityChange(len(self) - 1, identity))
        if kills is not None:
            self.kills += max(0, int(kills - (self._last_kills or 0)))
            self._last_kills = kills
        if len(self) > MAX_SAMPLES:
            self.thin()

    def extend(
        self, run: object, columns: Sequence[Sequence[float] | None], identity: Identity
    ) -> None:
        """Add many samples of one run at once, with the same result as ``add`` for each.

        ``columns`` has one column for each of NUMBERS, None if all its values are unknown.
        """
        self.add(run, [None if one is None else one[0] for one in columns], identity)
        rest = [None if one is None else one[1:] for one in columns]
        if not self._append(rest):
            unknown = itertools.repeat(None)
            for numbers in zip(*[unknown if one is None else one for one in rest]):
                self.add(run, numbers, identity)
        while len(self) > MAX_SAMPLES:
            self.thin()

    def _append(self, columns: Sequence[Sequence[float] | None]) -> bool:
        """Append samples to the last run.

        Returns False and appends nothing if they may belong to another run or the clock jumped.
        """
        clock, rss, uptime, anon, swap, tree, cgroup, kills = columns
        if not clock or not rss:
            return False
        if uptime is None or self._born is None:
            time = [self._shift + at for at in clock]
        else:
            time = [self._shift + (self._born + age) for age in uptime]
        if time[-1] > self.time[-1] + LONGEST_SILENCE or not (
            _rises(self.time[-1], time)
            and (uptime is None or _rises(self._last_uptime, uptime))
            and (kills is None or _rises(self._last_kills, kills))
        ):
            return False
        if anon is None and self._file_pages >= 0:
            return False
        swap = swap or [self._last_swap] * len(time)
        resident = list(map(operator.add, rss, swap))
        none = [0.0] * len(time)
        self.time.fromlist(time)
        self.clock.extend(clock)
        self.rss.extend(rss)
        self.resident.fromlist(resident)
        self.anon.extend(map(operator.add, anon, swap) if anon else [NAN] * len(time))
        self.footprint.extend(
            tree_size + swapped if tree_size else in_cgroup or size
            for tree_size, swapped, in_cgroup, size in zip(
                tree or none, swap, cgroup or none, resident
            )
        )
        self._last_uptime = uptime[-1] if uptime else None
        self._last_swap = swap[-1]
        self._file_pages = rss[-1] - anon[-1] if anon else NAN
        if kills is not None:
            self.kills += int(kills[-1] - (self._last_kills or 0))
            self._last_kills = kills[-1]
        return True

    def _place(self, run: object, clock: float, uptime: float | None) -> None:
        """Determine the run of the sample and its time in it."""
        # The boot clock never goes back, so a smaller uptime is another process.
        new = (
            run != self._last_run
            or uptime is not None
            and self._last_uptime is not None
            and uptime < self._last_uptime
        )
        if new:
            self.runs.append(Run(len(self), uptime))
            self._last_run = run
            self._shift = 0.0
            self._born = None if uptime is None else clock - uptime
            self._last_kills = None
            self._last_swap, self._file_pages = 0.0, NAN
        self._last_uptime = uptime
        # The age of the process comes from the boot clock, which cannot be set.
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

    def thin(self) -> None:
        """Drop every second sample."""
        self.step *= 2
        for name in _COLUMNS:
            setattr(self, name, getattr(self, name)[::2])
        # A run without remaining samples starts at the same index as the next one.
        self.runs = [one._replace(start=(one.start + 1) // 2) for one in self.runs]
        self.identities = [one._replace(start=(one.start + 1) // 2) for one in self.identities]

    def part(self, start: int, end: int) -> Series:
        """Samples ``start`` to ``end`` with their runs; a run that is cut keeps its age."""
        part = Series()
        for name in _COLUMNS:
            setattr(part, name, getattr(self, name)[start:end])
        for run, (first, last) in zip(self.runs, self.bounds()):
            if last > start and first < end:
                cut = max(first, start)
                age = run.age
                if age is not None and cut > first:
                    age += self.time[cut] - self.time[first]
                part.runs.append(Run(cut - start, age))
        return part

    def of_this_version(self) -> Series:
        """The samples since the last change of the version.

        Samples of an earlier version say nothing about the version that runs now.
        """
        known = [one for one in self.identities if one.identity.version]
        changes = [
            new
            for old, new in zip(known, known[1:])
            if old.identity.version != new.identity.version
        ]
        if not changes:
            return self
        first, identity = changes[-1]
        later = self.part(first, len(self))
        if first not in [run.start for run in self.runs]:
            # The run is cut: the new version counts from here, as if the process had just started.
            later.runs[0] = Run(0, None)
        later.identities = [
            one._replace(start=one.start - first) for one in self.identities if one.start >= first
        ]
        later.kills = self.kills
        later.notes = self.notes + [
            "only version %s was analysed; %d samples of earlier versions were ignored"
            % (identity.version, first)
        ]
        return later

    def finish(self) -> Series:
        """Add what was ignored to ``notes``; returns self."""
        # Thinning may have removed all samples of a short run.
        self.runs = _with_samples(self.runs, len(self))
        self.identities = _with_samples(self.identities, len(self))
        if self.nul:
            self.notes.append(
                "%d lines contain NUL bytes, as after a power loss or a disk failure; "
                "the bytes were ignored" % self.nul
            )
        if self.unknown:
            self.notes.append("unknown columns were ignored: %s" % ", ".join(self.unknown)[:200])
        if self.bad:
            self.notes.append(
                "%d lines were ignored, because they are incomplete or contain invalid numbers"
                % self.bad
            )
        if self.torn:
            self.notes.append(
                "the last line was ignored, because it is incomplete: "
                "it was cut short or is still being written"
            )
        if self.set_back:
            self.notes.append(
                "the clock was set back %s; later samples are treated as continuous"
                % _times(self.set_back)
            )
        if self.set_ahead:
            self.notes.append(
                "the clock jumped ahead by more than %d days %s; "
                "later samples are treated as continuous"
                % (LONGEST_SILENCE // 86400, _times(self.set_ahead))
            )
        if self.step > 1:
            self.notes.append("the history is long: only 1 sample in %d was used" % self.step)
        return self


def _with_samples(marks: list[Mark], end: int) -> list[Mark]:
    """Those of ``marks`` that start before the next one and before ``end``."""
    following = [mark.start for mark in marks[1:]] + [end]
    return [mark for mark, after in zip(marks, following) if mark.start < after]


def _rises(before: float | None, values: Sequence[float]) -> bool:
    """Whether ``values`` never fall, starting from ``before``."""
    return (before is None or before <= values[0]) and sorted(values) == list(values)


def _times(count: int) -> str:
    return "once" if count == 1 else "%d times" % count
