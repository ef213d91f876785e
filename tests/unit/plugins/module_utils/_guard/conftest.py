# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the guard share."""

from __future__ import annotations

from types import SimpleNamespace

import pytest


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def stub():
    """A managed gateway as the policy sees it, without a process: call it with settings and what
    differs.
    """

    def make(settings, **changed):
        facts = {
            "settings": settings,
            "problem": None,
            "home": "/nonexistent",
            "uid": 0,
            "active_state": "active",
            "sub_state": "running",
            "pid": 1,
            "uptime_seconds": 100000.0,
            "invocation_id": "a",
        }
        return SimpleNamespace(**dict(facts, **changed))

    return make
