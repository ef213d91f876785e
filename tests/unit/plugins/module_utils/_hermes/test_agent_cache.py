# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The budget of cached chats: how Hermes reads its setting, and the recommended value."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import agent_cache
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import cgroup, proc

MB = 1 << 20


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("auto", None),
        (" AUTO ", None),
        (None, None),
        (True, None),
        (150, 150 * MB),
        ("150", 150 * MB),
        (150.7, 150 * MB),
        (0, 0),
        (-1, 0),
        (False, 0),
        ("off", 0),
        ("none", 0),
        ("", 0),
        ("lots", 0),
        ([], 0),
    ],
)
def test_what_hermes_makes_of_its_setting(value, expected):
    assert agent_cache.literal(value) == expected


def test_automatic_budget(monkeypatch):
    """As measured on 0.20.1 and 0.21.5: 504 MB of 776 is below what is in effect, 512 of 788 not."""
    monkeypatch.setattr(proc, "host_memory", lambda: {"total_bytes": 970 * MB})
    for limit, budget in ((776, 504), (788, 512), (None, 630)):
        found = None if limit is None else limit * MB
        monkeypatch.setattr(cgroup, "own_limit", lambda group, found=found: found)
        size, taken_from = agent_cache.automatic("/x")
        assert (size // MB, taken_from) == (budget, (limit or 970) * MB)


@pytest.mark.parametrize(
    ("ram", "threshold", "limit", "expected"),
    [
        # The defaults: 50 % and 80 % of the RAM.
        (970, 485, 776, 388),
        (4096, 2048, 3276, 1638),
        (512, 256, 409, 256),
        (4096, None, 4096, 2662),
        (970, None, 776, 504),
    ],
)
def test_advice_comes_before_the_watchdog_and_the_kernel(ram, threshold, limit, expected):
    budget = agent_cache.advised(threshold and threshold * MB, limit * MB)
    assert budget == expected * MB
    assert budget <= (threshold or limit) * MB <= ram * MB
