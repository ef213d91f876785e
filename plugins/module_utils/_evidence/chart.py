# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the memory of a gateway as an SVG: a line for each run, OOM kills, and the limit."""

from __future__ import annotations

from typing import Any, Dict
from xml.sax.saxutils import escape

from .._host import display

WIDTH, HEIGHT = 860, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 36, 36
# About 2.5 units of width for each point.
MAX_POINTS = 300
# A limit above this multiple of the highest sample would flatten the line, and is not drawn.
_NEAR_LIMIT = 3
_STYLE = (
    "text{font:12px sans-serif;fill:#333}.t{font-size:14px;font-weight:bold}"
    ".g{stroke:#ddd;stroke-width:1}.m{fill:none;stroke:#0b62a8;stroke-width:1.5}"
    ".l{stroke:#b35900;stroke-width:1.5;stroke-dasharray:6 4}.k{stroke:#c00;stroke-width:1.5}"
    ".b{fill:#fff}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.g{stroke:#444}.m{stroke:#6cb6ff}"
    ".l{stroke:#ffb066}.k{stroke:#ff7b72}.b{fill:#1c1c1c}}"
)

# A sample of the history, by column.
Row = Dict[str, Any]


def thin(rows: list[Row], count: int = MAX_POINTS) -> list[Row]:
    """About ``count`` of ``rows`` at most, oldest first: the lowest and highest of each stretch.

    The first and the last row are always included. Needs timestamp and rss_bytes.
    """
    if len(rows) <= count:
        return list(rows)
    stretch = -(-2 * len(rows) // (count - 2))
    kept = {0, len(rows) - 1}

    def size(place: int) -> int:
        return rows[place]["rss_bytes"]

    for start in range(0, len(rows), stretch):
        end = min(start + stretch, len(rows))
        places = [place for place in range(start, end) if rows[place]["rss_bytes"] is not None]
        if places:
            kept.update((min(places, key=size), max(places, key=size)))
    return [rows[place] for place in sorted(kept)]


def svg(
    title: str, rows: list[Row], limit_bytes: float | None = None, kills: list[float] | None = None
) -> str:
    """The chart of ``rows``, which need timestamp, rss_bytes and invocation_id.

    ``kills`` are times in epoch seconds; ``limit_bytes`` is drawn if it is close enough.
    """
    kills = kills or []
    rows = [row for row in thin(rows) if row["rss_bytes"] is not None]
    if not rows:
        nothing = '<text x="%d" y="%d">no samples</text>' % (LEFT, HEIGHT // 2)
        return _frame(title, title + ": no samples", nothing)
    highest = max(row["rss_bytes"] for row in rows)
    if limit_bytes and limit_bytes < _NEAR_LIMIT * highest:
        highest = max(highest, limit_bytes)
    first = rows[0]["timestamp"]
    axes = _Axes(first, max(rows[-1]["timestamp"], first + 60), highest)
    parts = _grid(axes) + _times(axes)
    for run in _runs(rows):
        points = ["%.1f,%.1f" % (axes.x(row["timestamp"]), axes.y(row["rss_bytes"])) for row in run]
        parts.append('<polyline class="m" points="%s"/>' % " ".join(points))
    if limit_bytes and limit_bytes <= axes.top_mb * display.MB:
        parts.append(_limit(axes.y(limit_bytes)))
    parts += [_kill(axes.x(kill)) for kill in kills if axes.first <= kill <= axes.last]
    return _frame(title, _said(title, rows, axes, len(kills)), "\n".join(parts))


class _Axes:
    """Converts a time (epoch seconds) and a size (bytes) to coordinates."""

    def __init__(self, first: float, last: float, highest: float) -> None:
        self.first, self.last = first, last
        self.step_mb, self.top_mb = _scale(highest / display.MB)

    def x(self, time: float) -> float:
        inside = min(max(time, self.first), self.last)
        return LEFT + (WIDTH - LEFT - RIGHT) * (inside - self.first) / (self.last - self.first)

    def y(self, size: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * size / display.MB / self.top_mb


def _grid(axes: _Axes) -> list[str]:
    """A line and its label for each step in MB."""
    parts = []
    for mark in range(0, axes.top_mb + 1, axes.step_mb):
        y = axes.y(mark * display.MB)
        parts.append(
            '<line class="g" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>'
            '<text x="%d" y="%.1f" text-anchor="end">%g</text>'
            % (LEFT, y, WIDTH - RIGHT, y, LEFT - 6, y + 4, mark)
        )
    return parts


def _times(axes: _Axes) -> list[str]:
    """Five time labels below the chart."""
    parts = []
    for place, anchor in enumerate(("start", "middle", "middle", "middle", "end")):
        time = axes.first + (axes.last - axes.first) * place / 4.0
        parts.append(
            '<text x="%.1f" y="%d" text-anchor="%s">%s</text>'
            % (axes.x(time), HEIGHT - 12, anchor, display.utc(time, "%m-%d %H:%M"))
        )
    return parts


def _limit(y: float) -> str:
    right = WIDTH - RIGHT
    return (
        '<line class="l" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>'
        '<text x="%d" y="%.1f" text-anchor="end">limit</text>' % (LEFT, y, right, y, right, y - 4)
    )


def _kill(x: float) -> str:
    return '<line class="k" x1="%.1f" y1="%d" x2="%.1f" y2="%d"><title>OOM kill</title></line>' % (
        x,
        TOP,
        x,
        HEIGHT - BOTTOM,
    )


def _said(title: str, rows: list[Row], axes: _Axes, kills: int) -> str:
    """A description of the chart for screen readers."""
    sizes = [row["rss_bytes"] >> 20 for row in rows]
    return (
        "%s: resident memory from %s to %s UTC, lowest %d MB, highest %d MB, last %d MB, "
        "%d OOM kills"
        % (
            title,
            display.utc(axes.first, "%Y-%m-%d %H:%M"),
            display.utc(axes.last, "%Y-%m-%d %H:%M"),
            min(sizes),
            max(sizes),
            sizes[-1],
            kills,
        )
    )


def _runs(rows: list[Row]) -> list[list[Row]]:
    """The rows of each run, in order; each run is a separate line."""
    runs: list[list[Row]] = []
    for row in rows:
        if not runs or runs[-1][-1].get("invocation_id") != row.get("invocation_id"):
            runs.append([])
        runs[-1].append(row)
    # A run of one sample becomes a short stroke, so that it is visible.
    return [
        run if len(run) > 1 else [run[0], dict(run[0], timestamp=run[0]["timestamp"] + 60)]
        for run in runs
    ]


def _scale(highest: float) -> tuple[int, int]:
    """The grid spacing and the top value, in MB, for values up to ``highest``."""
    step = 1
    for step in (base * 10**power for power in range(7) for base in (1, 2, 5)):
        if step * 6 >= highest:
            break
    return step, step * max(1, int(-(-highest // step)))


def _frame(title: str, said: str, inside: str) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d"'
        ' role="img" aria-label="%s">\n<style>%s</style>\n'
        '<rect class="b" width="%d" height="%d"/>\n'
        '<text class="t" x="%d" y="20">%s (MB of resident memory, UTC)</text>\n%s\n</svg>\n'
    ) % (
        WIDTH,
        HEIGHT,
        WIDTH,
        HEIGHT,
        escape(said, {'"': "&quot;"}),
        _STYLE,
        WIDTH,
        HEIGHT,
        LEFT,
        escape(title),
        inside,
    )
