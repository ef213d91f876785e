# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ping URL under the watchdog's real unit: its sandbox permits the network that the call needs, and nothing waits for the call."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from machine import WATCHDOG

TOKEN = "t0ken-4711-of-the-ping-url"
PORT = 8799
CALLS = "/opt/lab/calls"
FILE = "/etc/hermes-guard/ping.url"
MONITOR = "lab-monitor"
# Of the check itself; it has 10 s more for a call that is not answered.
CHECK_SECONDS = 20


@pytest.fixture
def pinged(shared):
    """A host that calls a monitoring service on itself."""
    source = (Path(__file__).parent / "host/monitor.py").read_text(encoding="utf-8")
    shared.configure()
    shared.put("/opt/lab/monitor.py", source)
    shared.run(
        *("systemd-run", "--quiet", "--collect", "--unit=" + MONITOR),
        *("/usr/bin/python3", "/opt/lab/monitor.py", str(PORT), CALLS),
    )
    shared.site("-e", "hermes_watchdog_ping_url=http://127.0.0.1:%d/%s" % (PORT, TOKEN))
    yield shared
    shared.sh("systemctl kill --signal=SIGKILL %s; rm -f %s" % (MONITOR, CALLS), check=False)
    shared.configure()
    shared.site()
    assert shared.run("test", "-e", FILE, check=False).returncode == 1


def _check(host):
    """Run a check by its unit: (the paths that were called, seconds, what it logged)."""
    host.sh("rm -f " + CALLS)
    since = host.sh("sleep 1; date +%s")
    begun = time.monotonic()
    host.run("systemctl", "start", WATCHDOG, check=False)
    seconds = time.monotonic() - begun
    host.sh("systemctl reset-failed")
    log = host.sh("journalctl -q -o cat --since=@%s -u %s -t hermes-guard" % (since, WATCHDOG))
    return host.sh("cat %s 2>/dev/null" % CALLS, check=False).split(), seconds, log


@pytest.mark.fault("dead man's switch: success, failure, and a service that does not answer")
def test_ping_of_a_check(pinged):
    """Each call arrives, a service that hangs costs ten seconds and one line, and the token is nowhere."""
    # The call of the check that the playbook runs.
    assert pinged.sh("cat " + CALLS).split() == ["/" + TOKEN]
    assert _check(pinged)[0] == ["/" + TOKEN]
    # An invalid file of an operator: the check exits with 1.
    pinged.configure(interval="never")
    assert _check(pinged)[0] == ["/%s/fail" % TOKEN]
    pinged.configure()
    pinged.run("systemctl", "kill", "--signal=SIGSTOP", MONITOR)
    calls, seconds, log = _check(pinged)
    assert calls == [] and 8 < seconds < CHECK_SECONDS + 10
    assert "the ping URL failed: no answer within 10 s" in log
    # The check does not fail, and logs it once.
    assert pinged.show(WATCHDOG)["Result"] == "success"
    assert _check(pinged)[2] == ""
    found = pinged.run("hermes-guard", "doctor", check=False)
    assert "the ping URL failed: no answer within 10 s, since " in found.stdout
    pinged.run("systemctl", "kill", "--signal=SIGCONT", MONITOR)
    # The calls that timed out are answered first.
    assert _check(pinged)[0][-1] == "/" + TOKEN
    assert "ping" not in pinged.run("hermes-guard", "doctor", check=False).stdout
    assert pinged.sh("stat -c '%a %U' " + FILE) == "600 root"
    assert pinged.run("sh", "-c", "journalctl -q | grep -q " + TOKEN[:12], check=False).returncode
    line = pinged.sh("systemd-analyze security --no-pager %s | tail -n 1" % WATCHDOG)
    print(line)
    figure = float(re.search(r"exposure level for \S+: ([0-9.]+)", line).group(1))
    assert figure <= 2.6, line


@pytest.mark.fault("hostile: the file of the ping URL is readable by everyone, a FIFO, or 1 MB")
def test_ping_file_that_is_refused(pinged):
    """The check continues without the call, and logs it once; doctor names the file."""
    for script, words in (
        ("chmod 644 %s", "contains a secret but has mode 0644: expected 0600"),
        ("rm %s; mkfifo -m 600 %s", "is not a regular file"),
        ("rm %s; head -c 1048576 /dev/zero > %s; chmod 600 %s", "is too large: 1048576 bytes"),
    ):
        pinged.sh("rm -f /var/lib/hermes-guard/ping.json; " + script.replace("%s", FILE))
        calls, seconds, log = _check(pinged)
        assert calls == [] and seconds < CHECK_SECONDS and words in log, log
        assert _check(pinged)[2] == ""
        found = pinged.run("hermes-guard", "doctor", check=False)
        assert found.returncode == 1 and words in found.stdout
