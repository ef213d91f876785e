# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Histories in tests/data/trend that once got a wrong verdict, with the right one."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import HistoryError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import samples

FOLDER = Path(__file__).resolve().parents[4] / "data/trend"
MB = 1 << 20


@pytest.fixture(name="judge")
def fixture_judge(trend, tmp_path):
    """A function: the verdict on a file of tests/data/trend, by a limit in MB."""

    def judge(name, limit_mb=None):
        path = tmp_path / name
        path.write_bytes(gzip.decompress((FOLDER / (name + ".gz")).read_bytes()))
        return trend(samples.of_file(str(path)), limit_mb and limit_mb * MB, limit_from="a test")

    return judge


def test_a_burst_that_ends_a_run_is_not_flat(judge):
    """Two weeks at 0.3 GB, then 8 GB within half an hour and killed, three times."""
    assert judge("burst-that-ends-the-run.csv", 11000)["verdict"] in (
        "suspected",
        "spiky",
        "step",
        "leak",
    )


@pytest.mark.parametrize(
    ("name", "limit_mb", "dies_after", "verdicts"),
    [
        # 300 MB/h.
        ("die-after-3.4h.csv", 1300, 3.4, ("leak",)),
        # 60 MB/h.
        ("die-after-5h.csv", 600, 5, ("leak",)),
        # 5 GB/h: the warm-up is most of such a run.
        ("die-after-40min.csv", 4100, None, ("leak", "suspected")),
    ],
)
def test_runs_that_all_end_at_the_limit_are_a_leak(judge, name, limit_mb, dies_after, verdicts):
    """OOM-killed for six days: thirty runs with the same slope are enough."""
    found = judge(name, limit_mb)
    assert found["verdict"] in verdicts
    if dies_after:
        assert found["recommended_restart_hours"] <= dies_after


def test_one_row_without_anonymous_memory_does_not_hide_a_leak_into_swap(judge):
    """37 MB/h, into swap from 900 MB on."""
    assert judge("one-blank.csv", 4000)["verdict"] == "leak"


@pytest.mark.parametrize(
    ("name", "word"), [("epoch-ms.csv", "milliseconds"), ("kilobytes.csv", "bytes")]
)
def test_other_units_are_refused(judge, name, word):
    with pytest.raises(HistoryError, match=word):
        judge(name)


def test_the_newest_sample_may_come_first(judge):
    """20 MB/h, as a dashboard exports it."""
    found = judge("newest-first.csv")
    assert found["verdict"] == "leak"
    assert found["notes"] == ["the file starts with the newest sample; the order was reversed"]


@pytest.mark.parametrize("number", [0, 1, 3])
def test_logarithmic_growth_is_not_a_leak_after_a_day(judge, number):
    """120 + 40 ln(1 + t / 0.5 h) MB for 25 h: 1.6 MB/h at the end, and falling."""
    assert judge("log-25h-%d.csv" % number)["verdict"] in ("saturating", "suspected")


@pytest.mark.parametrize("name", ["three-in-72h.csv", "four-in-72h.csv", "weekly-three.csv"])
def test_three_rises_of_like_size_are_growth(judge, name):
    """65 MB each in three days, or 200 MB in each of three weeks; none is released."""
    assert judge(name)["verdict"] in ("leak", "suspected")
