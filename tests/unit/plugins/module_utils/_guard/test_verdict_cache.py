# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stored verdict: when it is due, what is stored, and when the limit is reached."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    history,
    memory_trend,
    verdict_cache,
)

RUN, NEXT = ["a" * 32, 7], ["b" * 32, 8]
MB = 1 << 20
NOW = 1795440000
LIMIT = 2048 * MB
RECORD = {"tried": NOW - 600, "run": RUN, "limit": float(LIMIT)}


@pytest.mark.parametrize(
    ("record", "run", "limit", "due"),
    [
        # Without a verdict, running or not.
        ({}, RUN, LIMIT, True),
        ({}, None, LIMIT, True),
        (RECORD, RUN, LIMIT, False),
        (RECORD, NEXT, LIMIT, True),
        (RECORD, RUN, LIMIT // 2, True),
        (dict(RECORD, tried=NOW - 3599), RUN, LIMIT, False),
        (dict(RECORD, tried=NOW - 3600), RUN, LIMIT, True),
        # A clock that was set back.
        (dict(RECORD, tried=NOW + 10), RUN, LIMIT, True),
        # It does not run, so nothing is new.
        (dict(RECORD, tried=NOW - 9999), None, LIMIT, False),
    ],
)
def test_when_a_verdict_is_due(record, run, limit, due):
    assert verdict_cache.is_due(record, run, limit, NOW) is due


def leak(folder, hours=120, per_hour=18 * MB):
    """A history of a gateway that grows steadily."""
    lines = [",".join(history.COLUMNS)]
    for number in range(hours * 6):
        size = 300 * MB + int(number * per_hour / 6) + number % 5 * 4096
        at = NOW - hours * 3600 + number * 600
        values = dict.fromkeys(history.COLUMNS, "")
        values.update(
            timestamp=at,
            invocation_id=RUN[0],
            pid=RUN[1],
            uptime_seconds=number * 600 + 60,
            rss_bytes=size,
            anon_bytes=size,
            swap_bytes=0,
            tree_rss_bytes=size,
            oom_kills=0,
        )
        lines.append(",".join(str(values[name]) for name in history.COLUMNS))
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, history.NAME), "w", encoding="utf-8") as handle:
        handle.write("\n".join(lines) + "\n")


def test_leak_is_judged_and_stored(systemd, settings):
    one = settings()
    leak(one.folder)
    record = verdict_cache.judge(one, RUN, 4096 * MB, NOW)
    assert record == verdict_cache.read(one.folder)
    assert (record["verdict"], record["grows"], record["judged"]) == ("leak", True, NOW)
    # 18 MB/h in bytes per second.
    assert record["low"] <= record["slope"] <= record["high"]
    assert record["slope"] == pytest.approx(18 * MB / 3600, rel=0.05)
    assert systemd.asked == []


def test_no_history_is_insufficient_and_grows_nowhere(systemd, settings):
    one = settings()
    record = verdict_cache.judge(one, None, LIMIT, NOW)
    assert (record["verdict"], record["grows"]) == ("insufficient", False)
    assert verdict_cache.reached(record, 100 * MB, LIMIT, NOW) == [None, None, None]


def test_history_on_which_the_verdict_fails_is_tried_once_an_hour(systemd, settings, monkeypatch):
    one = settings()
    leak(one.folder)
    first = verdict_cache.judge(one, RUN, LIMIT, NOW)

    def fail(*_given):
        raise ValueError("nobody thought of this")

    monkeypatch.setattr(memory_trend, "growth", fail)
    with pytest.raises(ValueError, match="nobody"):
        verdict_cache.judge(one, RUN, LIMIT, NOW + 3600)
    record = verdict_cache.read(one.folder)
    # The previous verdict and its time are kept. How long this one would have taken is unknown.
    assert record == dict(first, tried=NOW + 3600, took=verdict_cache.AGAIN_SECONDS)
    assert not verdict_cache.is_due(record, RUN, LIMIT, NOW + 3700)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"verdict": "fine", "judged": 1}', '{"verdict": "leak"}']
)
def test_damaged_file_is_no_verdict(tmp_path, content):
    (tmp_path / verdict_cache.NAME).write_text(content)
    assert "verdict" not in verdict_cache.read(str(tmp_path))


def test_numbers_that_are_none_are_unknown(tmp_path):
    record = {"verdict": "leak", "judged": NOW, "slope": "fast", "low": True, "tried": 1}
    (tmp_path / verdict_cache.NAME).write_text(json.dumps(record))
    found = verdict_cache.read(str(tmp_path))
    assert (found["slope"], found["low"], found["tried"]) == (None, None, 1)


GROWING = {"grows": True, "slope": 2.0, "low": 1.0, "high": 4.0}


@pytest.mark.parametrize(
    ("changed", "footprint", "seconds"),
    [
        ({}, 1000, [500, 250, 1000]),
        # A restart resets the time, with the same verdict.
        ({}, 200, [900, 450, 1800]),
        # The growth may be zero.
        ({"low": -1.0}, 1000, [500, 250, None]),
        ({"low": None, "high": None}, 1000, [500, 500, None]),
        # Already there.
        ({}, 5000, [0, 0, 0]),
        ({"grows": False}, 1000, None),
        ({"slope": -2.0}, 1000, None),
        ({"slope": None}, 1000, None),
    ],
)
def test_when_the_limit_is_reached(changed, footprint, seconds):
    found = verdict_cache.reached(dict(GROWING, **changed), footprint, 2000, NOW)
    wanted = [None] * 3 if seconds is None else seconds
    assert found == [None if one is None else NOW + one for one in wanted]
