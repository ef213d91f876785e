# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hermes's own commands on a managed gateway, and many gateways on one host."""

from __future__ import annotations

import json

import pytest
from machine import HOME, NAME, UNIT, WATCHDOG

STOPPED = ["p%02d" % number for number in range(1, 17)]
RUNNING = {"p17": 8717, "p18": 8718}
DROPIN = "/etc/systemd/system/%s.d/lab.conf" % UNIT


@pytest.mark.fault("unit rewritten by hermes gateway install --force")
def test_unit_is_rewritten(alpha):
    """The guard does not change the unit itself: nothing is lost, and the next restart works as usual."""
    alpha.put(DROPIN, "[Service]\nEnvironment=LAB=kept\n")
    alpha.sh("echo '# by hand' >> /etc/systemd/system/%s && systemctl daemon-reload" % UNIT)
    alpha.sh(
        "hermes gateway install --system --run-as-user hermes --force --no-start-now --start-on-login < /dev/null"
    )
    assert "by hand" not in alpha.sh("cat /etc/systemd/system/" + UNIT)
    alpha.sh("hermes-guard doctor")
    alpha.run("systemctl", "start", WATCHDOG)
    if alpha.starts() == 0:
        assert alpha.operator()["mode"] == "drain"
    assert "LAB=kept" in alpha.sh("systemctl show -p Environment " + UNIT)
    alpha.sh("rm -r $(dirname %s) && systemctl daemon-reload" % DROPIN)


@pytest.fixture(scope="module")
def twenty(hosts, playbook):
    """Twenty gateways on one host, three of them running."""
    host = hosts["epsilon"]
    for number, name in enumerate(STOPPED):
        host.profile(name, 8800 + number)
    for name, port in RUNNING.items():
        host.profile(name, port)
    host.run("systemctl", "daemon-reload")
    for name in RUNNING:
        host.run("systemctl", "start", "%s-%s.service" % (NAME, name))
    for name in RUNNING:
        host.wait("the gateway of " + name, lambda name=name: host.up(*_place(name)))
    done = playbook("site", "--limit", "epsilon", "-e", "hermes_watchdog_interval=6h")
    assert done.returncode == 0, done.stdout
    return host


def _place(name):
    return "%s/profiles/%s" % (HOME, name), "%s-%s.service" % (NAME, name)


@pytest.mark.fault("20 gateways on one host, three of them running and all above the threshold")
def test_twenty(twenty, epsilon):
    """Each running gateway is restarted once, and no other gateway is started."""
    for name in RUNNING:
        epsilon.sh("rm -f %s/gateway-starts.log" % _place(name)[0])
    epsilon.configure(threshold="40M", breaches="1 of 1")
    assert len(json.loads(epsilon.sh("hermes-guard status --json"))["gateways"]) == 20
    for _number in range(2):
        epsilon.run("systemctl", "start", WATCHDOG)
    names = [NAME] + ["%s-%s" % (NAME, name) for name in RUNNING]
    for name in names:
        epsilon.wait(
            "the restart of " + name, lambda name=name: epsilon.ledger("restart", name=name)
        )
    epsilon.run("systemctl", "start", WATCHDOG)
    assert [epsilon.starts()] + [epsilon.starts(_place(name)[0]) for name in RUNNING] == [1, 1, 1]
    shown = epsilon.sh(
        "systemctl show -p ActiveState %s" % " ".join(_place(name)[1] for name in STOPPED)
    ).split()
    assert shown == ["ActiveState=inactive"] * len(STOPPED)
    epsilon.configure()


@pytest.mark.fault("profile removed while its gateway runs")
def test_profile_is_removed(twenty, epsilon, playbook):
    """It is reported and not restarted, the others are watched, and the playbook cleans up."""
    home, unit = _place("p18")
    epsilon.sh("rm -rf " + home)
    epsilon.run("systemctl", "start", WATCHDOG)
    assert (
        epsilon.sh("tail -n 1 /var/lib/hermes-guard/%s/memory.csv" % NAME).split(",")[1]
        == epsilon.life()
    )
    done = epsilon.run(
        "hermes-guard",
        "restart",
        "--gateway",
        unit[: -len(".service")],
        "--reason",
        "x",
        "--json",
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)["code"]) == (3, "unsafe")
    assert (
        "the home %s cannot be read" % home
        in epsilon.run("hermes-guard", "doctor", check=False).stdout
    )
    epsilon.sh(
        "systemctl stop %s; rm -f /etc/systemd/system/%s; rm -rf %s; systemctl daemon-reload"
        % (unit, unit, home)
    )
    done = playbook("site", "--limit", "epsilon", "-e", "hermes_watchdog_interval=6h")
    assert done.returncode == 0, done.stdout
    assert len(json.loads(epsilon.sh("hermes-guard status --json"))["gateways"]) == 19
