# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd and systemd-oomd report in the journal, and which kill it is about."""

from __future__ import annotations

import json

import pytest
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
    assert [systemd.report_of(entry, both) for entry in entries] == [None, None, None]


def test_a_slow_stop_is_no_second_kill(gateway):
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
        ({"MESSAGE_ID": systemd.OUT_OF_MEMORY}, "oom"),
        ({"MESSAGE_ID": systemd.OOMD_KILL}, "oomd-unit"),
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
    report = systemd.report_of(entry, [gateway()])
    assert (report and report.kind) == kind
