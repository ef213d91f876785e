# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fifty gateways of five users, one of whom does everything at once; `--minutes 60` for an hour."""

from __future__ import annotations

import time

import pytest
from machine import WATCHDOG
from shared import HERE, HOSTILE, Shared

INNOCENT_USERS = ("good", "ada", "bob", "eve")
# One gateway of each of these is a real Hermes: see the lab's table.
REAL = ("good", "ada")
EACH = 10
STARTS = "/var/lib/hermes-guard/starts"
NOTE_STARTS = "[Service]\nExecStartPre=/bin/sh -c 'date +%%%%s >> %s'\n" % STARTS
# An interval of a minute, the ten seconds that systemd may be late, and ten more for a busy machine.
LONGEST_GAP = 80
OFTEN = ("--tags", "watchdog", "-e", "hermes_watchdog_interval=1min")
COPIES = """
cd .config/systemd/user
for n in 1 2 3 4 5 6 7 8 9; do sed s,/g0,/g$n, hermes-g0.service > hermes-g$n.service; done
systemctl --user daemon-reload
for n in 1 2 3 4 5 6 7 8 9; do systemctl --user restart hermes-g$n.service; done
"""
NOT_THE_FIRST = """
systemctl --user stop hermes-g0.service
rm .config/systemd/user/hermes-g0.service
systemctl --user daemon-reload
"""
HOMES = "for n in 0 1 2 3 4 5 6 7 8 9; do mkdir -p g$n; echo '# mine' > g$n/config.yaml; done"


@pytest.fixture(scope="module")
def many(own_lab, request):
    """The host, with the guard on it."""
    if request.config.getoption("--minutes") == 0:
        pytest.skip("it takes an hour: make hostile-hour")
    with own_lab("theta") as fleet:
        host = Shared(fleet, "theta")
        host.stand_in()
        for user in (*INNOCENT_USERS, HOSTILE):
            host.user(user)
            host.as_user(user, HOMES)
        python = host.liar("honest")
        for user in (*INNOCENT_USERS, HOSTILE):
            more = {"python": python} if user == HOSTILE else {}
            host.gateway(user, "hermes-g0", environment="HERMES_HOME=/home/%s/g0" % user, **more)
            host.as_user(user, COPIES)
            if user in REAL:
                host.as_user(user, NOT_THE_FIRST)
        host.put("/etc/systemd/system/%s.d/lab.conf" % WATCHDOG, NOTE_STARTS)
        host.site(*OFTEN)
        yield host


@pytest.mark.fault(
    "50 gateways of five users, one of whom does everything at once: the others have every sample"
)
def test_every_sample_of_the_others(many, request):
    """Each check, which starts every minute, takes a sample of each of the forty."""
    names = [
        name
        for name, body in many.managed().items()
        if "user = %s" % HOSTILE not in body and name != "DEFAULT"
    ]
    assert len(names) == EACH * len(INNOCENT_USERS), names
    for name in ("dead_mount.py", "everything.py"):
        many.put("/opt/lab/" + name, (HERE / "host" / name).read_text(encoding="utf-8"))
    many.sh(
        "rm -f %s; systemctl restart hermes-mem-watchdog.timer; systemctl start %s"
        % (STARTS, WATCHDOG)
    )
    evil = many.start("runuser", "-u", HOSTILE, "--", "python3", "/opt/lab/everything.py")
    pid = 0
    deadline = time.monotonic() + 60 * request.config.getoption("--minutes")
    try:
        # A run of the playbook in the middle, which an administrator may start at any time.
        time.sleep(30)
        many.fleet.playbook("site", *OFTEN)
        # Not earlier: a playbook waits for such a server as long as the mount does.
        server = many.start("python3", "/opt/lab/dead_mount.py", "/home/%s/g9" % HOSTILE)
        pid = int(server.stdout.readline())
        while time.monotonic() < deadline:
            assert evil.poll() is None, evil.stdout.read()
            time.sleep(5)
    finally:
        many.sh("pkill -9 -u %s; test %d = 0 || kill -9 %d" % (HOSTILE, pid, pid), check=False)
    starts = [int(word) for word in many.sh("cat " + STARTS).split()]
    gaps = [later - earlier for earlier, later in zip(starts, starts[1:])]
    assert len(starts) > 2 and max(gaps) <= LONGEST_GAP, starts
    for name in names:
        path = "/var/lib/hermes-guard/%s/memory.csv" % name
        times = [int(word) for word in many.sh("tail -n +2 '%s' | cut -d, -f1" % path).split()]
        # The last check may still be running.
        for earlier, later in zip(starts, starts[1:]):
            assert len([one for one in times if earlier <= one < later]) == 1, (
                name,
                earlier,
                later,
            )
