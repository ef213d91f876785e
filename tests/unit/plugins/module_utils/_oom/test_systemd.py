# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of systemd and systemd-oomd in the journal, and the kills that they are about."""

from __future__ import annotations

import json

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import unit_journal
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    journal as journal_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._oom import oom_info, systemd
from ansible_collections.hermes_ops.gateway.plugins.module_utils._oom.kill import SYSTEMD, Kill

NOW = 1763800000 + 7200


def test_what_other_users_write_into_the_journal_counts_for_nothing(gateway, journal):
    journal.load("bookworm-systemd252-kernel6.1.jsonl")
    journal.lines = [
        line
        for line in journal.lines
        if json.loads(line)["_UID" if "_UID" in line else "_TRANSPORT"] == "1002"
    ]
    assert len(journal.lines) == 3
    assert oom_info.find([gateway(), gateway("user")], 24, NOW)["kills"] == []
    # Nor where a journalctl would hand them out.
    entries = journal_module.parse("\n".join(journal.lines))
    both = [gateway(), gateway("user")]
    assert [systemd.reports_of(entry, both) for entry in entries] == [[], [], []]


def test_a_slow_stop_is_not_a_second_kill(gateway):
    """systemd reports the result when the last process has ended, up to TimeoutStopSec later."""
    kill = Kill(gateway(), 1000.0, SYSTEMD)
    kill.invocation = "a"

    def same(kind, invocation):
        return systemd.is_about(systemd.Report(kind, gateway(), 1211.0, invocation), kill)

    assert same("result", "a") and not same("result", "b") and not same("result", None)
    assert not same("oom", "a")


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"MESSAGE_ID": unit_journal.OUT_OF_MEMORY}, "oom"),
        ({"MESSAGE_ID": unit_journal.OOMD_KILL}, "oomd-unit"),
        ({"MESSAGE_ID": "fe6faa94e7774663a0da52717891d8ef"}, "oom"),
        ({"MESSAGE_ID": "d989611b15e44c9dbf31e3c81256e4ed"}, "oomd-unit"),
        ({"MESSAGE_ID": "d9b373ed55a64feb8242e02dbe79a49c", "UNIT_RESULT": "oom-kill"}, "result"),
        ({"MESSAGE_ID": "d9b373ed55a64feb8242e02dbe79a49c", "UNIT_RESULT": "exit-code"}, None),
        (
            {
                "MESSAGE": (
                    "hermes-gateway.service: A process of this unit has been killed by the OOM "
                    "killer."
                )
            },
            "oom",
        ),
        (
            {"MESSAGE": "hermes-gateway.service: systemd-oomd killed 2 process(es) in this unit."},
            "oomd-unit",
        ),
        ({"MESSAGE": "x.service: systemd-oomd killed some process(es) in this unit."}, "oomd-unit"),
        ({"MESSAGE": "hermes-gateway.service: Failed with result 'oom-kill'."}, "result"),
        ({"MESSAGE": "hermes-gateway.service: Failed with result 'exit-code'."}, None),
    ],
)
def test_each_word_of_systemd_alone(gateway, fields, kind):
    entry = journal_module.Entry(5.0, dict(fields, _PID="1", UNIT="hermes-gateway.service"))
    reports = systemd.reports_of(entry, [gateway()])
    assert [report.kind for report in reports] == ([kind] if kind else [])


PRESSURE = "due to memory pressure for /system.slice being 71.48% > 60.00% for > 20s"


@pytest.mark.parametrize(
    "lines", [["Marked %s for killing "], ["Marked %s for killing ", "Killed %s "]]
)
def test_wording_of_systemd_oomd_260(gateway, journal, lines):
    """It announces a unit and may then report the kill: one kill."""
    for place, line in enumerate(lines):
        text = line % "/system.slice/hermes-gateway.service" + PRESSURE
        journal.add(NOW - 60 + place, text, _SYSTEMD_UNIT="systemd-oomd.service")
    kills = oom_info.find([gateway(), gateway("user")], 24, NOW)["kills"]
    assert [(kill["name"], kill["source"], kill["scope"]) for kill in kills] == [
        ("hermes-gateway", "systemd-oomd", "systemd-oomd")
    ]


def test_what_systemd_oomd_kills_with_all_below(gateway, journal):
    """The systemd of a user, with each gateway of that user."""
    text = "Killed /user.slice/user-1001.slice/user@1001.service " + PRESSURE
    journal.add(NOW - 60, text, _SYSTEMD_UNIT="systemd-oomd.service")
    both = [gateway("user"), gateway("user", name="other@ada", unit="other.service")]
    kills = oom_info.find([gateway(), gateway("user", name="eve", uid=1002), *both], 24, NOW)[
        "kills"
    ]
    assert [kill["name"] for kill in kills] == ["hermes-gateway-coder@ada", "other@ada"]


MANAGER = "user@1001.service: A process of this unit has been killed by the OOM killer."
UNCLEAR = (
    "systemd reports 1 OOM kills in user@1001.service; it is unknown whether they belonged to "
    "hermes-gateway-coder@ada, because the journal of that user has no entry about them"
)


def test_only_the_line_about_the_users_systemd_is_left(gateway, journal):
    """The journal of a user is smaller and rotates earlier, so the owner is unknown."""
    journal.boot(NOW - 9000)
    journal.add(NOW - 60, MANAGER, unit="user@1001.service")
    answer = oom_info.find([gateway("user")], 24, NOW)
    assert answer["kills"] == [] and answer["notes"] == [UNCLEAR]
    assert oom_info.find([gateway("user", uid=1002), gateway()], 24, NOW)["notes"] == []


@pytest.mark.parametrize("memcg", ["/user.slice/user-1001.slice/session-7.scope", "/x.slice"])
def test_a_kill_that_explains_the_line_about_the_users_systemd(gateway, journal, memcg):
    """The kernel identifies the process of that user."""
    journal.add(NOW - 60, MANAGER, unit="user@1001.service")
    chosen = "oom-kill:constraint=CONSTRAINT_NONE,task_memcg=%s,task=x,pid=7,uid=1001" % memcg
    journal.add(NOW - 61, chosen, _TRANSPORT="kernel", SYSLOG_FACILITY="0")
    assert UNCLEAR not in oom_info.find([gateway("user")], 24, NOW)["notes"]


def test_no_user_can_write_the_line_about_a_users_systemd(gateway, journal):
    journal.boot(NOW - 9000)
    journal.add(NOW - 60, MANAGER, _PID="99", _UID="1002", UNIT="user@1001.service")
    assert oom_info.find([gateway("user")], 24, NOW)["notes"] == []
