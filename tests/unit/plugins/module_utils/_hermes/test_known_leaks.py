# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The known leaks of a version."""

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
        ("0.20.0", "#78993"),
        # Its own eviction does not see its children.
        ("0.20.1", "#110549"),
        ("0.21.3", "#110549"),
        ("0.21.5.post2", "128 sessions"),
        ("0.22.2.post1", "agent.agent_cache"),
        # Without known leaks.
        ("0.23.0", None),
        ("1.0.0", None),
        # The install stamp is missing, so the version is unknown: a warning could be false.
        ("0.0.0", None),
        ("v0.16.0", "#25315"),
        ("", None),
        (None, None),
        ("unknown", None),
    ],
)
def test_known_leaks(version, word):
    found = known_leaks.known(version)
    assert found is None if word is None else word in found["text"]


@pytest.mark.parametrize(
    ("version", "kind", "source"),
    [
        ("0.19.0", "file descriptors", None),
        ("0.20.1", "file descriptors", "#83512"),
        ("0.21.0", "file descriptors", None),
        ("0.16.0", "dashboard process", "#46082"),
        ("0.20.0", "dashboard process", "#46082"),
        ("0.20.1", "dashboard process", None),
        ("0.21.3", "worker scopes", "#111326"),
        ("0.0.0", "file descriptors", None),
        (None, "dashboard process", None),
    ],
)
def test_what_else_runs_out(version, kind, source):
    found = known_leaks.known(version, kind)
    assert found is None if source is None else source in found["source"]
    assert found is None or (found["kind"], found["version"]) == (kind, version)


def test_each_line_has_a_source_and_is_in_order():
    for leak in known_leaks.KNOWN:
        assert leak.source.startswith("#") and leak.first <= leak.last
        assert leak.kind in known_leaks.KINDS


@pytest.mark.parametrize(
    ("version", "bound"),
    [("0.16.0", False), ("0.19.0", True), ("0.20.0", False), ("0.20.1", True), ("0.22.2", True)],
)
def test_whether_the_growth_ends(version, bound):
    assert known_leaks.known(version)["bound"] is bound
