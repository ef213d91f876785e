# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A protected gateway is upgraded in the same venv, as `hermes update` and pip do it."""

from __future__ import annotations

import csv
import io

import hosts
import images
import pytest
from gateway import WATCHDOG, Gateway, Host

HOST = "delta"
BEFORE, AFTER = "0.19.0", "0.22.2"
WHEELS = "/opt/lab/wheels"
EVERYTHING = "find /etc/hermes-guard /etc/hermes /etc/systemd/system /usr/local -type f -o -type l"
# A check, what it has asked for version, provider and model, and one that knows them.
CHECK = "systemctl start %s && systemctl start hermes-guard-identity && systemctl start %s" % (
    WATCHDOG,
    WATCHDOG,
)
# The fork's package has another name and the same files, so the old one goes first.
UPGRADE = """
set -e
cd /home/hermes
systemctl stop hermes-gateway
pip() { /opt/hermes/venv/bin/python -m pip "$@" --root-user-action=ignore; }
pip uninstall -q -y hermes-agent
pip install -q --no-index --no-deps --no-cache-dir --require-hashes --find-links %(wheels)s -r %(wheels)s/hermes.txt
rm /etc/systemd/system/hermes-gateway.service
hermes gateway install --system --run-as-user hermes --start-now --start-on-login < /dev/null
systemctl daemon-reload
systemctl restart hermes-gateway
""" % {"wheels": WHEELS}


@pytest.fixture
def gateway(fleet, options):
    """A protected gateway of the old release, and the wheels of the new one on its host."""
    if not {BEFORE, AFTER} <= set(options.versions.split()):
        pytest.skip("needs %s and %s" % (BEFORE, AFTER))
    fleet.up([HOST])
    host = Host(fleet, hosts.HOSTS[HOST])
    [found] = host.gateways
    assert isinstance(found, Gateway)
    wheels = images.wheels(fleet.engine, AFTER, "3.11")
    fleet.engine("cp", wheels, "%s:%s" % (fleet.container(HOST), WHEELS))
    with open(images.lock_file(AFTER), encoding="utf-8") as handle:
        host.put(WHEELS + "/hermes.txt", handle.read())
    return found


def test_upgrade_in_place(gateway, fleet):
    """Nothing is removed, the history continues with the new version, and verify_fix finds the change."""
    host = gateway.host

    def play(name, *arguments):
        done = fleet.playbook(name, "--limit", HOST, *arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    play("site", "-e", "hermes_watchdog_interval=6h")
    host.configure()
    host.ssh(CHECK)
    kept = set(host.ssh(EVERYTHING).stdout.splitlines())
    before = _samples(gateway)
    # The first check knows no version yet: it has a unit ask for it.
    assert before[-1]["version"] == BEFORE and {one["version"] for one in before} <= {"", BEFORE}

    host.ssh(UPGRADE)
    gateway.wait("the new release to run", gateway.up)
    # The guard works before the playbook runs again.
    host.ssh(CHECK)
    # Only the setting that 0.19.0 did not have is left to the playbook.
    said = host.ssh("hermes-guard doctor", check=False).stdout.splitlines()
    assert all(
        "hermes_session_cache_memory" in line or "no problems found" in line for line in said
    ), said
    play("site", "-e", "hermes_watchdog_interval=6h")
    assert kept - set(host.ssh(EVERYTHING).stdout.splitlines()) == set()
    host.ssh(CHECK)

    after = _samples(gateway)
    assert after[: len(before)] == before
    # Never the old version: data about one run does not apply to the next.
    new = [one["version"] for one in after[len(before) :]]
    assert new[-1].startswith(AFTER) and {one for one in new if one} == {new[-1]}
    entry, _asked = gateway.restart("--now")
    assert entry["event"] == "restart", entry
    host.ssh("hermes-guard doctor")
    table = play("verify_fix")
    assert BEFORE in table and AFTER in table, table


def _samples(gateway):
    text = gateway.sh("cat /var/lib/hermes-guard/%s/memory.csv" % gateway.name)
    return list(csv.DictReader(io.StringIO(text)))
