# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user who tries to end the protection of the other users: with a check that does not end, or a play that fails."""

from __future__ import annotations

import pytest
from machine import LOCAL, WATCHDOG
from shared import INNOCENT

TOKEN = "t0k3n-4711"
TIMERS = "/etc/systemd/system/*@mallory-restart.timer"
# Each replaces a home by one that a mount cannot follow, or that is somewhere else.
LINKS = {
    "to itself": "ln -s .hermes .hermes",
    "through a file": "touch f; ln -s f/x .hermes",
    "to /etc": "ln -s /etc .hermes",
}


@pytest.mark.fault("hostile user: a home that is a link, to itself, through a file, to /etc")
def test_home_that_is_a_link(mallory):
    """The unit of all users starts. It may write neither to a home nor to the target of the user's link."""
    mallory.gateway("mallory")
    mallory.site("--tags", "watchdog")
    for make in LINKS.values():
        mallory.mallory("mv .hermes h; " + make)
        mallory.check()
        mallory.mallory("rm .hermes; mv h .hermes")
    paths = mallory.sh("systemctl show -p ReadWritePaths --value " + WATCHDOG)
    assert paths == "", paths


@pytest.mark.fault(
    "hostile user: twelve gateways whose Python never answers, and a configuration that changes"
)
def test_pythons_that_never_answer(mallory):
    """The check ends in time, and samples the others."""
    python = mallory.liar("honest")
    for number in range(12):
        mallory.gateway("mallory", "a%d" % number, python=python)
    mallory.site()
    mallory.liar("silent")
    for _number in range(2):
        mallory.mallory("echo '# more' >> .hermes/config.yaml")
        mallory.check()


@pytest.mark.fault(
    "hostile user: homes with template expressions, and a notify command with a token"
)
def test_homes_that_are_words_of_a_template(mallory):
    """They are not evaluated: the token is readable by root only, and the play continues."""
    homes = (
        "@NOTIFY_COMMAND@",
        "@CALENDAR@",
        "{{ 7 * 7 }}",
        "{{ hermes_watchdog_notify_command }}",
    )
    for number, home in enumerate(homes):
        mallory.mallory("mkdir '%s'" % home)
        mallory.gateway(
            "mallory", "hermes-%d" % number, environment='"HERMES_HOME=/home/mallory/%s"' % home
        )
    said = mallory.site("-e", "hermes_watchdog_notify_command='/usr/bin/true %s'" % TOKEN)
    assert TOKEN not in said
    seen = mallory.mallory(
        "grep -rl %s /etc /var/lib/hermes-guard /run/systemd 2>/dev/null || true" % TOKEN
    )
    assert seen == ""
    assert mallory.sh("grep -l '/49' /etc/systemd/system/* 2>/dev/null || true") == ""
    mallory.site("--tags", "watchdog")


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param(
            "raw", marks=pytest.mark.fault("hostile user: an answer of 2 MB for root to store")
        ),
        pytest.param(
            "depth",
            marks=pytest.mark.fault("hostile user: an answer of the wrong type for root to store"),
        ),
    ],
)
def test_answers_that_root_keeps(mallory, playbook_of_shared, lie):
    """They are not stored in the record, which the next run and the removal read."""
    python = mallory.liar(lie)
    mallory.gateway("mallory", python=python)
    for _number in range(2):
        mallory.site("--tags", "session")
    assert int(mallory.sh("cat /var/lib/hermes-guard/hermes_config.json | wc -c")) < 100000
    playbook_of_shared("remove", "--tags", "session")


@pytest.mark.parametrize(
    "lie, arguments",
    [
        pytest.param(
            "error",
            [],
            marks=pytest.mark.fault("hostile user: a Hermes that refuses to be configured"),
        ),
        pytest.param(
            "seven",
            [],
            marks=pytest.mark.fault("hostile user: a Hermes that never applies its settings"),
        ),
        pytest.param(
            "ends",
            ["-e", "hermes_session_scope=home"],
            marks=pytest.mark.fault(
                "hostile user: a Python that exits with 1 while the homes are configured"
            ),
        ),
    ],
)
def test_hermes_that_cannot_be_configured(mallory, lie, arguments):
    """The user's gateway is skipped with a warning that names it; the play continues for the others."""
    mallory.gateway("mallory", python=mallory.liar(lie))
    said = mallory.site("--tags", "session", *arguments)
    assert "hermes-gateway@mallory" in said
    mallory.mallory("rm -r p")


@pytest.mark.fault("hostile user: the home of a gateway in system scope is moved away")
def test_home_that_is_moved_away(mallory):
    """It is skipped with a warning, or stays managed as configured; the play continues for the others."""
    mallory.gateway("mallory", "hermes-moved", scope="system")
    try:
        for step in ("mv .hermes .h", "mv .h .hermes", "mv .hermes .h"):
            mallory.mallory(step)
            said = mallory.site("--tags", "watchdog")
        assert "hermes-moved" in said
        assert set(mallory.managed()) >= {*INNOCENT, "hermes-moved"}
    finally:
        mallory.sh(
            "systemctl stop hermes-moved; rm /etc/systemd/system/hermes-moved.service; systemctl daemon-reload"
        )


@pytest.mark.fault(
    "hostile user: 300 unit files of gateways, and one whose drop-ins would apply to all users"
)
def test_many_unit_files(mallory):
    """At most twenty gateways of the user are managed, running ones first; a warning names the others."""
    mallory.gateway("mallory", "z-runs")
    mallory.mallory(
        "cd .config/systemd/user; for n in $(seq 300); do cp z-runs.service hermes-m$n.service; done;"
        " cp z-runs.service hermes-.service; systemctl --user daemon-reload"
    )
    said = mallory.site("--tags", "watchdog,restart_timer,memory_limit")
    timers = mallory.sh("ls %s" % TIMERS).split()
    assert len(timers) <= 20 and any("z-runs@" in timer for timer in timers), said
    assert "mallory" in said
    assert mallory.sh("find /etc/systemd/user -name 'hermes-.service.d'") == ""


