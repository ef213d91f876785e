# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of Hermes are compared as numbers; what is not a version is unknown."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import version


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.19.0", (0, 19, 0)),
        ("v0.18.2", (0, 18, 2)),
        ("0.17", (0, 17, 0)),
        ("0.22.2.post1", (0, 22, 2)),
        ("0.9.0", (0, 9, 0)),
        ("unknown", None),
        # The stamp of the install is missing.
        ("0.0.0", None),
        ("0.0.0+5.gabc", None),
        ("0.0.1", (0, 0, 1)),
        ("", None),
        (None, None),
    ],
)
def test_numbers(text, expected):
    assert version.numbers(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0.22.2.post1", "0.22.2.post1"), ("0.0.0", None), ("unknown", None), (None, None), (5, None)],
)
def test_known(value, expected):
    assert version.known(value) == expected


def test_ten_comes_after_nine():
    assert version.numbers("0.10.0") > version.numbers("0.9.9")
