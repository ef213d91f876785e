# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which gateways of a host an upgrade restarts, and why it stops."""

from __future__ import annotations

import pytest

pytest.importorskip("ansible")

from ansible_collections.hermes_ops.gateway.plugins.filter.upgrade_failure import upgrade_failure
from ansible_collections.hermes_ops.gateway.plugins.filter.upgrade_plan import upgrade_plan


def gateway(**changed):
    """The result of gateway_info for a gateway that runs the installed version."""
    return {
        "name": "hermes-gateway",
        "unit": "hermes-gateway.service",
        "user": "hermes",
        "scope": "system",
        "state": "running",
        "version": "0.19.0",
        "invocation_id": "a",
        "down": None,
        "managed": True,
        "outdated": False,
        "pid": 1,
        "alerts": [],
        "last_restart": None,
        **changed,
    }


def answer(*gateways):
    return {"gateways": list(gateways)}


BEFORE = answer(gateway())
DOWN = {"state": "stopped", "pid": None, "invocation_id": None, "outdated": None, "down": "failed"}


def test_upgrade_runs_once_for_each_owner_of_managed_gateways():
    others = [gateway(name="x@ada", user="ada"), gateway(name="y@ada", user="ada")]
    skipped = [gateway(name="z@bob", user="bob", managed=False), gateway(name="g", state="gone")]
    assert upgrade_plan(answer(*others, *skipped))["owners"] == ["ada"]


@pytest.mark.parametrize(
    ("now", "restart"),
    [
        (gateway(outdated=True), True),
        # The command has restarted it.
        (gateway(outdated=False, invocation_id="b"), False),
        # Nothing was changed on disk: an earlier run has completed, or no new version exists.
        (gateway(outdated=False), False),
        # Unknown: it runs the old Hermes unless it was started since.
        (gateway(outdated=None), True),
        (gateway(outdated=None, invocation_id="b"), False),
        # Restarted, and changed on disk again.
        (gateway(outdated=True, invocation_id="b"), True),
        # A stopped gateway is not started.
        (gateway(**DOWN), False),
    ],
)
def test_gateway_is_restarted_if_it_runs_the_old_hermes(now, restart):
    assert upgrade_plan(answer(now), BEFORE)["restart"] == (["hermes-gateway"] if restart else [])


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (gateway(), []),
        (gateway(state="degraded"), []),
        (gateway(state="starting"), ["hermes-gateway: its state is starting"]),
        (gateway(**DOWN), ["hermes-gateway: failed"]),
        (gateway(state="gone"), ["hermes-gateway: its unit no longer exists"]),
    ],
)
def test_gateway_that_ran_before_must_be_up(now, why):
    assert upgrade_plan(answer(now), BEFORE)["missing"] == why


def test_gateway_that_was_stopped_before_need_not_be_up():
    assert upgrade_plan(answer(gateway(**DOWN)), answer(gateway(**DOWN)))["missing"] == []


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({}, False),
        ({"last_restart": {"event": "restart"}}, False),
        ({"last_restart": {"event": "failed"}}, True),
        ({"alerts": [{"code": "down"}]}, True),
    ],
)
def test_upgrade_does_not_begin_if_a_gateway_is_down_by_a_fault(changed, fault):
    """A gateway that someone stopped does not block the upgrade."""
    found = upgrade_plan(answer(gateway(**dict(DOWN, **changed))))["down"]
    assert found == (["hermes-gateway: failed"] if fault else [])


@pytest.mark.parametrize("result", [None, {}, {"gateways": 1}, {"gateways": [1]}, {"failed": True}])
def test_host_that_answers_nonsense_is_not_upgraded(result):
    plan = upgrade_plan(result)
    assert plan["down"] and (plan["owners"], plan["restart"]) == ([], [])


def test_failure_says_why_and_how_to_go_back():
    said = upgrade_failure({"msg": "hermes-gateway: it did not come up"}, BEFORE)
    assert "stops here: hermes-gateway: it did not come up" in said
    assert "Hermes 0.19.0" in said and "install that version again" in said


def test_failure_of_the_command_has_its_last_line():
    failed = {
        "msg": "One or more items failed",
        "results": [
            {"failed": False, "stdout": "fine"},
            {"failed": True, "msg": "non-zero return code", "stderr": "trace\nno network\n"},
        ],
    }
    assert "stops here: non-zero return code: no network." in upgrade_failure(failed, BEFORE)


def test_failure_to_come_up_in_time_names_the_gateway():
    now = answer(gateway(**DOWN))
    assert "stops here: hermes-gateway: failed." in upgrade_failure({"msg": "x"}, BEFORE, now)


def test_restart_that_was_refused_is_named():
    now = answer(gateway(outdated=True))
    assert "stops here: hermes-gateway still runs the old Hermes" in upgrade_failure(
        {"msg": "x"}, BEFORE, now
    )


@pytest.mark.parametrize(
    ("seconds", "run", "up"), [(5, "b", False), (31, "b", True), (5, "a", True)]
)
def test_new_run_counts_once_it_has_lasted(seconds, run, up):
    """systemd may start one that cannot run again and again."""
    now = gateway(invocation_id=run, uptime_seconds=seconds)
    plan = upgrade_plan({"gateways": [now]}, {"gateways": [gateway(invocation_id="a")]})
    assert (plan["missing"] == []) is up
