# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated histories, and the verdict on them as every caller in the collection gets it."""

from __future__ import annotations

import functools
import random

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import known_leaks
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import analysis

MB = 1 << 20
START = 1790000000


@pytest.fixture(scope="session", name="trend")
def fixture_trend():
    """analysis.trend, with the known leaks of the versions."""
    return functools.partial(analysis.trend, known_leak=known_leaks.known)


@pytest.fixture(scope="session", name="run")
def fixture_run():
    """A function: the samples of one run."""
    return _run


@pytest.fixture(scope="session", name="runs")
def fixture_runs():
    """A function: the samples of several runs in sequence."""
    return _runs


def _run(hours, rate, start=0.0, name="a", base=200, step=5, **columns):
    """Samples of one run, with a little noise."""
    chance = random.Random("%s %s %s" % (hours, rate, name))
    return [
        dict(
            {
                "timestamp": START + int((start + place * step / 60) * 3600),
                "invocation_id": name,
                "rss_bytes": int((base + rate * place * step / 60 + chance.gauss(0, 3)) * MB),
            },
            **columns,
        )
        for place in range(int(hours * 60 / step))
    ]


def _runs(count, hours, rate):
    return [
        row
        for number in range(count)
        for row in _run(hours, rate, number * hours, "run%d" % number)
    ]
