# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Amounts as operators write them."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import quantity

GB = 1 << 30
MB = 1 << 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50%", 2 * GB),
        ("100%", 4 * GB),
        ("1%", 4 * GB // 100),
        ("12.5 %", GB // 2),
        ("2048", 2048 * MB),
        (2048, 2048 * MB),
        ("2048M", 2048 * MB),
        ("2048m", 2048 * MB),
        ("2048MB", 2048 * MB),
        ("2048MiB", 2048 * MB),
        ("2 G", 2 * GB),
        ("1.5G", 1536 * MB),
        ("512K", 512 << 10),
        ("1T", 1 << 40),
        (" 2G\n", 2 * GB),
    ],
)
def test_size(text, expected):
    assert quantity.size(text, 4 * GB) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2048Q",
        "150%",
        "0%",
        "0.5%",
        "-5%",
        "0",
        "0M",
        "0.0001K",
        "-1G",
        "",
        "G",
        "50 percent",
        "2048 M M",
        "1e3",
        "nan",
        "inf",
        "0x10",
        "2,5G",
        "9" * 400,
        "\u0663M",
        "50%\n50%",
        None,
    ],
)
def test_size_that_is_refused(text):
    with pytest.raises(ValueError, match="expected a share of RAM") as caught:
        quantity.size(text, 4 * GB)
    assert repr(str(text)) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 90),
        ("5min", 300),
        ("5 min", 300),
        ("5m", 300),
        ("12h", 43200),
        ("1h 30min", 5400),
        ("1h30min", 5400),
        ("2d", 172800),
        ("45", 45),
        (0, 0),
    ],
)
def test_seconds(text, expected):
    assert quantity.seconds(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "x", "min", "5 minutos", "1.5h", "-5min", "5,5", "5min!", "9" * 5000, None, "5M", "1Hour"],
)
def test_seconds_that_are_refused(text):
    with pytest.raises(ValueError, match="expected a time"):
        quantity.seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("3 of 5", (3, 5)), ("1 of 1", (1, 1)), ("60 of 60", (60, 60))]
)
def test_breaches(text, expected):
    assert quantity.breaches(text) == expected


@pytest.mark.parametrize(
    "text",
    ["0 of 5", "6 of 5", "3 of 61", "3", "3/5", "-3 of 5", "3 of 5 of 7", "three of five", ""],
)
def test_breaches_that_are_refused(text):
    with pytest.raises(ValueError, match="1 <= N <= M <= 60"):
        quantity.breaches(text)


@pytest.mark.parametrize("text", ["5", 300, "1h 30", "90 5min"])
def test_time_without_a_unit_is_refused_in_a_variable(text):
    with pytest.raises(ValueError, match="has no unit: expected a time such as"):
        quantity.check_time_unit(text)
    # A file that is on a host already still means what it meant.
    assert quantity.seconds(text) > 0


@pytest.mark.parametrize("text", ["0", 0, "90s", "1h 30min", "5 min", "no time"])
def test_time_with_a_unit_or_none_at_all(text):
    quantity.check_time_unit(text)


@pytest.mark.parametrize("text", ["50", 50, "0.5", "100", " 80 "])
def test_size_without_a_unit_that_may_be_meant_as_a_share(text):
    with pytest.raises(
        ValueError,
        match='it has no unit: expected "%s%%" of RAM or "%sM"'
        % (str(text).strip(), str(text).strip()),
    ):
        quantity.check_size_unit(text)


@pytest.mark.parametrize("text", ["50%", "50M", "101", 2048, "0", "", "x"])
def test_size_that_is_no_share(text):
    quantity.check_size_unit(text)
