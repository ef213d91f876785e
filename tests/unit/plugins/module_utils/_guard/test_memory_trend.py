# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on the first day, before there is a history."""

from __future__ import annotations

import time

from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import memory_trend
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import unit_journal

GB = 1 << 30


def test_earlier_runs_count_on_the_first_day(systemd, settings, tmp_path, monkeypatch):
    systemd.add_gateway(tmp_path / "home")
    now = time.time()
    found = [
        unit_journal.Run(at, "hermes-gateway", None, invocation, 72000, 2 * GB, None, None)
        for at, invocation in ((now - 100000, "a"), (now - 20000, "b"))
    ]
    monkeypatch.setattr(
        unit_journal,
        "earlier_runs",
        lambda gateway, hours: found if gateway.name == "hermes-gateway" and hours > 24 else [],
    )
    answer = memory_trend.of_gateways([settings()])["hermes-gateway"]
    assert (answer["verdict"], answer["segments"]) == ("insufficient", 3)
    assert 80 < answer["slope_mb_per_hour"] < 110
    assert answer["what_would_settle_it"]
    assert any("2 earlier stops" in note for note in answer["notes"])


def test_first_day_without_a_journal(systemd, settings, tmp_path, monkeypatch):
    systemd.add_gateway(tmp_path / "home")
    monkeypatch.setattr(unit_journal, "earlier_runs", lambda gateway, hours: [])
    answer = memory_trend.of_gateways([settings()])["hermes-gateway"]
    assert (answer["verdict"], answer["segments"]) == ("insufficient", 1)
    assert answer["rss_mb"] > 0
