# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layout of every table of the collection."""

from __future__ import annotations

import pytest

pytest.importorskip("ansible")

from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import _columns


def test_columns_are_as_wide_as_their_widest_cell_but_for_the_last():
    assert _columns.lines(("A", "LONGER", "WHY"), [("wide", "x", "a sentence"), ("y", "", "")]) == [
        "A     LONGER  WHY",
        "wide  x       a sentence",
        "y",
    ]


def test_table_without_rows_is_its_header():
    assert _columns.lines(("A", "B"), []) == ["A  B"]
