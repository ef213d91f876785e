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
    restart_calendar,
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
    program,
    works,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import forecast

TIMER = "hermes-gateway-restart.timer"
# The calendars of hermes_restart_timer/vars/main.yml, on one host.
CALENDARS = {
    "3h": "*-*-* 0,3,6,9,12,15,18,21:17:00",
    "4h": "*-*-* 1,5,9,13,17,21:17:00",
    "6h": "*-*-* 3,9,15,21:17:00",
    "8h": "*-*-* 5,13,21:17:00",
    "12h": "*-*-* 7,19:17:00",
    "24h": "*-*-* 7:17:00",
    "48h": "*-*-01/2 7:17:00",
    "72h": "*-*-01/3 7:17:00",
    "168h": "Tue *-*-* 7:17:00",
}
CHECKOUT = Path(__file__).resolve().parents[5]


@pytest.fixture
def host(tmp_path, systemd, monkeypatch, built):
    """A host with one managed gateway, and a watchdog with a threshold of 1024 MB."""
    monkeypatch.setattr(unit_files, "FOLDER", str(tmp_path / "units") + "/")
    monkeypatch.setattr(restart_calendar, "FOLDER", str(tmp_path / "units"))
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
    monkeypatch.setattr(program, "installed", lambda present: built)
    # The program is only a file name here.
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
    """The cadence that the guard module recommends."""
    return ask()["gateways"][0]["recommended_every"]


def apply(host, every):
    """The result of the component restart_timer as the role asks for it: no timer for a gateway
    that needs no restarts.
    """
    listed = {"etc/guard.conf.d/timer.conf": "[DEFAULT]\nsplay = 1h\n"}
    if every is not None:
        listed["units/" + TIMER] = "# hermes_ops.gateway\nOnCalendar=%s\n" % CALENDARS[every]
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


def seen(slope, hours=48, life=None):
    """A history in which memory grows by ``slope`` MB/h, in one run or in runs of ``life`` hours."""
    folder = os.path.join(config.STATE, "hermes-gateway")
    rng = random.Random(3)
    start = int(time.time()) - hours * 3600
    os.makedirs(folder, exist_ok=True)
    lines = [",".join(history.COLUMNS)]
    for step in range(hours * 12):
        run, age = divmod(step, int((life or hours) * 12))
        rss = int((150 + slope * age / 12 + abs(rng.gauss(0, 3))) * (1 << 20))
        lines.append(
            "%d,run%d,7,%d,%d,%d,0,%d,,,,p,m,0.19.0"
            % (start + step * 300, run, age * 300, rss, rss, rss)
        )
    with open(os.path.join(folder, history.NAME), "w", encoding="utf-8") as handle:
        handle.write("\n".join(lines) + "\n")


def calendar(host):
    """How often the installed timer elapses, such as "12h"; None if there is none."""
    path = host / "units" / TIMER
    if not path.exists():
        return None
    written = path.read_text().splitlines()[1].partition("=")[2]
    return {text: every for every, text in CALENDARS.items()}[written]


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
    assert hours in forecast.CADENCES and hours <= 24
    result = apply(host, recommended())
    assert calendar(host) == "%dh" % hours
    assert set(result["next_elapse"]) == {TIMER}
    assert not apply(host, recommended())["changed"]


def test_without_a_leak_there_is_no_timer(host):
    """A run of a week covers each hour of the day and each day of the week."""
    apply(host, recommended())
    seen(0, hours=170)
    assert recommended() is None
    result = apply(host, recommended())
    assert (result["changed"], calendar(host), result["next_elapse"]) == (True, None, {})
    assert (host / "etc/guard.conf.d/timer.conf").exists()
    assert not apply(host, recommended())["changed"]


@pytest.mark.parametrize(("hours", "life"), [(48, None), (160, None), (400, 12), (400, 23)])
def test_a_timer_is_not_taken_away_on_short_runs_or_less_than_a_week(host, hours, life):
    """What a run of 12 h hides, and what a weekend hides, ends in a run without a timer."""
    apply(host, "12h")
    seen(0, hours, life)
    assert recommended() == "12h"


