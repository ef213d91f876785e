# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything lies in the chart of one gateway: numbers for an SVG, which the template draws."""

from __future__ import annotations

import math
import time

from . import _fleet

# A step of the time axis in hours, with how a tick is written.
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
# More lines than this say nothing.
MANY = 40


class Frame:
    """The size of a chart and of its margins, in units of the SVG."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.left, self.right, self.top, self.bottom = 54, width - 12, 36, height - 24


SMALL = Frame(420, 204)
LARGE = Frame(1080, 340)


def plot(row, frame):
    """The chart of ``row``, or None where there are fewer than two samples."""
    points = _points(row["chart"].get("points")) if row["chart"] else []
    if len(points) < 2:
        return None
    start, end = min(one[0] for one in points), max(one[0] for one in points)
    if end <= start:
        return None
    highest = max(max(one[1], one[2] or 0) for one in points)
    limit = row["limit_mb"]
    shown = limit if limit and limit <= 2.5 * highest else None
    ticks, top = _scale_mb(max(highest, shown or 0) * 1.06)

    def x(at):
        return frame.left + (at - start) / (end - start) * (frame.right - frame.left)

    def y(value):
        return frame.bottom - value / top * (frame.bottom - frame.top)

    lives = _lives(points)
    restarts = [
        x(at)
        for at in (_fleet.number(one) for one in _list(row["chart"].get("restarts")))
        if at is not None and start <= at <= end
    ]
    changes = _changes(row["chart"].get("providers"), start, end)
    kills = [at for at in row["chart"]["kills"] if start <= at <= end + 0.02 * (end - start)]
    return {
        "frame": frame,
        "rss": "".join(_path([(x(one[0]), y(one[1])) for one in life]) for life in lives),
        "floor": "".join(
            _path([(x(one[0]), y(one[2])) for one in life if one[2] is not None]) for life in lives
        ),
        "fits": [fit for fit in (_fit(life, row, x, y, end - start) for life in lives) if fit]
        if row["slope_ci"]
        else [],
        "limit": None if shown is None else round(y(shown), 1),
        "beyond": limit is not None and shown is None,
        "restarts": [round(at, 1) for at in restarts],
        "many_restarts": len(restarts) > MANY,
        "kills": [round(min(x(at), frame.right), 1) for at in kills][-MANY:],
        "changes": [{"x": round(x(at), 1), "time": at, "to": to} for at, to in changes],
        "rows": [{"y": round(y(tick), 1), "label": label} for tick, label in ticks],
        "columns": [
            {"x": round(x(at), 1), "label": label}
            for at, label in _columns(start, end, 3 if frame is SMALL else 9)
        ],
        "words": _words(row, points, len(restarts), len(kills), len(changes)),
    }


def _points(value):
    """[(time, RSS in MB, floor in MB or None, number of the life)] in order of time in each life, of what a host calls its points, in bytes."""
    found = []
    for point in _list(value):
        at, rss, floor, life = [_fleet.number(one) for one in (list(_list(point)) + [None] * 4)[:4]]
        # What is not in this range no clock and no computer shows.
        if at is not None and rss is not None and 0 < at < 1e11 and 0 <= rss < 1e15:
            found.append(
                (
                    at,
                    rss / _fleet.MB,
                    floor / _fleet.MB if floor is not None and 0 <= floor < 1e15 else None,
                    life or 0,
                )
            )
    return sorted(found, key=lambda point: (point[3], point[0]))


def _list(value):
    return value[: _fleet.MAX_POINTS] if isinstance(value, (list, tuple)) else []


def _lives(points):
    lives = [[points[0]]]
    for point in points[1:]:
        if point[3] != lives[-1][-1][3]:
            lives.append([])
        lives[-1].append(point)
    return lives


def _changes(identities, start, end):
    """[(time, name)] where provider, model or version changed."""
    found, last = [], None
    for one in _list(identities):
        one = list(_list(one))
        at = _fleet.number(one[0]) if one else None
        name = (
            " / ".join(part for part in (_fleet.text(word, 60) for word in one[1:4]) if part)
            or "unknown"
        )
        if at is None or name == last:
            continue
        if last is not None and start <= at <= end:
            found.append((at, name))
        last = name
    return found[-12:]


def _path(places):
    """The d of a path: one absolute place, then steps of a tenth of a unit, which are short; rounding never adds up."""
    if not places:
        return ""
    at = [round(10 * value) for value in places[0]]
    parts = ["M%s %s" % tuple(_tenth(value) for value in at)]
    for place in places[1:]:
        now = [round(10 * value) for value in place]
        parts.append("l%s %s" % (_tenth(now[0] - at[0]), _tenth(now[1] - at[1])))
        at = now
    # A life of one sample is a dot: a line cap draws it.
    return "".join(parts) if len(places) > 1 else parts[0] + "h.1"


def _tenth(value):
    shown = "%d" % (value // 10) if value % 10 == 0 else "%.1f" % (value / 10)
    return shown.replace("0.", ".", 1) if shown.startswith(("0.", "-0.")) else shown


def _fit(life, row, x, y, span):
    """The line of the fitted slope through the middle of a life's floor, and its band; None for a life of which there is too little that was judged."""
    since = _fleet.number(row["chart"].get("judged_from")) or 0
    floors = [one for one in life if one[2] is not None and one[0] >= since]
    if len(floors) < 4 or floors[-1][0] - floors[0][0] < 0.01 * span:
        return None
    pivot = _median([one[0] for one in floors]), _median([one[2] for one in floors])
    low, high = row["slope_ci"] or (row["slope_mb_per_hour"],) * 2

    def at(when, slope):
        return "%.1f,%.1f" % (x(when), y(pivot[1] + slope * (when - pivot[0]) / _fleet.HOUR))

    first, last = floors[0][0], floors[-1][0]
    return {
        "line": "M%sL%s"
        % (at(first, row["slope_mb_per_hour"]), at(last, row["slope_mb_per_hour"])),
        "band": " ".join(
            [
                at(first, low),
                at(pivot[0], low),
                at(last, high),
                at(last, low),
                at(pivot[0], low),
                at(first, high),
            ]
        ),
    }


