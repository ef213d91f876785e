# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes, durations and times as a person reads them, and what of a foreign text is shown."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import display

GB = 1 << 30


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "?"),
        (0, "0 s"),
        (89, "89 s"),
        (90, "2 min"),
        (5399, "90 min"),
        (5400, "1.5 h"),
        (22.4 * 3600, "22 h"),
        (47.4 * 3600, "47 h"),
        (2 * 86400, "2 days"),
        (200000, "2.3 days"),
        (14.4 * 86400, "14 days"),
        (365 * 86400, "365 days"),
    ],
)
def test_span(seconds, expected):
    assert display.span(seconds) == expected


@pytest.mark.parametrize(("size", "expected"), [(None, "?"), (0, "0 MB"), (2 * GB, "2048 MB")])
def test_megabytes_are_powers_of_two(size, expected):
    assert display.megabytes(size) == expected


def test_time_is_utc(monkeypatch):
    # 2026-08-05 14:00 in UTC, in any time zone of the host.
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert display.utc(1785938400) == "2026-08-05 14:00 UTC"


def test_printable_leaves_nothing_that_steers_a_terminal():
    hostile = "a\x1b[31mb\u202ec\td\n"
    assert display.printable(hostile) == "a[31mbcd"
    assert display.printable(hostile, keep="\t\n") == "a[31mbc\td\n"
    assert display.printable(hostile, instead=" ").split() == ["a", "[31mb", "c", "d"]
    assert display.printable("abcdef", most=3) == "abc"
