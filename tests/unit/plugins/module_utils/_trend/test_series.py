# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples as columns: which run each belongs to, thinned, cut at an upgrade."""

from __future__ import annotations

from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import series


def test_boot_clock_that_goes_back_is_another_process(trend, runs):
    """Without names, as in a CSV from a container, 14 runs are not one with a clock set back."""
    rows = [
        dict(row, invocation_id="", pid=1, uptime_seconds=place % 144 * 300)
        for place, row in enumerate(runs(14, 12, 40))
    ]
    found = trend(rows)
    assert (found["verdict"], found["segments"], found["notes"]) == ("leak", 14, [])


def test_runs_without_samples_after_thinning(trend, run):
    rows = [
        row
        for hour in range(300)
        for row in run(0.4, 20, hour, "run%d" % hour, step=0.05)[::100]
        + run(0.01, 20, hour + 0.9, "odd%d" % hour)[:1]
    ]
    thinned = series.Series()
    for row in rows:
        thinned.add(
            row["invocation_id"],
            [float(row["timestamp"]), float(row["rss_bytes"])] + [None] * 6,
            series.Identity(None, None, None),
        )
    thinned.thin()
    thinned.finish()
    assert all(start < end for start, end in thinned.bounds())
    assert trend(thinned)["segments"] == len(thinned.runs)


def test_an_upgrade_starts_anew(trend, run):
    old, new = (
        run(72, 30, name="old", version="0.16.0"),
        run(72, 0, 72, name="new", version="0.19.0"),
    )
    found = trend(old + new)
    assert (found["verdict"], found["version"], found["samples"]) == ("flat", "0.19.0", 864)
    assert any("earlier versions" in note for note in found["notes"])
    # A failed probe in between is not an upgrade.
    assert (
        trend(old[:100] + [dict(row, version=None) for row in old[100:200]] + old[200:])["samples"]
        == 864
    )
