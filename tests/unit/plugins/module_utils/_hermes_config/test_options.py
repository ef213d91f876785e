# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that are not allowed."""

from __future__ import annotations

import pytest

yaml = pytest.importorskip("yaml")

from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError


@pytest.mark.parametrize(
    "params, words",
    [
        (
            {"session_max_messages": 0},
            "session_max_messages: invalid number of messages '0': .* 1 or more",
        ),
        (
            {"session_max_messages": 5, "gateways": ["nope"]},
            "gateways: 'nope' .*: expected one of hermes-gateway",
        ),
        ({"settings": {"a b": 1}}, "settings: invalid key 'a b': expected"),
        (
            {"settings": {"model": {"api_key": "x"}}},
            "settings: the key 'model.api_key' looks like a secret",
        ),
        ({}, "no settings given"),
        ({"settings": {"a": 1, "a.b": 2}}, "both a and a.b"),
    ],
)
def test_bad_options(host, params, words):
    host.gateway()
    before = host.listing()
    with pytest.raises(GuardError, match=words):
        host.run(**params)
    assert host.listing() == before
