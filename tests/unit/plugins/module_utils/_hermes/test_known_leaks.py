# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the leaks of a version."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import known_leaks


@pytest.mark.parametrize(
    ("version", "word"),
    [
        ("0.9.3", "0.17.0"),
        ("0.16.0", "#25315"),
        ("0.16.4", "0.17.0"),
        ("0.17.0", None),
        ("0.18.2", "#58817"),
        ("0.19.0", "128 sessions"),
        ("0.20.0", "0.20.1"),
        ("0.20.1", None),
        ("1.0.0", None),
        ("v0.16.0", "#25315"),
        ("", None),
        (None, None),
        ("unknown", None),
    ],
)
def test_known_leaks(version, word):
    found = known_leaks.known(version)
    assert found is None if word is None else word in found["text"]


@pytest.mark.parametrize("version, bound", [("0.16.0", False), ("0.19.0", True), ("0.20.0", False)])
def test_whether_the_growth_ends(version, bound):
    assert known_leaks.known(version)["bound"] is bound