@pytest.mark.fault(
    "two gateways with one name: a system template unit for a user, and that user's own unit"
)
def test_two_gateways_with_one_name(mallory):
    """The run names both, and the one in system scope does not lose its protection silently."""
    mallory.gateway("mallory")
    mallory.gateway("mallory", "hermes-gateway@mallory", scope="system")
    try:
        done = mallory.fleet.playbook(
            "site", "--tags", "watchdog", "-e", "hermes_watchdog_interval=6h"
        )
        words = " ".join(done.stdout.split())
        assert "hermes-gateway@mallory.service" in words and "hermes-gateway.service" in words, (
            words
        )
        if done.returncode == 0:
            assert "scope = system" in mallory.managed()["hermes-gateway@mallory"]
    finally:
        mallory.sh(
            "systemctl stop hermes-gateway@mallory; rm /etc/systemd/system/hermes-gateway@mallory.service;"
            " systemctl daemon-reload"
        )


@pytest.mark.fault("gateways with the names of the guard's files")
def test_names_of_the_guards_own_files(mallory):
    """code.service and installed.service share no path with the guard, which still works."""
    names = ("code", "installed", "hermes_config", "hermes-mem-watchdog-restart")
    for name in names:
        mallory.gateway("mallory", name, scope="system")
    try:
        mallory.fleet.playbook("site", "--tags", "watchdog", "-e", "hermes_watchdog_interval=6h")
        mallory.check()
        mallory.sh("hermes-guard status; hermes-guard doctor || true")
        mallory.site(
            "--check", "--tags", "watchdog", "-e", '{"hermes_guard_gateways": ["hermes-gateway"]}'
        )
    finally:
        for name in names:
            mallory.sh("systemctl stop {0}; rm /etc/systemd/system/{0}.service".format(name))
        mallory.run("systemctl", "daemon-reload")


# systemd's entries about a unit contain its description.
KILLED = "A process of this unit has been killed by the OOM killer"
FLOOD = """
import socket
line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
# Fields that are read, each as long as journalctl shows one.
names = "MESSAGE MESSAGE_ID UNIT INVOCATION_ID USER_INVOCATION_ID UNIT_RESULT MEMORY_PEAK MEMORY_SWAP_PEAK CPU_USAGE_NSEC"
fields = ["USER_UNIT=hermes-gateway.service"] + [name + "=" + "x" * 3900 for name in names.split()]
for _number in range(1200):
    line.sendto("\\n".join(fields).encode() + b"\\n", "/run/systemd/journal/socket")
"""


@pytest.mark.fault(
    "hostile user: 40 MB of messages in the journal that name the units of all users"
)
def test_journal_that_is_flooded(mallory):
    """systemd's entries about the OOM kills of the others are still found."""
    mallory.gateway("mallory")
    mallory.put(
        "/run/systemd/system/hermes-gateway.service.d/lab.conf", "[Unit]\nDescription=%s\n" % KILLED
    )
    try:
        mallory.sh("systemctl daemon-reload; systemctl restart hermes-gateway")
        before = mallory.ask("oom_info", "-a", "hours=1")
        assert [one for one in before["kills"] if one["name"] == "hermes-gateway"], before
        mallory.run("runuser", "-u", "mallory", "--", "python3", "-c", FLOOD)
        mallory.sh("journalctl --sync")
        after = mallory.ask("oom_info", "-a", "hours=1")
        assert [one for one in after["kills"] if one["name"] == "hermes-gateway"], after
    finally:
        mallory.sh("rm -r /run/systemd/system/hermes-gateway.service.d; systemctl daemon-reload")
        mallory.sh("journalctl --rotate -q; journalctl -q --vacuum-size=1M")


@pytest.mark.fault(
    "hostile user: a deleted venv and a deleted user, and then the removal of everything"
)
def test_remove_ends(mallory, playbook_of_shared):
    """A warning names what cannot be reverted. Nothing else of the guard is left, and a second run has nothing to do."""
    wrapper = '#!/bin/sh\nexec %s "$@"\n' % "/opt/hermes/venv/bin/python"
    mallory.user("carl")
    for user in ("mallory", "carl"):
        mallory.as_user(user, "mkdir p; cat > p/python3; chmod 755 p/python3", input=wrapper)
        mallory.gateway(user, python="/home/%s/p/python3" % user)
    mallory.site("-e", "hermes_session_scope=home")
    mallory.mallory(
        "grep -q hygiene .hermes/config.yaml; systemctl --user stop hermes-gateway; rm -r p"
    )
    mallory.sh(
        "systemctl stop user@$(id -u carl); loginctl disable-linger carl; pkill -KILL -u carl; userdel carl",
        check=False,
    )
    try:
        # An operator's own file would be kept.
        mallory.run("rm", LOCAL)
        said = playbook_of_shared("remove")
        assert "mallory" in said
        left = mallory.sh(
            "ls -d /etc/hermes-guard /var/lib/hermes-guard /usr/local/bin/hermes-guard /etc/systemd/system/hermes-*restart*"
            " /etc/systemd/system/hermes-mem* 2>/dev/null || true"
        )
        assert left == ""
        assert "changed=0" in playbook_of_shared("remove")
    finally:
        mallory.sh("rm -rf /home/carl")
        mallory.site()


@pytest.fixture
def playbook_of_shared(mallory):
    """Run a playbook that must not fail; its output."""

    def run(name, *arguments):
        done = mallory.fleet.playbook(name, *arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run
