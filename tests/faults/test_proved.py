# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that unit tests cover: the table names those tests, which are run again here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

TOP = Path(__file__).resolve().parents[2]
UNITS = "tests/unit/plugins/module_utils/"
PROVED = {
    "clock set during the cooldown after a restart": [
        "_guard/test_policy.py::test_cooldown",
        "_guard/test_watchdog.py::test_clock_that_goes_back",
    ],
    "clock set: no part of the history is lost": [
        "_guard/test_history.py::test_a_clock_that_jumps_ahead_does_not_cost_the_history",
        "_trend/test_samples.py::test_clock_that_jumps",
    ],
    "clock set: no gateway looks frozen": [
        "_hermes/test_heartbeat.py::test_no_setting_of_the_clock_makes_it_old"
    ],
    "host paused: no gateway looks frozen": [
        "_hermes/test_heartbeat.py::test_a_machine_that_was_paused"
    ],
    "disk full in the home: no gateway looks frozen": [
        "_hermes/test_heartbeat.py::test_a_full_disk_stops_the_beat_and_not_the_loop"
    ],
    "pid reuse: a file in the home that names the pid": [
        "_guard/test_restart.py::test_runtime_of_another_life_says_nothing",
        "_guard/test_last_seen.py::test_another_process_has_its_pid",
    ],
    "Hermes upgraded from 0.18.2 to 0.19.0 in the middle of a week's history": [
        "_trend/test_analysis.py::test_an_upgrade_in_the_middle_of_a_week",
        "_trend/test_comparison.py::test_the_last_of_two_upgrades_counts",
        "_guard/test_watchdog.py::test_check_asks_no_hermes_and_has_a_unit_ask_once_a_run",
    ],
    "a gateway that does not come up: one more try, and no loop": [
        "_guard/test_restart.py::test_one_more_try_and_no_loop"
    ],
    "hostile: one sample near a limit, of a container or of all users, is enough": [
        "_guard/test_watchdog.py::test_one_sample_near_the_limit_is_an_emergency",
        "_guard/test_watchdog.py::test_host_without_memory_is_an_emergency",
        "_guard/test_limits.py::test_kernel_limit_is_the_cgroups_or_all_ram",
    ],
    "hostile: a home that becomes read-only: no gateway looks frozen": [
        "_hermes/test_heartbeat.py::test_a_full_disk_stops_the_beat_and_not_the_loop",
        "_hermes/test_heartbeat.py::test_quota_or_read_only_disk_stops_the_beat_and_not_the_loop",
    ],
    "hostile: a second alert at 90 % of the limit, and one when it is over": [
        "_guard/test_alarms.py::test_second_alarm_near_the_limit_and_one_when_it_is_over"
    ],
    "hostile: Ctrl-Z on a restart": [
        "_guard/test_abandoned.py::test_ctrl_z_does_not_suspend_a_restart",
        "_guard/test_abandoned.py::test_old_marker_is_removed_whoever_has_the_lock",
    ],
    "hostile: two controllers, and a removal beside a restart": [
        "_guard/test_abandoned.py::test_restart_that_waited_for_the_lock_of_a_guard_that_is_removed"
    ],
    "power loss in the middle of a line of history or ledger": [
        "_guard/test_history.py::test_torn_last_line",
        "_host/test_files.py::test_append_closes_a_torn_line",
    ],
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Whether each of them passed (dict of list of bool by FILE::FUNCTION), in one run."""
    report = tmp_path_factory.mktemp("proved") / "report.xml"
    every = sorted({UNITS + one for tests in PROVED.values() for one in tests})
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--junitxml=%s" % report] + every,
        cwd=TOP,
        check=False,
    )
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        file = "/".join(case.get("classname").split(".")[-2:])
        name = "%s.py::%s" % (file, case.get("name").partition("[")[0])
        found.setdefault(name, []).append(len(case) == 0)
    return found


@pytest.mark.parametrize(
    "tests",
    [
        pytest.param(
            tests, marks=pytest.mark.fault(fault, by=", ".join(tests)), id=fault.replace(" ", "-")
        )
        for fault, tests in PROVED.items()
    ],
)
def test_proved(outcomes, tests):
    """All cases of each."""
    for one in tests:
        assert one in outcomes and all(outcomes[one]), one
