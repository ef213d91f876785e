# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hermes_restart_timer_every: auto. The calendar of each gateway follows its measured leak."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    config,
    history,
    memory_trend,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import cgroup, unit_files
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    systemd as systemd_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import (
    guard,
    guard_component,
    lock,
    works,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import forecast

TIMER = "hermes-gateway-restart.timer"
CHECKOUT = Path(__file__).resolve().parents[5]


@pytest.fixture
def host(tmp_path, systemd, monkeypatch):
    """A host with one guarded gateway, under a watchdog at 1024 MB."""
    monkeypatch.setattr(unit_files, "FOLDER", str(tmp_path / "units") + "/")
    monkeypatch.setattr(config, "PROGRAM", str(tmp_path / "hermes-guard"))
    monkeypatch.setattr(discovery, "started_manually", lambda found, candidates: [])
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
    monkeypatch.setattr(systemd_module, "version", lambda: 252)
    monkeypatch.setattr(lock, "PATH", str(tmp_path / ".lock"))
    # The program of this host is only a name.
    monkeypatch.setattr(works, "check_program", lambda: None)
    for name in ("units", "etc"):
        (tmp_path / name).mkdir()
    (tmp_path / "hermes-guard").write_text("hermes_ops.gateway")
    (tmp_path / "etc/guard.conf").write_text(
        "[DEFAULT]\nthreshold = 1024M\n[hermes-gateway]\nunit = hermes-gateway.service\nhome = %s\n"
        % (tmp_path / "home")
    )
    systemd.add_gateway(tmp_path / "home")
    return tmp_path


def ask():
    """The guard module's answer with hermes_restart_timer_every: auto."""
    parameters = {
        "state": "present",
        "gateways": [],
        "files": [],
        "options": {"hermes_restart_timer_every": "auto"},
    }
    return guard.apply(parameters, True)


def recommended():
    """How often the guard module says that the gateway should be restarted."""
    return ask()["gateways"][0]["recommended_every"]


def apply(host, every):
    """The result of the component restart_timer as the role asks for it: no timer for a gateway
    that needs no restarts.
    """
    listed = {"etc/guard.conf.d/timer.conf": "[DEFAULT]\nsplay = 1h\n"}
    if every is not None:
        listed["units/" + TIMER] = "# hermes_ops.gateway\n%s\n" % every
    return guard_component.apply(
        {
            "component": "restart_timer",
            "state": "present",
            "gateways": [],
            "files": [
                {"path": str(host / path), "content": content, "mode": "0644"}
                for path, content in listed.items()
            ],
            "units": [] if every is None else [TIMER],
            "options": {},
            "secrets": {},
        }
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
    path = host / "units" / TIMER
    return path.read_text().splitlines()[1] if path.exists() else None


def test_twelve_hours_until_there_is_a_verdict(host):
    assert recommended() == "12h"
    assert apply(host, recommended())["changed"]
    assert calendar(host) == "12h"
    assert not apply(host, recommended())["changed"]


def test_a_leak_has_what_it_asks_for(host):
    seen(40)
    hours = memory_trend.of_gateways(list(config.load(config.FOLDER).values()))["hermes-gateway"][
        "recommended_restart_hours"
    ]
    assert hours in (6, 12, 24)
    result = apply(host, recommended())
    assert calendar(host) == "%dh" % hours
    assert set(result["next_elapse"]) == {TIMER}
    assert not apply(host, recommended())["changed"]


def test_without_a_leak_there_is_no_timer(host):
    apply(host, recommended())
    seen(0)
    assert recommended() is None
    result = apply(host, recommended())
    assert (result["changed"], calendar(host), result["next_elapse"]) == (True, None, {})
    assert (host / "etc/guard.conf.d/timer.conf").exists()
    assert not apply(host, recommended())["changed"]


def test_the_calendar_follows(host):
    seen(0)
    apply(host, recommended())
    seen(100)
    assert apply(host, recommended())["changed"]
    assert calendar(host) == "6h"


def test_settings_that_a_later_role_writes_anew_do_not_stop_the_guard(host):
    (host / "etc/guard.conf.d").mkdir()
    (host / "etc/guard.conf.d/watchdog.conf").write_text("[DEFAULT]\nbreaches = 6 of 5\n")
    answer = ask()
    assert "recommended_every" not in answer["gateways"][0]
    assert "hermes_watchdog_breaches" in answer["notes"][0]


def test_a_fixed_calendar_asks_for_no_verdict(host, monkeypatch):
    monkeypatch.setattr(memory_trend, "recommended_cadences", lambda names: 1 / 0)
    parameters = {"state": "present", "gateways": [], "files": []}
    for options in ({}, {"hermes_restart_timer_every": "12h"}):
        assert (
            "recommended_every"
            not in guard.apply(dict(parameters, options=options), True)["gateways"][0]
        )


def test_every_recommendation_has_a_calendar_in_the_role():
    """What the verdict asks for is one of the calendars of hermes_restart_timer/vars/main.yml."""
    text = (CHECKOUT / "roles/hermes_restart_timer/vars/main.yml").read_text(encoding="utf-8")
    for hours in forecast.CADENCES:
        assert "\n  %dh: " % hours in text
