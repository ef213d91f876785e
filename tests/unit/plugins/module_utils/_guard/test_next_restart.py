# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The next restart of the calendar while restarts are suspended: the first one after that."""

from __future__ import annotations

import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import next_restart
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard.suspension import Suspension
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import command
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import SystemdError

HOUR, DAY = 3600, 86400
# 2026-08-05 00:00 UTC, a Wednesday.
NOW = 1785888000
DELAY = 540
SHOWN = "{ OnCalendar=*-*-* 04:00:00 ; next_elapse=Wed 2026-08-05 04:00:00 UTC }"
# What systemd-analyze prints on a host whose time is UTC, and on one with another time.
UTC = "  Normalized form: x\n    Next elapse: %s UTC\n       From now: 3h left\n"
LOCAL = "    Next elapse: Wed 2026-08-05 06:00:00 CEST\n       (in UTC): %s UTC\n"


@pytest.fixture
def daily(monkeypatch, settings):
    """A timer at 04:00 each day, with the fixed delay DELAY; its settings and what was asked."""
    asked = []
    state = {"form": UTC, "asked": asked}

    def show(self, units, properties):
        return [{"Id": units[0], "TimersCalendar": SHOWN}]

    def run(argv, **_more):
        assert argv[:2] == ["systemd-analyze", "calendar"] and argv[3:] == ["--", "*-*-* 04:00:00"]
        base = argv[2].partition("=")[2]
        asked.append(base)
        after = time.strptime(base, "%Y-%m-%d %H:%M:%S UTC")
        seconds = next_restart.calendar.timegm(after)
        at = seconds - seconds % DAY + 4 * HOUR
        at += DAY if at <= seconds else 0
        moment = time.strftime("%a %Y-%m-%d %H:%M:%S", time.gmtime(at))
        return command.Result(0, state["form"] % moment, "")

    monkeypatch.setattr(next_restart.systemd.Manager, "show", show)
    monkeypatch.setattr(next_restart.command, "run", run)
    monkeypatch.setattr(next_restart.time, "time", lambda: NOW)
    state["settings"] = settings(splay="15min")
    return state


def real(daily, since, until):
    elapse = NOW + 4 * HOUR + DELAY
    suspended = None if since is None else Suspension(NOW + since, NOW + until, False)
    return next_restart.real(daily["settings"], elapse, suspended) - NOW


@pytest.mark.parametrize("form", [UTC, LOCAL], ids=["UTC", "local"])
def test_first_time_after_the_suspension_with_the_delay_of_the_host(daily, form):
    daily["form"] = form
    assert real(daily, 0, 48 * HOUR) == 52 * HOUR + DELAY
    # It ends between the calendar time and the delayed time of this host.
    assert real(daily, 0, 52 * HOUR + 60) == 52 * HOUR + DELAY
    assert real(daily, 0, 52 * HOUR + DELAY + 60) == 76 * HOUR + DELAY


@pytest.mark.parametrize(("since", "until"), [(None, None), (5 * HOUR, 9 * HOUR), (0, 4 * HOUR)])
def test_what_is_not_suspended_is_not_asked(daily, since, until):
    assert real(daily, since, until) == 4 * HOUR + DELAY
    assert daily["asked"] == []


def test_what_cannot_be_asked_is_unknown(daily, monkeypatch):
    def silent(*_all):
        raise SystemdError("no answer")

    monkeypatch.setattr(next_restart.systemd.Manager, "show", silent)
    suspended = Suspension(NOW, NOW + DAY, False)
    assert next_restart.real(daily["settings"], NOW + HOUR, suspended) is None
    assert next_restart.real(daily["settings"], None, suspended) is None
