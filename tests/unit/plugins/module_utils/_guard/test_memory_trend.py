# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on the first day, before there is a history."""

from __future__ import annotations

import time

from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import memory_trend
from ansible_collections.hermes_ops.gateway.plugins.module_utils._oom import oom_info

GB = 1 << 30


def test_earlier_lives_count_on_the_first_day(systemd, settings, tmp_path, monkeypatch):
    systemd.add_gateway(tmp_path / "home")
    now = time.time()
    found = [
        {"time": now - 100000, "invocation_id": "a", "uptime_seconds": 72000, "peak_bytes": 2 * GB},
        {"time": now - 20000, "invocation_id": "b", "uptime_seconds": 72000, "peak_bytes": 2 * GB},
    ]
    monkeypatch.setattr(
        oom_info,
        "find",
        lambda gateways, hours: {
            "lives": found if gateways[0].name == "hermes-gateway" and hours > 24 else []
        },
    )
    answer = memory_trend.of_gateways([settings()])["hermes-gateway"]
    assert (answer["verdict"], answer["segments"]) == ("insufficient", 3)
    assert 80 < answer["slope_mb_per_hour"] < 110
    assert answer["what_would_settle_it"]
    assert any("2 earlier stops" in note for note in answer["notes"])


def test_first_day_without_a_journal(systemd, settings, tmp_path, monkeypatch):
    systemd.add_gateway(tmp_path / "home")
    monkeypatch.setattr(oom_info, "find", lambda gateways, hours: {"lives": []})
    answer = memory_trend.of_gateways([settings()])["hermes-gateway"]
    assert (answer["verdict"], answer["segments"]) == ("insufficient", 1)
    assert answer["rss_mb"] > 0
