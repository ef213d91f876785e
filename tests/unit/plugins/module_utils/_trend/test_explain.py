# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences that explain a verdict."""

from __future__ import annotations

from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import explain

MB = 1 << 20
START = 1790000000


def test_text(trend, run):
    lines = explain.text(trend(run(12, 40, version="0.16.0"), 4096 * MB, START))
    assert lines[0].startswith("suspected: ")
    assert "limit 4096 MB" in lines[1] and "2026" in lines[-1]


def test_what_would_settle_it_is_about_the_current_run(trend, run):
    rows = run(20, 40) + run(0.5, 40, 20, "b")
    assert trend(rows)["what_would_settle_it"].startswith("Samples for another 24 h ")
