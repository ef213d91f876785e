# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a leak depends on the provider."""

from __future__ import annotations

import math

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import (
    judgement,
    providers,
    samples,
)

MB = 1 << 20


class Counted(list):
    """A list that counts its elements that were read."""

    read = 0

    def __iter__(self):
        for one in super().__iter__():
            self.read += 1
            yield one

    def __getitem__(self, place):
        found = super().__getitem__(place)
        self.read += len(found) if isinstance(place, slice) else 1
        return found


@pytest.mark.parametrize(
    ("rates", "word"),
    [
        ((20, 20), "with every provider"),
        ((20, 0), "the leak depends on the provider"),
        ((0, 0), "does not grow with any provider"),
    ],
)
def test_provider_switch(trend, run, rates, word):
    one = run(36, rates[0], provider="openrouter", model="x/y")
    two = run(36, rates[1], 36, base=200 + 36 * rates[0], provider="anthropic", model="z")
    found = trend(one + two)
    assert [entry["provider"] for entry in found["providers"]] == ["anthropic", "openrouter"]
    assert [entry["grows"] for entry in found["providers"]] == [rates[1] > 0, rates[0] > 0]
    for entry, rate in zip(found["providers"], rates[::-1]):
        assert entry["slope_ci"][0] <= rate + 0.3 and rate - 0.3 <= entry["slope_ci"][1]
    assert word in found["provider_switch"]


def test_a_filling_cache_is_not_blamed_on_a_provider(trend, run):
    rows = [
        dict(
            row,
            rss_bytes=int((200 + 500 * (1 - math.exp(-place / 12 / 14))) * MB),
            provider="a" if place < 240 else "b",
        )
        for place, row in enumerate(run(40, 0))
    ]
    found = trend(rows)
    assert (
        found["verdict"] == "saturating" and "with every provider" not in found["provider_switch"]
    )


def test_a_recent_switch_has_too_few_samples(trend, run):
    found = trend(
        run(36, 20, provider="openrouter") + run(2, 20, 36, base=920, provider="anthropic")
    )
    assert (
        "Not enough samples" in found["provider_switch"] and "anthropic" in found["provider_switch"]
    )


def test_a_period_of_a_provider_visits_only_its_own_runs(run):
    """The first sample of a run often has no provider yet, so each run begins two periods."""
    rows = [
        dict(row, provider="openrouter" if place else None)
        for number in range(400)
        for place, row in enumerate(run(0.25, 0, number / 4, "run%d" % number))
    ]
    judged = judgement.judge(samples.of_rows(rows))
    assert len(judged.series.runs) == 400 and len(judged.series.identities) == 800
    judged.series.runs = Counted(judged.series.runs)
    providers.trends(judged)
    assert judged.series.runs.read < 20 * 400
