# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user who tries to make root run a program, or to run one with the privileges of root's programs."""

from __future__ import annotations

import pytest
from machine import WATCHDOG

# Writes the user that it runs as to every place that it can.
PROGRAM = """#!/bin/sh
id -u | tee -a /root/ran /var/lib/hermes-guard/ran /run/ran /tmp/ran > /dev/null 2>&1
exit 1
"""
# A set-uid program belongs to root, and its command line and environment are the caller's. It hangs on a pipe that is full.
SET_UID = """
import os
back, pipe = os.pipe()
os.set_inheritable(back, True)
os.set_blocking(pipe, False)
try:
    while True:
        os.write(pipe, bytes(4096))
except BlockingIOError:
    os.set_blocking(pipe, True)
os.dup2(pipe, 1)
os.dup2(pipe, 2)
os.execve("/usr/bin/su", ["/home/mallory/p/python3", "hermes-gateway"], {"HERMES_HOME": "/root"})
"""
# A service that starts as root and switches to another user, as a resolver does, and that was taken over.
RESOLVER = """[Service]
ExecStart=/usr/bin/setpriv --reuid=resolver --regid=resolver --clear-groups /usr/bin/python3 /usr/local/lib/resolver.py
"""
TAKEN_OVER = """
import os
os.execve("/usr/bin/python3", ["/var/lib/resolver/p/python3", "/var/lib/resolver/p/hermes-gateway"], {"HERMES_HOME": "/root"})
"""


def _ran_as(host):
    """The uids as which the program ran where root's programs may write."""
    return set(
        host.sh("cat /root/ran /var/lib/hermes-guard/ran /run/ran 2>/dev/null", check=False).split()
    )


@pytest.fixture
def clean(mallory):
    """Nothing has run yet."""
    yield mallory
    mallory.sh("rm -f /root/ran /var/lib/hermes-guard/ran /run/ran /tmp/ran")


@pytest.mark.fault("hostile user: a set-uid program with the command line of a gateway")
def test_command_line_of_a_set_uid_program(clean, monkeypatch, tmp_path):
    """It does not count as a gateway of root: the modules that read all processes do not run its Python."""
    clean.mallory("mkdir p; cat > p/python3; chmod 755 p/python3", input=PROGRAM)
    process = clean.start("runuser", "-u", "mallory", "--", "python3", "-c", SET_UID)
    try:
        pid = clean.wait(
            "su",
            lambda: clean.sh("pgrep -f '^/home/mallory/p/python3 hermes-gateway'", check=False),
            20,
        )
        assert "Uid:\t%s\t0\t0\t0" % clean.sh("id -u mallory") in clean.sh(
            "cat /proc/%s/status" % pid
        )
        found = clean.ask("gateway_info")["gateways"]
        # Written to the directory in which ansible-playbook was started.
        monkeypatch.setenv("PWD", str(tmp_path))
        names = '{"hermes_evidence_names": ["hermes-gateway@root"]}'
        clean.fleet.playbook("evidence", "-e", names)
        assert _ran_as(clean) == set()
        assert not [one["name"] for one in found if one["user"] == "root"]
    finally:
        clean.sh("kill -9 %s" % pid)
        process.wait()


@pytest.mark.fault("hostile user: a service of root's that has dropped its privileges")
def test_service_that_drops_its_privileges(clean):
    """The Python in its command line is not run as root, and the other gateways are still protected."""
    clean.sh("useradd -r -m -d /var/lib/resolver resolver; mkdir -p /var/lib/resolver/p")
    clean.put("/usr/local/lib/resolver.py", TAKEN_OVER)
    clean.put("/var/lib/resolver/p/hermes-gateway", "import time; time.sleep(6000)\n")
    clean.put("/var/lib/resolver/p/python3", PROGRAM, "755")
    clean.put("/etc/systemd/system/resolver.service", RESOLVER)
    clean.sh(
        "chown -R resolver: /var/lib/resolver; systemctl daemon-reload; systemctl start resolver"
    )
    try:
        clean.wait(
            "it",
            lambda: clean.run("pgrep", "-f", "^/var/lib/resolver/p/python3", check=False).stdout,
        )
        clean.site()
        clean.ask("gateway_info")
        clean.check()
        assert "0" not in _ran_as(clean)
        resolver = clean.managed().get("resolver", "")
        assert "user = root" not in resolver and "/root" not in resolver
    finally:
        clean.sh(
            "systemctl stop resolver; rm -r /etc/systemd/system/resolver.service /usr/local/lib/resolver.py;"
            " systemctl daemon-reload; userdel -r resolver",
            check=False,
        )
        clean.site("--tags", "watchdog")


@pytest.mark.fault("hostile user: code in the directory that the guard's units may write")
def test_nothing_that_is_run_is_in_the_state_directory(mallory):
    """A guard that was taken over may write there; root's next command must not run that code."""
    mallory.sh("hermes-guard status > /dev/null")
    assert mallory.sh("find /var/lib/hermes-guard -name code -o -name '*.py*'") == ""
    shown = mallory.sh("systemctl show -p ReadWritePaths,StateDirectory " + WATCHDOG).split()
    assert sorted(shown) == ["ReadWritePaths=", "StateDirectory=hermes-guard"], shown


# The program reports its environment, and leaves another process behind.
NOSY = """#!/bin/sh
case "$*" in *"gateway run") exec sleep 60000;; esac
cat /proc/self/oom_score_adj >> ~/score
cat /proc/self/cgroup >> ~/cgroup
setsid sleep 47114711 > /dev/null 2>&1 < /dev/null &
exit 1
"""
# Ansible's process, whose OOM score differs from that of a user's programs.
SCORED = """#!/bin/sh
echo 500 > /proc/self/oom_score_adj
exec /usr/bin/python3 "$@"
"""


@pytest.mark.fault(
    "hostile user: a Python that inspects its environment, and leaves a process behind"
)
def test_what_a_program_of_the_user_is_given(mallory):
    """It has neither the guard's OOM score nor root's cgroup, and the process ends with the answer."""
    mallory.mallory("mkdir p; cat > p/python3; chmod 755 p/python3", input=NOSY)
    mallory.gateway("mallory", python="/home/mallory/p/python3")
    mallory.put("/opt/lab/scored/python3", SCORED, "755")
    mallory.put("/run/systemd/system/%s.d/lab.conf" % WATCHDOG, "[Service]\nOOMScoreAdjust=500\n")
    mallory.run("systemctl", "daemon-reload")
    try:
        mallory.site("-e", "ansible_python_interpreter=/opt/lab/scored/python3")
        mallory.ask("gateway_info", "-e", "ansible_python_interpreter=/opt/lab/scored/python3")
        mallory.check()
        assert set(mallory.sh("cat /home/mallory/score").split()) == {"0"}
        groups = mallory.sh("cut -d: -f3 /home/mallory/cgroup | sort -u")
        assert "user-0.slice" not in groups and WATCHDOG not in groups, groups
        assert mallory.sh("pgrep -f '[4]7114711'", check=False) == ""
    finally:
        mallory.sh("rm -r /run/systemd/system/%s.d; systemctl daemon-reload" % WATCHDOG)
