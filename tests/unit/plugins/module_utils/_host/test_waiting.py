# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting by polling."""

from __future__ import annotations

import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import waiting


@pytest.fixture
def clock(monkeypatch):
    """The clock of the boot, which only sleeping moves."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


def test_condition_is_asked_until_it_is_true(clock):
    answers = iter([None, 0, "yes"])
    assert waiting.wait_until(lambda: next(answers), 10, 2) is True
    assert clock[0] == 104


def test_no_time_is_one_look(clock):
    assert waiting.wait_until(lambda: True, 0, 2) is True
    assert waiting.wait_until(lambda: False, 0, 2) is False
    assert clock[0] == 100


def test_time_that_is_over_is_false(clock):
    asked = []
    assert waiting.wait_until(lambda: asked.append(clock[0]), 5, 2) is False
    assert asked == [100, 102, 104, 106]


def test_unless_ends_the_wait_and_comes_second(clock):
    over = []
    assert waiting.wait_until(lambda: True, 5, 2, unless=lambda: over.append(1) or True) is True
    assert over == []
    assert waiting.wait_until(lambda: False, 5, 2, unless=lambda: clock[0] >= 102) is False
    assert clock[0] == 102
