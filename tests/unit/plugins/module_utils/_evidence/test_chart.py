# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chart of a history."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._evidence import chart


def rows(count, invocation="a"):
    return [
        {
            "timestamp": 1000.0 + 300 * place,
            "rss_bytes": (100 + place % 7) << 20,
            "invocation_id": invocation,
        }
        for place in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 299, 300, 301, 5000, 8641])
def test_thinning_keeps_the_ends_and_the_peaks(count):
    series = rows(count)
    if count > 2:
        series[count // 2]["rss_bytes"] = 9000 << 20
    kept = chart.thin(series)
    assert len(kept) <= 300 and [row["timestamp"] for row in kept] == sorted(
        row["timestamp"] for row in kept
    )
    if count:
        assert (
            kept[0] is series[0]
            and kept[-1] is series[-1]
            and max(row["rss_bytes"] for row in kept) == max(row["rss_bytes"] for row in series)
        )


@pytest.mark.parametrize(
    "series",
    [
        [],
        rows(1),
        rows(2),
        rows(4000),
        rows(5) + rows(5, "b"),
        [dict(rows(1)[0], rss_bytes=None)],
        [dict(rows(1)[0], rss_bytes=0)],
    ],
)
def test_graph_is_well_formed(series):
    drawn = chart.svg('<a & "b">', series, limit_bytes=200 << 20, kills=[1100.0, 5.0])
    root = ElementTree.fromstring(drawn)
    assert '<a & "b">' in root.get("aria-label") and root.get("role") == "img"
    for line in root.iter("{http://www.w3.org/2000/svg}polyline"):
        for point in line.get("points").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= chart.WIDTH and 0 <= y <= chart.HEIGHT
    # Not a line in the script of another: no network, no script.
    assert "script" not in drawn and drawn.count("http") == 1


def test_a_line_for_each_run_and_kills_and_limit():
    drawn = chart.svg(
        "x",
        rows(50) + [dict(row, timestamp=row["timestamp"] + 20000) for row in rows(50, "b")],
        limit_bytes=150 << 20,
        kills=[2000.0],
    )
    assert (
        drawn.count("<polyline") == 2
        and drawn.count("OOM kill</title>") == 1
        and ">limit</text>" in drawn
    )
    assert ">limit</text>" not in chart.svg("x", rows(50), limit_bytes=64 << 30)
