# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a leak depends on the provider."""

from __future__ import annotations

import math

import pytest

MB = 1 << 20


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
