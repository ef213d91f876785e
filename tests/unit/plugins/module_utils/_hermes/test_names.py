# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and paths that become part of units and of guard.conf: which ones are refused."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import names


@pytest.mark.parametrize(
    "name", ["a", "9", "hermes-gateway", "hermes-gateway-x@user", "a:b_c.d-e@f", "a" * 201]
)
def test_safe_name(name):
    assert names.is_safe_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        ".a",
        "@a",
        ":a",
        "_a",
        "a b",
        "a\n",
        "a/b",
        "a%i",
        "a\\x2d",
        "\xe9",
        "\u0663",
        "a" * 202,
    ],
)
def test_name_that_is_not_safe(name):
    assert not names.is_safe_name(name)


@pytest.mark.parametrize(
    "path", ["/a", "/home/x y/.hermes", "/srv/h\xe9rm\xe8s", "/a:b,c=d", "/" + "a" * 400]
)
def test_safe_path(path):
    assert names.is_safe_path(path)


@pytest.mark.parametrize("letter", [*map(chr, range(32)), "\x7f", '"', "'", "\\", "%", "$", ";"])
def test_path_with_what_a_unit_takes_for_something_else(letter):
    assert not names.is_safe_path("/home/x" + letter)
    assert not names.is_safe_path("/" + letter + "home")


@pytest.mark.parametrize("path", ["", "/", "a", "~/.hermes", "a/b", "/" + "a" * 401])
def test_path_that_is_not_absolute_or_too_long(path):
    assert not names.is_safe_path(path)
