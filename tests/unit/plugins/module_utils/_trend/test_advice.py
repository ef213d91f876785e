# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about a verdict, and in which order."""

from __future__ import annotations

import re

from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import analysis

MB = 1 << 20


def test_upgrade_comes_before_any_cadence(trend, run):
    found = trend(run(72, 18, version="0.16.0"), 4096 * MB)
    assert (
        found["advice"][0]
        == "Hermes 0.16.0 leaks without bound (upstream issue #25315); upgrade to 0.17.0 or later"
    )
    assert "restart" in found["advice"][1]
    assert trend(run(1, 0, version="0.16.0"))["advice"][0].startswith("Hermes 0.16.0 leaks")


def test_one_run_without_a_version_does_not_hide_the_known_leak(trend, run):
    found = trend(run(48, 20, version="0.16.0") + run(2, 20, 48, "b", version=None), 2048 * MB)
    assert found["version"] == "0.16.0" and "#25315" in found["advice"][0]


def test_fast_leak_is_suspected_early(trend, run):
    found = trend(run(2.5, 1900))
    assert (found["verdict"], found["faster_than_known"]) == ("suspected", True)
    assert "report it" in found["advice"][0]
    # A bounded leak does not grow this fast; an unbounded one may.
    for version, place in (("0.19.0", 0), ("0.16.0", 1)):
        assert "report it" in trend(run(2.5, 1900, version=version))["advice"][place]


def test_known_leak_is_compared_with_the_growth_of_this_gateway(trend, run):
    """The advice does not say that the growth ends if the verdict is a leak of 1,000 MB a run."""
    cause = (
        "Hermes 0.19.0 keeps up to 128 sessions of about 1 MB each and releases their memory late "
        "(upstream issue #58817); with 300 sessions, 260 MB were measured, "
    )
    upgrade = "upgrade: 0.20.1 and later evict sessions by their size (agent.agent_cache)"
    found = trend(run(56, 18, version="0.19.0"), 2048 * MB)
    assert found["verdict"] == "leak"
    first = re.sub(r"(98|99)\d MB", "X MB", found["advice"][0])
    assert first == (
        cause + "but this gateway grew by X MB in one run: its sessions are larger, or there is "
        "another cause; " + upgrade
    )
    found = trend(run(100, 2, version="0.19.0"), 2048 * MB)
    assert found["verdict"] in ("leak", "suspected")
    first = re.sub(r"(19|20)\d MB", "X MB", found["advice"][0])
    assert first == (
        cause + "which can explain the X MB by which this gateway grew in one run; " + upgrade
    )
    # Growth without an end needs no comparison.
    assert "in one run" not in trend(run(72, 18, version="0.16.0"))["advice"][0]


def test_without_known_leaks_the_rest_is_the_same(trend, run):
    rows = run(72, 18, version="0.16.0")
    found, bare = trend(rows, 4096 * MB), analysis.trend(rows, 4096 * MB)
    assert bare["advice"] == found["advice"][1:]
    assert dict(bare, advice=None) == dict(found, advice=None)
