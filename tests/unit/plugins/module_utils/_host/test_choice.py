# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing by name, or listing the available names."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import choice
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import SettingError

AMONG = [SimpleNamespace(name=name) for name in ("b", "a", "c")]


@pytest.mark.parametrize(
    ("names", "expected"),
    [([], "abc"), (["c", "a"], "ac"), (["b", "b"], "b"), ({"a"}, "a"), ((), "abc")],
)
def test_select_returns_the_named_ones_sorted_or_all(names, expected):
    chosen = choice.select("names", names, AMONG, "is not configured")
    assert "".join(one.name for one in chosen) == expected


@pytest.mark.parametrize(
    ("among", "expected"),
    [
        (AMONG, "names: 'x' is not configured: expected one of a, b, c"),
        ([], "names: 'x' is not configured: none is available"),
    ],
)
def test_unknown_name_is_refused_with_what_there_is(among, expected):
    with pytest.raises(SettingError) as raised:
        choice.select("names", ["a", "x"] if among else ["x"], among, "is not configured")
    assert str(raised.value) == expected


def test_two_of_one_name_are_both_chosen():
    among = AMONG + [SimpleNamespace(name="a")]
    assert len(choice.select("names", ["a"], among, "is not configured")) == 2