def test_a_timer_is_not_made_longer_on_short_runs(host):
    """A slow leak under restarts every 6 h would get a day: longer than any run so far."""
    apply(host, "6h")
    seen(10, hours=240, life=6)
    assert recommended() == "6h"


def test_a_timer_is_made_shorter_at_once(host):
    apply(host, "24h")
    seen(60, hours=48, life=12)
    assert int(recommended()[:-1]) < 24


def test_without_a_timer_none_is_added_for_a_verdict_that_asks_for_none(host):
    seen(0, hours=48)
    assert recommended() is None


def test_too_little_keeps_the_timer_that_there_is(host):
    apply(host, "6h")
    seen(0, hours=2)
    assert recommended() == "6h"


@pytest.mark.parametrize("every", list(CALENDARS))
def test_the_calendar_of_a_timer_is_read(every):
    assert "%dh" % restart_calendar.hours_of(CALENDARS[every]) == every


@pytest.mark.parametrize("text", ["03:30", "Mon,Thu 04:00", "*-*-* 4:17", ""])
def test_a_calendar_of_an_operator_is_not_the_role_s(text):
    assert restart_calendar.hours_of(text) is None


@pytest.mark.parametrize(
    ("calendars", "every"),
    [
        (["04:00", "16:00"], "12h"),
        (["*-*-* 04:00:00"], "24h"),
        (["02:00", "08:00", "14:00", "20:00"], "6h"),
        # The cadence is unknown: the default applies.
        (["Mon,Thu 04:00"], "12h"),
        (["Mon 04:00", "*-*-* 7:17:00"], "12h"),
        # The role has no calendar for these: the next shorter cadence, or the shortest, is used.
        (["*-*-01/5 7:17:00"], "72h"),
        (["*-*-* %s:17:00" % ",".join(map(str, range(24)))], "3h"),
    ],
)
def test_the_times_of_an_operator_are_not_taken_away_on_short_runs(host, calendars, every):
    """From ``hermes_restart_timer_at`` to ``auto``: there is a timer, and it protects."""
    lines = "".join("OnCalendar=%s\n" % one for one in calendars)
    (host / "units" / TIMER).write_text("# hermes_ops.gateway\n" + lines)
    seen(0, hours=2)
    assert recommended() == every
    seen(0, hours=400, life=12)
    assert recommended() == every


def test_a_week_with_holes_is_no_week(host):
    """The guard was off from Monday to Friday: two weekends do not cover the working days."""
    apply(host, "12h")
    seen(0, hours=172)
    path = Path(config.STATE) / "hermes-gateway" / history.NAME
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *rows[:300], *rows[-500:]]) + "\n")
    assert recommended() == "12h"


def test_the_calendar_follows(host):
    seen(0)
    apply(host, recommended())
    seen(100)
    assert apply(host, recommended())["changed"]
    assert calendar(host) in ("3h", "4h", "6h")


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
    """Each recommended cadence is a calendar of hermes_restart_timer/vars/main.yml."""
    text = (CHECKOUT / "roles/hermes_restart_timer/vars/main.yml").read_text(encoding="utf-8")
    for hours in forecast.CADENCES:
        assert "\n  %dh: " % hours in text


@pytest.mark.parametrize(
    ("every", "at", "entry", "expected"),
    [
        ("auto", [], {}, True),
        ("auto", ["04:00"], {}, False),
        ("24h", [], {"every": "auto"}, True),
        # Without times, the period applies: the host's, unless the gateway has its own.
        ("auto", ["04:00"], {"at": []}, True),
        ("auto", "04:00", {"at": ""}, True),
        ("auto", ["04:00"], {"at": ["05:00"]}, False),
        ("auto", ["04:00"], {"at": [], "every": "24h"}, False),
        ("24h", ["04:00"], {"at": []}, False),
    ],
)
def test_history_is_analysed_if_a_cadence_depends_on_it(every, at, entry, expected):
    assert restart_calendar.follows_history(every, at, {"x": entry, "y": None}) is expected