def _median(values):
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _scale_mb(most):
    """([(tick, label)], top of the scale), of 4 to 6 ticks, from 0 on: a slope looks steep on a scale that is cut."""
    most = max(most, 1)
    rough = most / 5
    unit, name = (1024, "GB") if most >= 4096 else (1, "MB")
    power = 10 ** math.floor(math.log10(rough / unit))
    step = (
        unit
        * power
        * min(
            (factor for factor in (1, 2, 2.5, 5, 10) if factor * power * unit >= rough), default=10
        )
    )
    count = math.ceil(most / step)
    return [
        (step * number, "%g %s" % (round(step * number / unit, 6), name))
        for number in range(count + 1)
    ], step * count


def _columns(start, end, most):
    """The ticks of the time axis, at full hours or midnights of UTC."""
    hours = (end - start) / _fleet.HOUR
    step, form = next(
        ((step, form) for step, form in STEPS_HOURS if hours / step <= most), STEPS_HOURS[-1]
    )
    step *= _fleet.HOUR
    found, at = [], math.ceil(start / step) * step
    while at <= end:
        shown = time.strftime(form.replace("%-d", "%d"), time.gmtime(at))
        found.append((at, shown.lstrip("0") if "%-d" in form else shown))
        at += step
    return found[: 2 * most]


def _words(row, points, restarts, kills, changes):
    """What the chart shows, for somebody who does not see it."""
    words = "Resident memory from %s on %s to %s on %s, at most %s." % (
        _fleet.megabytes(points[0][1]),
        _fleet.moment(points[0][0]),
        _fleet.megabytes(points[-1][1]),
        _fleet.moment(points[-1][0]),
        _fleet.megabytes(max(one[1] for one in points)),
    )
    words += (
        " Fitted slope in MB per hour, with its 95 % interval: " + _fleet.slope(row) + "."
        if row["slope_mb_per_hour"] is not None
        else ""
    )
    words += " Limit %s." % _fleet.megabytes(row["limit_mb"]) if row["limit_mb"] is not None else ""
    return words + " Restarts: %d. OOM kills: %d. Changes of provider, model or version: %d." % (
        restarts,
        kills,
        changes,
    )
