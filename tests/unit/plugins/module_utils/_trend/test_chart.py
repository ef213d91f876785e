# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reduction of a history to the points of a chart."""

from __future__ import annotations

from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import chart, samples


def test_chart(runs):
    series = samples.of_rows(runs(14, 12, 40))
    thinned = chart.thin(series, 300)
    assert 200 < len(thinned["points"]) <= 300
    assert max(point[1] for point in thinned["points"]) == max(series.rss)
    assert [point[3] for point in thinned["points"]][::299] == [0] and thinned["points"][-1][
        3
    ] == 13
    assert len(thinned["restarts"]) == 13
    assert chart.thin(samples.of_rows([]), 300) == {
        "points": [],
        "judged_from": None,
        "restarts": [],
        "providers": [],
    }
