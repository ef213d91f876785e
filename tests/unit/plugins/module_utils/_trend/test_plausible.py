# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of a history."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import plausible, samples


@pytest.mark.parametrize(
    ("change", "word"),
    [({}, None), ({"timestamp": 1000}, "milliseconds"), ({"rss_bytes": 1 / 1024}, "kB")],
)
def test_units(run, change, word):
    rows = [
        dict(row, **{name: int(row[name] * factor) for name, factor in change.items()})
        for row in run(4, 5)
    ]
    fault = plausible.fault(samples.of_rows(rows))
    assert fault is None if word is None else word in fault


def test_order(run):
    rows = run(4, 5)
    assert plausible.newest_first(samples.of_rows(rows[::-1]))
    assert not plausible.newest_first(samples.of_rows(rows))
