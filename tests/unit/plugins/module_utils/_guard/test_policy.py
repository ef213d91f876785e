# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The refusals of the arbiter."""

from __future__ import annotations

import json
import os
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import managed, policy
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import drain


@pytest.mark.parametrize(
    ("trigger", "changed", "code"),
    [
        ("operator", {"problem": "the home belongs to somebody else"}, "unsafe"),
        ("operator", {"active_state": "inactive", "pid": None}, "stopped"),
        ("operator", {"active_state": "failed", "pid": None}, "stopped"),
        ("operator", {"active_state": "deactivating"}, "stopped"),
        ("operator", {"active_state": "activating"}, "starting"),
        ("operator", {"active_state": "reloading"}, "starting"),
        ("operator", {"pid": None}, "starting"),
        ("timer", {"uptime_seconds": 7199}, "young"),
        ("timer", {"uptime_seconds": 7200}, None),
        ("watchdog", {"uptime_seconds": 599}, "young"),
        ("watchdog", {"uptime_seconds": 600}, None),
        ("operator", {"uptime_seconds": 1}, None),
    ],
)
def test_refusals(systemd, settings, stub, trigger, changed, code):
    found = policy.refusal(stub(settings(startup_grace="10min"), **changed), trigger)
    assert (found and found[0]) == code


def test_gateway_whose_unit_is_gone_is_refused():
    assert policy.refusal(None, "operator")[0] == "gone"


def entry(settings, when, trigger="watchdog", event="restart"):
    with open(os.path.join(settings.folder, "ledger.jsonl"), "a") as out:
        out.write(json.dumps({"time": when, "event": event, "trigger": trigger}) + "\n")


@pytest.mark.parametrize(
    ("trigger", "ago", "uptime", "code"),
    [
        ("watchdog", 1799, 100000, "cooldown"),
        ("watchdog", 1801, 100000, None),
        ("timer", 599, 100000, "cooldown"),
        ("operator", 599, 100000, "cooldown"),
        ("operator", 601, 100000, None),
        # The clock was set back after the restart: just now for a young process, long ago for an
        # old one.
        ("watchdog", -3600, 900, "cooldown"),
        ("watchdog", -3600, 1801, None),
        ("watchdog", -90000, 700, None),
    ],
)
def test_cooldown(systemd, settings, stub, trigger, ago, uptime, code):
    one = settings(min_uptime="0s")
    now = time.time()
    entry(one, now - ago)
    found = policy.refusal(stub(one, uptime_seconds=uptime), trigger, now)
    assert (found and found[0]) == code


def test_daily_cap_is_the_watchdogs_alone(systemd, settings, stub):
    one = settings(daily_cap="2", min_uptime="0s")
    now = time.time()
    entry(one, now - 90000)
    entry(one, now - 8000)
    entry(one, now - 7000, trigger="timer")
    assert policy.refusal(stub(one), "watchdog", now) is None
    entry(one, now - 6000, event="failed")
    assert policy.refusal(stub(one), "watchdog", now)[0] == "daily-cap"
    assert policy.refusal(stub(one), "timer", now) is None


def test_a_drain_of_somebody_else_is_left_alone(systemd, settings, home):
    """Its dashboard's marker: a scheduled restart would open the gateway again, and neither writes
    nor removes it.
    """
    systemd.add_gateway(home)
    gateway = managed.find(settings())
    marker = home / drain.NAME
    marker.write_text(json.dumps({"principal": "dashboard:ada"}))
    os.chown(str(marker), gateway.uid, -1)
    assert policy.refusal(gateway, "timer")[0] == "draining"
    # A restart that must not wait happens at once.
    assert (policy.refusal(gateway, "watchdog") or ("",))[0] != "draining"
    assert drain.write(gateway) is False
    assert drain.remove(gateway) is False
    assert json.loads(marker.read_text()) == {"principal": "dashboard:ada"}
