# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arbiter: one restart at a time, a ledger entry for each, and cleanup after a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    arbiter,
    ledger,
    policy,
    restart,
)

UNIT = "hermes-gateway.service"


def test_killed_before_the_last_line_of_the_ledger(systemd, settings, home, stub, monkeypatch):
    systemd.add_gateway(home)
    monkeypatch.setattr(restart.Restart, "wait_up", killed)
    with pytest.raises(KeyboardInterrupt):
        arbiter.restart(settings(), "it leaks", "watchdog")
    # No process could record how it ended, but it still counts.
    one = settings(min_uptime="0s", daily_cap="1")
    assert policy.refusal(stub(one), "timer")[0] == "cooldown"
    assert policy.refusal(stub(one), "watchdog", time.time() + 1801)[0] == "daily-cap"


def killed(_restart):
    raise KeyboardInterrupt


def test_disk_that_is_full_undoes_nothing(systemd, settings, home, monkeypatch):
    systemd.add_gateway(home)
    before = systemd.pid()

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ledger.files, "append_line", full)
    outcome = arbiter.restart(settings(), "it leaks")
    assert (outcome["event"], outcome["unwritten"]) == (
        "restart",
        "[Errno 28] No space left on device",
    )
    assert outcome["new_pid"] == systemd.pid() != before
    assert not (home / ".drain_request.json").exists()


def test_second_restart_within_ten_minutes_is_refused(systemd, settings, home):
    systemd.add_gateway(home)
    assert arbiter.restart(settings(), "one", emergency=True)["event"] == "restart"
    outcome = arbiter.restart(settings(), "two", emergency=True)
    assert (outcome["event"], outcome["code"]) == ("refused", "cooldown")
    assert len(systemd.calls) == 1


def test_stopped_gateway_is_not_started(systemd, settings, home):
    systemd.add_gateway(home, start=False)
    outcome = arbiter.restart(settings(), "it leaks", trigger="timer")
    assert (outcome["event"], outcome["code"]) == ("refused", "stopped")
    assert systemd.calls == []


def test_two_at_once(systemd, settings, home):
    """The second asks while the first is in the middle of its restart: it is refused, and nothing
    is restarted twice.
    """
    systemd.add_gateway(home)
    reached, go_on = threading.Event(), threading.Event()
    systemd.during = lambda verb: reached.set() or go_on.wait(60)
    first = []
    thread = threading.Thread(
        target=lambda: first.append(arbiter.restart(settings(), "now", emergency=True))
    )
    thread.start()
    assert reached.wait(60)
    second = arbiter.restart(settings(), "now", emergency=True)
    go_on.set()
    thread.join()
    assert (second["event"], second["code"]) == ("refused", "busy")
    assert first[0]["event"] == "restart"
    assert systemd.calls == ["kill " + UNIT]


# The command line itself, in a separate process that is killed while it drains; systemctl is a
# script that knows one unit.
KILLED = """
import sys, time
sys.path.insert(0, sys.argv[1])
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import cli, config, restart
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import client
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import command
client.ROOT = -1
config.FOLDER, config.STATE, show = sys.argv[2:5]
config.load.__defaults__ = config.load_tolerantly.__defaults__ = (config.FOLDER,)
real = command.run
def run(argv, *rest, **named):
    if argv[0] == "systemctl":
        return command.Result(0, open(show).read(), "")
    return real(argv, *rest, **named)
command.run = run
def drains(one):
    print("drains", flush=True)
    time.sleep(30)
restart.Restart.wait_drained = drains
words = ["restart", "--gateway", "hermes-gateway", "--reason", "x", "--json"]
sys.exit(cli.main(words + sys.argv[5:]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_killed_while_it_drains(systemd, settings, home, tmp_path, import_root, number):
    systemd.add_gateway(home)
    one = settings()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/guard.conf").write_text(
        "[hermes-gateway]\nunit = %s\nuser = %s\nhome = %s\nwait_idle = 0s\n"
        % (UNIT, one.user, home)
    )
    (tmp_path / "show").write_text(
        "".join("%s=%s\n" % pair for pair in systemd.units[UNIT].items())
    )
    command = [
        sys.executable,
        "-c",
        KILLED,
        import_root,
        str(tmp_path / "etc"),
        str(tmp_path / "state"),
        str(tmp_path / "show"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"drains\n"
        assert (home / ".drain_request.json").exists()
        process.send_signal(number)
    # After SIGKILL, only the next process can clean up: the unit's ExecStopPost, or the check.
    assert (home / ".drain_request.json").exists() == (number == signal.SIGKILL)
    subprocess.run(command + ["--clean"], check=True)
    assert not (home / ".drain_request.json").exists()
    assert not (home / "signals").exists()
