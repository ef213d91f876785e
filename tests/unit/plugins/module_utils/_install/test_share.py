# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No user takes more of a host than their share, in units or in lines of warnings."""

from __future__ import annotations

import os
import pwd

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import guard as backend
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import share

ME = pwd.getpwuid(os.getuid())


def gateway(number, user="mallory", scope="user", pid=None):
    account = pwd.struct_passwd((user, "x", ME.pw_uid, ME.pw_gid, "", "/home/" + user, ""))
    unit = "m%04d.service" % number
    name = "m%04d" % number + ("" if scope == "system" else "@" + user)
    made = discovery.Gateway(name, scope, account, "/home/%s/.hermes" % user, unit)
    made.problem, made.pid = None, pid
    return made


def test_those_that_run_come_first_then_managed_ones_then_names():
    many = [gateway(number) for number in range(40)]
    many[30].pid = many[31].pid = 1
    kept, remarks = share.capped(many, {"m0035@mallory"})
    expected = [30, 31, 35, *range(17)]
    assert [one.name for one in kept] == ["m%04d@mallory" % number for number in expected]
    assert len(remarks) == 20
    assert remarks[0].text == (
        "m0017@mallory is skipped: mallory has more than 20 gateways: list the gateways to manage in"
        " hermes_guard_gateways"
    )


def test_each_user_has_their_own_share_and_the_system_has_no_limit():
    many = [gateway(number, user) for user in ("ada", "bob") for number in range(15)]
    many += [gateway(number, scope="system") for number in range(50)]
    kept, remarks = share.capped(many, ())
    assert (len(kept), remarks) == (80, [])


def test_lines_of_one_user_are_few_and_hide_nobody_elses():
    remarks = [share.Remark("mallory", "m%d is skipped" % number) for number in range(1500)]
    lines = share.lines([*remarks, share.Remark("ada", "a is skipped")])
    assert len(lines) == 7
    assert (lines[0], lines[1]) == ("a is skipped", "m0 is skipped")
    assert lines[-1] == "1495 more such warnings about gateways of mallory"


@pytest.mark.parametrize("named", [False, True])
def test_more_units_than_any_user_needs(host, guard, monkeypatch, named):
    """1,500 unit files made 1,500 units and timers in PID 1, and the play took minutes."""
    many = [gateway(number) for number in range(1500)]
    monkeypatch.setattr(discovery, "started_manually", lambda found, candidates: many)
    names = [one.name for one in many[:25]] if named else []
    result = backend.apply(guard(gateways=names))
    assert len(result["gateways"]) == (25 if named else 21)
    assert len(result["notes"]) == (0 if named else 6)
    assert result["faults"] == []
    assert backend.apply(guard(gateways=names))["changed"] is False
