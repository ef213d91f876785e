# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The invariants after every fault: nothing is lost, no restart storm, a stopped gateway stays stopped, and no drain marker is left."""

from __future__ import annotations

from machine import FAULT, HOME, NAME, PLACE, PROGRAM, RESTING, STATE


def begin(host):
    """The state of ``host`` before a fault. Removes the records of earlier restarts, so that each test starts from scratch."""
    host.allowed = 1
    host.sh(
        "rm -f %s* %s/gateway-starts.log %s/ledger.jsonl %s/request.json; systemctl reset-failed"
        % (FAULT, HOME, STATE, STATE)
    )
    # A playbook restores the shipped program.
    host.run("install", PLACE + "wrapper", PROGRAM)
    host.configure()
    return {"samples": _samples(host)}


def hold(host, before):
    """Fails the test where one of them does not."""
    host.wait("the gateway to run again", host.up)
    assert host.sh("find /home -name .drain_request.json") == "", "a drain marker is left behind"
    assert host.starts() <= host.allowed, "a restart storm: %d starts" % host.starts()
    assert len(host.ledger("restart")) <= host.allowed, "a restart storm: %s" % host.ledger()
    resting = host.show("%s-%s.service" % (NAME, RESTING))
    assert (resting["ActiveState"], resting["MainPID"], resting["InvocationID"]) == (
        "inactive",
        "0",
        "",
    ), "what was stopped was started"
    assert not host.ledger("begun", "restart", name="%s-%s" % (NAME, RESTING))
    assert _samples(host) >= before["samples"], "samples of the history are lost"
    # The guard still works.
    assert (
        host.run(
            "sh", "-c", "cd %s && { test ! -e lock || flock -n lock true; }" % STATE, check=False
        ).returncode
        == 0
    ), "a lock is held"
    host.sh("systemctl start hermes-mem-watchdog.service && hermes-guard doctor")
    assert host.starts() <= host.allowed, "the check after it restarted once more"


def complete(talk):
    """Every message sent during the fault has an answer or a refusal, and none has two answers.

    What Hermes alone can lose, ``dropped`` and ``cut_off`` in accounting.py, is not counted as lost.
    """
    assert talk["sent"] and not talk["lost"] and not talk["twice"] and not talk["strange"], talk


def _samples(host):
    return int(host.sh("cat %s/memory.csv 2>/dev/null | wc -l" % STATE))
