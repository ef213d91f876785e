# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hermes_restart_timer_every: auto. The calendar of each gateway follows its measured leak."""

from __future__ import annotations

import os
import random
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    cadence,
    config,
    history,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import cgroup
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import desired_state
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import forecast

CADENCES = {"%dh" % hours: "event %d" % hours for hours in forecast.CADENCES}


@pytest.fixture
def host(tmp_path, systemd, monkeypatch):
    """A host with one guarded gateway, under a watchdog at 1024 MB."""
    monkeypatch.setattr(desired_state.unit_files, "FOLDER", str(tmp_path / "units") + "/")
    monkeypatch.setattr(desired_state, "MANIFESTS", str(tmp_path / "state/installed"))
    monkeypatch.setattr(config, "PROGRAM", str(tmp_path / "hermes-guard"))
    monkeypatch.setattr(desired_state.discovery, "_by_hand", lambda found: [])
    monkeypatch.setattr(
        cgroup,
        "memory",
        lambda group: {
            "cgroup_bytes": None,
            "cgroup_max_bytes": None,
            "cgroup_peak_bytes": None,
            "oom_kills": None,
        },
    )
    for name in ("units", "etc"):
        (tmp_path / name).mkdir()
    (tmp_path / "hermes-guard").write_text("")
    (tmp_path / "etc/guard.conf").write_text(
        "[DEFAULT]\nthreshold = 1024M\n[hermes-gateway]\nunit = hermes-gateway.service\nhome = %s\n"
        % (tmp_path / "home")
    )
    systemd.add_gateway(tmp_path / "home")
    return tmp_path


def parameters(host, **changed):
    files = [
        {
            "path": str(host / "units/@NAME@-restart.timer"),
            "content": "# hermes_ops.gateway\n@CALENDAR@\n",
            "gateway_content": "",
            "mode": "0644",
        },
        {
            "path": str(host / "etc/guard.conf.d/timer.conf"),
            "content": "[DEFAULT]\nsplay = 1h\n",
            "gateway_content": "",
            "mode": "0644",
        },
    ]
    return dict(
        {
            "part": "restart_timer",
            "state": "present",
            "gateways": [],
            "program": False,
            "files": files,
            "units": ["@NAME@-restart.timer"],
            "calendars": {},
            "cadences": CADENCES,
        },
        **changed,
    )


def seen(slope, hours=48):
    """A history of one life in which memory grows by ``slope`` MB/h."""
    folder = os.path.join(config.STATE, "hermes-gateway")
    rng = random.Random(3)
    start = int(time.time()) - hours * 3600
    os.makedirs(folder, exist_ok=True)
    lines = [",".join(history.COLUMNS)]
    for step in range(hours * 12):
        rss = int((150 + slope * step / 12 + abs(rng.gauss(0, 3))) * (1 << 20))
        lines.append(
            "%d,one,7,%d,%d,%d,0,%d,,,,p,m,0.19.0" % (start + step * 300, step * 300, rss, rss, rss)
        )
    with open(os.path.join(folder, history.NAME), "w", encoding="utf-8") as handle:
        handle.write("\n".join(lines) + "\n")


def calendar(host):
    path = host / "units/hermes-gateway-restart.timer"
    return path.read_text().splitlines()[1] if path.exists() else None


def test_twelve_hours_until_there_is_a_verdict(host):
    assert desired_state.apply(parameters(host))["changed"]
    assert calendar(host) == "event 12"
    assert not desired_state.apply(parameters(host))["changed"]


def test_a_leak_has_what_it_asks_for(host):
    seen(40)
    hours = cadence.memory_trend.of_gateways(list(config.load(config.FOLDER).values()))[
        "hermes-gateway"
    ]["recommended_restart_hours"]
    assert hours in (6, 12, 24)
    result = desired_state.apply(parameters(host))
    assert calendar(host) == "event %d" % hours
    assert set(result["next_elapse"]) == {"hermes-gateway-restart.timer"}
    assert not desired_state.apply(parameters(host))["changed"]


def test_without_a_leak_there_is_no_timer(host):
    desired_state.apply(parameters(host))
    seen(0)
    result = desired_state.apply(parameters(host))
    assert (result["changed"], calendar(host), result["next_elapse"]) == (True, None, {})
    assert (host / "etc/guard.conf.d/timer.conf").exists()
    assert not desired_state.apply(parameters(host))["changed"]


def test_the_calendar_follows(host):
    seen(0)
    desired_state.apply(parameters(host))
    seen(100)
    assert desired_state.apply(parameters(host))["changed"]
    assert calendar(host) == "event 6"


def test_a_fixed_calendar_asks_for_no_verdict(host, monkeypatch):
    monkeypatch.setattr(cadence, "measured", lambda names: 1 / 0)
    files = parameters(host)["files"]
    files[0]["content"] = "# hermes_ops.gateway\nevent\n"
    desired_state.apply(parameters(host, cadences={}, files=files))
    assert calendar(host) == "event"


def test_every_cadence_that_is_recommended_has_a_calendar(host):
    for hours in forecast.CADENCES:
        assert "%dh" % hours in CADENCES
    with pytest.raises(GuardError, match="there is none of '12h'"):
        desired_state.apply(parameters(host, cadences={"6h": "event 6"}))
