# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back-filled week looks like one that a guard has written, and contains everything that the dashboard shows."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location(
    "history", Path(__file__).resolve().parents[2] / "monitoring/history.py"
)
history = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(history)

END, DAYS, STEP = 1_800_000_000, 7, 1800
LINE = re.compile(r'(\w+)\{(instance="\w+",job="hermes"[^{}]*)\} (\S+) (\d+)')


@pytest.fixture(scope="module")
def lines():
    return list(history.lines(END, DAYS, STEP))


@pytest.fixture(scope="module")
def series(lines):
    """The (time, value) pairs of each series, by its name and labels."""
    found = {}
    for line in lines:
        if not line.startswith("#"):
            name, labels, value, when = LINE.fullmatch(line).groups()
            found.setdefault((name, labels), []).append((int(when), float(value)))
    return found


def test_openmetrics(lines, series):
    assert lines[-1] == "# EOF"
    # The metadata of each metric once, before the first value of any.
    told = [line.split()[1:3] for line in lines if line.startswith("# ") and line != "# EOF"]
    assert len({tuple(one) for one in told}) == len(told)
    for values in series.values():
        times = [when for when, _value in values]
        assert times == sorted(set(times)) and END - DAYS * 86400 <= times[0] <= times[-1] <= END


def test_counters_begin_at_zero_and_never_fall(series):
    counters = {key: values for key, values in series.items() if key[0].endswith("_total")}
    assert len(counters) > 100
    for (name, labels), values in counters.items():
        numbers = [value for _when, value in values]
        assert numbers[0] == 0 and numbers == sorted(numbers), (name, labels)
        assert len(numbers) == DAYS * 86400 / STEP + 1


@pytest.mark.parametrize(
    ("metric", "labels"),
    [
        ("oom_kills_total", "coder@ada"),
        ("restart_failures_total", 'code="not-up"'),
        ("restart_refusals_total", 'code="young"'),
        ("alerts_total", 'code="threshold"'),
        ("restarts_total", 'trigger="watchdog",mode="drain"'),
        ("restarts_total", 'trigger="timer",mode="drain"'),
        ("restarts_total", 'trigger="operator"'),
        ("frozen", "coder@ada"),
        ("memory_verdict", 'verdict="leak"'),
        ("unit_state", 'state="failed"'),
    ],
)
def test_it_happens_within_the_week(series, metric, labels):
    found = [
        values
        for (name, text), values in series.items()
        if name == "hermes_gateway_" + metric and labels in text
    ]
    numbers = [{value for _when, value in values} for values in found]
    assert any(0 in one and max(one) > 0 for one in numbers)


def test_a_restart_shows_in_start_time_and_memory(series):
    def of_alpha(name):
        for (metric, labels), values in series.items():
            if metric == "hermes_gateway_" + name and 'instance="alpha"' in labels:
                return dict(values)
        return {}

    starts, memory = of_alpha("start_time_seconds"), of_alpha("memory_footprint_bytes")
    times = sorted(starts)
    restarts = [b for a, b in zip(times, times[1:]) if starts[a] != starts[b]]
    assert restarts
    for when in restarts:
        assert starts[when] <= when and memory[when + STEP] < memory[when - STEP] / 2
