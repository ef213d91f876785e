# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The coordinates of the chart of one gateway, from which the template draws an SVG."""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple, Sequence

from . import _answers, _fleet

# A step of the time axis in hours, and the format of its tick labels.
STEPS_HOURS = (
    (1 / 60, "%H:%M"),
    (5 / 60, "%H:%M"),
    (0.25, "%H:%M"),
    (1, "%H:%M"),
    (3, "%H:%M"),
    (6, "%H:%M"),
    (12, "%-d %b %H:%M"),
    (24, "%-d %b"),
    (48, "%-d %b"),
    (72, "%-d %b"),
    (168, "%-d %b"),
    (336, "%-d %b"),
    (720, "%-d %b"),
    (2160, "%b %Y"),
    (8760, "%Y"),
)
# More lines than this are not readable.
MANY = 40
# A limit above this multiple of the highest point would flatten the line, so it is not drawn.
NEAR_LIMIT = 2.5


class Frame:
    """The size of a chart and of its margins, in units of the SVG."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.left, self.right, self.top, self.bottom = 54, width - 12, 36, height - 24


SMALL = Frame(420, 204)
LARGE = Frame(1080, 340)


class Point(NamedTuple):
    """One or more samples: ``time`` in epoch seconds, RSS and baseline in MB, number of the run."""

    time: float
    rss: float
    floor: float | None
    run: float


class Change(NamedTuple):
    """A change of provider, model or version: its time and the new value."""

    time: float
    name: str


class Tick(NamedTuple):
    """A value on an axis, and its label."""

    value: float
    label: str


class _Axes:
    """Converts a time (epoch seconds) and a size (MB) into coordinates."""

    def __init__(self, frame: Frame, start: float, end: float, top: float) -> None:
        self.frame, self.start, self.end, self.top = frame, start, end, top

    def x(self, time: float) -> float:
        width = self.frame.right - self.frame.left
        return self.frame.left + (time - self.start) / (self.end - self.start) * width

    def y(self, size: float) -> float:
        return self.frame.bottom - size / self.top * (self.frame.bottom - self.frame.top)


def plot(row: _fleet.Row, frame: Frame) -> dict[str, Any] | None:
    """The chart of ``row``, or None if there are fewer than two samples."""
    chart = row["chart"]
    points = _points(chart.get("points")) if chart else []
    if len(points) < 2:
        return None
    start, end = min(point.time for point in points), max(point.time for point in points)
    if end <= start:
        return None
    highest = max(max(point.rss, point.floor or 0) for point in points)
    limit = row["limit_mb"]
    shown = limit if limit and limit <= NEAR_LIMIT * highest else None
    ticks, top = _scale_mb(max(highest, shown or 0) * 1.06)
    axes = _Axes(frame, start, end, top)
    runs = _runs(points)
    times = [
        time for time in map(_answers.number, _list(chart.get("restarts"))) if time is not None
    ]
    restarts = [axes.x(time) for time in times if start <= time <= end]
    changes = _changes(chart.get("providers"), start, end)
    kills = [time for time in chart["kills"] if start <= time <= end + 0.02 * (end - start)]
    fits = [_fit(run, row, axes) for run in runs] if row["slope_ci"] else []
    return {
        "frame": frame,
        "rss": "".join(_path([(axes.x(one.time), axes.y(one.rss)) for one in run]) for run in runs),
        "floor": "".join(_path(_floor(run, axes)) for run in runs),
        "fits": [fit for fit in fits if fit],
        "limit": None if shown is None else round(axes.y(shown), 1),
        "beyond": limit is not None and shown is None,
        "restarts": [round(at, 1) for at in restarts],
        "many_restarts": len(restarts) > MANY,
        "kills": [round(min(axes.x(time), frame.right), 1) for time in kills][-MANY:],
        "changes": [
            {"x": round(axes.x(one.time), 1), "time": one.time, "to": one.name} for one in changes
        ],
        "rows": [{"y": round(axes.y(tick.value), 1), "label": tick.label} for tick in ticks],
        "columns": [
            {"x": round(axes.x(tick.value), 1), "label": tick.label}
            for tick in _columns(start, end, 3 if frame is SMALL else 9)
        ],
        "words": _words(row, points, len(restarts), len(kills), len(changes)),
    }


def _points(value: object) -> list[Point]:
    """The points that a host returned, in bytes, as points sorted by time in each run."""
    found = []
    for given in _list(value):
        numbers = [_answers.number(one) for one in (list(_list(given)) + [None] * 4)[:4]]
        time, rss, floor, run = numbers
        # Values outside these ranges are impossible for a clock or a computer.
        if time is None or rss is None or not 0 < time < 1e11 or not 0 <= rss < 1e15:
            continue
        known = floor is not None and 0 <= floor < 1e15
        floor_mb = floor / _fleet.MB if floor is not None and known else None
        found.append(Point(time, rss / _fleet.MB, floor_mb, run or 0))
    return sorted(found, key=lambda point: (point.run, point.time))


def _floor(run: list[Point], axes: _Axes) -> list[tuple[float, float]]:
    return [(axes.x(one.time), axes.y(one.floor)) for one in run if one.floor is not None]


def _list(value: object) -> Sequence[Any]:
    return value[: _fleet.MAX_POINTS] if isinstance(value, (list, tuple)) else []


def _runs(points: list[Point]) -> list[list[Point]]:
    runs = [[points[0]]]
    for point in points[1:]:
        if point.run != runs[-1][-1].run:
            runs.append([])
        runs[-1].append(point)
    return runs


def _changes(identities: object, start: float, end: float) -> list[Change]:
    """The last changes between ``start`` and ``end``."""
    found, last = [], None
    for given in _list(identities):
        identity = list(_list(given))
        time = _answers.number(identity[0]) if identity else None
        words = [_answers.text(word, 60) for word in identity[1:4]]
        name = " / ".join(word for word in words if word) or "unknown"
        if time is None or name == last:
            continue
        if last is not None and start <= time <= end:
            found.append(Change(time, name))
        last = name
    return found[-12:]


def _path(places: list[tuple[float, float]]) -> str:
    """The ``d`` of a path: one absolute point, then short relative steps of a tenth of a unit.

    Rounding errors do not accumulate.
    """
    if not places:
        return ""
    at = [round(10 * value) for value in places[0]]
    parts = ["M%s %s" % tuple(_tenth(value) for value in at)]
    for place in places[1:]:
        now = [round(10 * value) for value in place]
        parts.append("l%s %s" % (_tenth(now[0] - at[0]), _tenth(now[1] - at[1])))
        at = now
    # A run of one sample is a dot, which the line cap draws.
    return "".join(parts) if len(places) > 1 else parts[0] + "h.1"


def _tenth(value: int) -> str:
    shown = "%d" % (value // 10) if value % 10 == 0 else "%.1f" % (value / 10)
    return shown.replace("0.", ".", 1) if shown.startswith(("0.", "-0.")) else shown


def _fit(run: list[Point], row: _fleet.Row, axes: _Axes) -> dict[str, str] | None:
    """The line of the fitted slope through the middle of a run's baseline, and its band.

    None if too little of the run was analysed.
    """
    since = _answers.number(row["chart"].get("judged_from")) or 0
    floors = [(one.time, one.floor) for one in run if one.floor is not None and one.time >= since]
    if len(floors) < 4 or floors[-1][0] - floors[0][0] < 0.01 * (axes.end - axes.start):
        return None
    middle, level = _median([time for time, floor in floors]), _median([one[1] for one in floors])
    low, high = row["slope_ci"] or (row["slope_mb_per_hour"],) * 2

    def at(time: float, slope: float) -> str:
        size = level + slope * (time - middle) / _fleet.HOUR
        return "%.1f,%.1f" % (axes.x(time), axes.y(size))

    first, last, slope = floors[0][0], floors[-1][0], row["slope_mb_per_hour"]
    band = [(first, low), (middle, low), (last, high), (last, low), (middle, low), (first, high)]
    return {
        "line": "M%sL%s" % (at(first, slope), at(last, slope)),
        "band": " ".join(at(time, bound) for time, bound in band),
    }


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _scale_mb(most: float) -> tuple[list[Tick], float]:
    """The 4 to 6 ticks, and the top of the scale.

    The scale begins at 0, because a truncated scale exaggerates a slope.
    """
    most = max(most, 1)
    rough = most / 5
    unit, name = (1024, "GB") if most >= 4096 else (1, "MB")
    power = 10 ** math.floor(math.log10(rough / unit))
    factors = [factor for factor in (1, 2, 2.5, 5, 10) if factor * power * unit >= rough]
    step = unit * power * min(factors, default=10)
    count = math.ceil(most / step)
    ticks = [
        Tick(step * number, "%g %s" % (round(step * number / unit, 6), name))
        for number in range(count + 1)
    ]
    return ticks, step * count


def _columns(start: float, end: float, most: int) -> list[Tick]:
    """The ticks of the time axis, at full hours or at midnight UTC."""
    hours = (end - start) / _fleet.HOUR
    step, form = next(
        ((step, form) for step, form in STEPS_HOURS if hours / step <= most), STEPS_HOURS[-1]
    )
    step *= _fleet.HOUR
    found, at = [], math.ceil(start / step) * step
    while at <= end:
        shown = time.strftime(form.replace("%-d", "%d"), time.gmtime(at))
        found.append(Tick(at, shown.lstrip("0") if "%-d" in form else shown))
        at += step
    return found[: 2 * most]


def _words(row: _fleet.Row, points: list[Point], restarts: int, kills: int, changes: int) -> str:
    """A description of the chart for screen readers."""
    first, last = points[0], points[-1]
    words = "Resident memory from %s on %s to %s on %s, at most %s." % (
        _fleet.megabytes(first.rss),
        _fleet.moment(first.time),
        _fleet.megabytes(last.rss),
        _fleet.moment(last.time),
        _fleet.megabytes(max(point.rss for point in points)),
    )
    if row["slope_mb_per_hour"] is not None:
        words += " Fitted slope in MB per hour, with its 95 % interval: " + _fleet.slope(row) + "."
    if row["limit_mb"] is not None:
        words += " Limit %s." % _fleet.megabytes(row["limit_mb"])
    return words + " Restarts: %d. OOM kills: %d. Changes of provider, model or version: %d." % (
        restarts,
        kills,
        changes,
    )
