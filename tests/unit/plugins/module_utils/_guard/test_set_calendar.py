# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The advice says whether the installed calendar meets the recommendation of the verdict."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import set_calendar
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import RunError

NOW = 1785938400  # Wed 2026-08-05 14:00 UTC
HOUR = 3600
AUTO = "set hermes_restart_timer_every: auto and run the site playbook"
LEAK = {"recommended_restart_hours": 48, "hours_to_limit": 93.6}


@pytest.mark.parametrize(
    ("hours", "ahead", "said"),
    [
        # The limit comes first.
        (
            168,
            108,
            "the limit would be reached in 3.9 days, and the timer restarts it on"
            " Mon 2026-08-10 02:00 UTC, in 4.5 days: " + AUTO,
        ),
        # Not this time, but the next run is too long.
        (168, 20, "the timer restarts it every 168 h, which is not often enough: " + AUTO),
        (48, 20, "the timer restarts it every 48 h, which is often enough"),
        (12, 2, "the timer restarts it every 12 h, which is often enough"),
        (None, None, "the limit would be reached in 3.9 days, and no timer restarts it: " + AUTO),
        # It is installed, but never fires.
        (12, None, "the limit would be reached in 3.9 days, and no timer restarts it: " + AUTO),
    ],
)
def test_timer_is_compared_with_the_verdict(hours, ahead, said):
    following = None if ahead is None else NOW + ahead * HOUR
    assert set_calendar.sentence(LEAK, hours, following, NOW) == said


def test_growth_whose_end_is_not_known():
    verdict = dict(LEAK, hours_to_limit=None)
    said = set_calendar.sentence(verdict, None, None, NOW)
    assert said == "memory grows, and no timer restarts it: " + AUTO


def test_systemd_is_not_asked_if_no_gateway_needs_restarts(settings, monkeypatch):
    """Each verdict of a healthy gateway would cost a call of systemctl."""
    monkeypatch.setattr(set_calendar.timers, "next_elapse", lambda units: 1 / 0)
    answer = {"hermes-gateway": {"recommended_restart_hours": None, "advice": []}}
    set_calendar.compare([settings()], answer)
    assert answer["hermes-gateway"]["advice"] == []


def test_systemd_that_does_not_answer_costs_no_verdict(settings, monkeypatch):
    def silent(_units):
        raise RunError("systemctl: no answer")

    monkeypatch.setattr(set_calendar.timers, "next_elapse", silent)
    answer = {"hermes-gateway": dict(LEAK, advice=["restart it every 48 h"])}
    set_calendar.compare([settings()], answer)
    assert answer["hermes-gateway"]["advice"] == ["restart it every 48 h"]
