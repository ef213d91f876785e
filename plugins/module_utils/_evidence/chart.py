# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway's memory as an SVG picture, with the standard library: a line a life of the process, its kills, its limit."""

from __future__ import annotations

from xml.sax.saxutils import escape

from .._host import display

WIDTH, HEIGHT = 860, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 36, 36
MAX_POINTS = 300
_STYLE = (
    "text{font:12px sans-serif;fill:#333}.t{font-size:14px;font-weight:bold}.g{stroke:#ddd;stroke-width:1}.m{fill:none;stroke:#0b62a8;stroke-width:1.5}"
    ".l{stroke:#b35900;stroke-width:1.5;stroke-dasharray:6 4}.k{stroke:#c00;stroke-width:1.5}.b{fill:#fff}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.g{stroke:#444}.m{stroke:#6cb6ff}.l{stroke:#ffb066}.k{stroke:#ff7b72}.b{fill:#1c1c1c}}"
)


def thin(rows, count=MAX_POINTS):
    """At most about ``count`` of ``rows`` (dict with timestamp and rss_bytes, oldest first): of each stretch the lowest and the highest, and the ends."""
    if len(rows) <= count:
        return list(rows)
    stretch = -(-2 * len(rows) // (count - 2))
    kept = {0, len(rows) - 1}
    for start in range(0, len(rows), stretch):
        places = [
            place
            for place in range(start, min(start + stretch, len(rows)))
            if rows[place]["rss_bytes"] is not None
        ]
        if places:
            kept.update(
                (
                    min(places, key=lambda place: rows[place]["rss_bytes"]),
                    max(places, key=lambda place: rows[place]["rss_bytes"]),
                )
            )
    return [rows[place] for place in sorted(kept)]


def svg(title, rows, limit_bytes=None, kills=()):
    """The picture (str). ``rows`` as for thin(), with invocation_id; ``kills`` are times in epoch seconds; ``limit_bytes`` is drawn where it is near."""
    rows = [row for row in thin(rows) if row["rss_bytes"] is not None]
    if not rows:
        return _frame(
            title,
            title + ": no samples",
            '<text x="%d" y="%d">no samples</text>' % (LEFT, HEIGHT // 2),
        )
    first, last = rows[0]["timestamp"], max(rows[-1]["timestamp"], rows[0]["timestamp"] + 60)
    highest = max(row["rss_bytes"] for row in rows)
    if limit_bytes and limit_bytes < 3 * highest:
        highest = max(highest, limit_bytes)
    step, top = _scale(highest / display.MB)

    def across(moment):
        return LEFT + (WIDTH - LEFT - RIGHT) * (min(max(moment, first), last) - first) / (
            last - first
        )

    def up(size):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * size / display.MB / top

    parts = []
    mark = 0
    while mark <= top:
        y = up(mark * display.MB)
        parts.append(
            '<line class="g" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%g</text>'
            % (LEFT, y, WIDTH - RIGHT, y, LEFT - 6, y + 4, mark)
        )
        mark += step
    for place in range(5):
        moment = first + (last - first) * place / 4.0
        parts.append(
            '<text x="%.1f" y="%d" text-anchor="%s">%s</text>'
            % (
                across(moment),
                HEIGHT - 12,
                ("start", "middle", "middle", "middle", "end")[place],
                display.utc(moment, "%m-%d %H:%M"),
            )
        )
    for life in _lives(rows):
        parts.append(
            '<polyline class="m" points="%s"/>'
            % " ".join(
                "%.1f,%.1f" % (across(row["timestamp"]), up(row["rss_bytes"])) for row in life
            )
        )
    if limit_bytes and limit_bytes <= top * display.MB:
        y = up(limit_bytes)
        parts.append(
            '<line class="l" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">limit</text>'
            % (LEFT, y, WIDTH - RIGHT, y, WIDTH - RIGHT, y - 4)
        )
    for moment in kills:
        if first <= moment <= last:
            x = across(moment)
            parts.append(
                '<line class="k" x1="%.1f" y1="%d" x2="%.1f" y2="%d"><title>OOM kill</title></line>'
                % (x, TOP, x, HEIGHT - BOTTOM)
            )
    said = (
        "%s: resident memory from %s to %s UTC, lowest %d MB, highest %d MB, last %d MB, %d OOM kills"
        % (
            title,
            display.utc(first, "%Y-%m-%d %H:%M"),
            display.utc(last, "%Y-%m-%d %H:%M"),
            min(row["rss_bytes"] for row in rows) >> 20,
            max(row["rss_bytes"] for row in rows) >> 20,
            rows[-1]["rss_bytes"] >> 20,
            len(list(kills)),
        )
    )
    return _frame(title, said, "\n".join(parts))


def _lives(rows):
    """The rows of each life, in order; the line is broken where the process was another."""
    lives = []
    for row in rows:
        if not lives or lives[-1][-1].get("invocation_id") != row.get("invocation_id"):
            lives.append([])
        lives[-1].append(row)
    # A life of one sample is a short stroke, or it would not be seen.
    return [
        life if len(life) > 1 else [life[0], dict(life[0], timestamp=life[0]["timestamp"] + 60)]
        for life in lives
    ]


def _scale(highest):
    """(distance of the lines, value at the top) in MB for values up to ``highest``."""
    step = 1
    for step in (base * 10**power for power in range(7) for base in (1, 2, 5)):
        if step * 6 >= highest:
            break
    return step, step * max(1, int(-(-highest // step)))


def _frame(title, said, inside):
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">\n<style>%s</style>\n'
        '<rect class="b" width="%d" height="%d"/>\n<text class="t" x="%d" y="20">%s (MB of resident memory, UTC)</text>\n%s\n</svg>\n'
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
