# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding gateways: from systemd, from users' claims that are not trusted, and those started manually."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import command, proc
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    systemd as systemd_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import SystemdError

ME = pwd.getpwuid(os.getuid())

# As systemd 257, 252 and 247 print them: the order is not that of the question, and 257 leaves out
# what has no value here.
SHOW = {
    257: """\
Restart=always
MainPID=%(pid)s
ExecStart={ path=/opt/hermes/venv/bin/python ; argv[]=/opt/hermes/venv/bin/python -m hermes_cli.main gateway run ; ignore_errors=no ; \
start_time=[Sun 2026-11-22 13:08:41 UTC] ; stop_time=[n/a] ; pid=%(pid)s ; code=(null) ; status=0/0 }
ControlGroup=/system.slice/hermes-gateway.service
Environment=HOME=%(home)s USER=%(user)s PATH=/opt/hermes/venv/bin:/usr/bin "NOTE=a \\"b\\" = c" HERMES_HOME=%(home)s
User=%(user)s
Id=hermes-gateway.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
NRestarts=0
InvocationID=5cebc1d0efd14deb8a310e3274f0114f

Restart=no
MainPID=0
Environment=
Id=nonesuch.service
LoadState=not-found
ActiveState=inactive
InvocationID=

Restart=always
MainPID=1
ExecStart={ path=/usr/bin/grep ; argv[]=/usr/bin/grep hermes gateway run ; ignore_errors=no ; start_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }
Environment=
Id=hermes-lookalike.service
LoadState=loaded
ActiveState=active
"""
}
SHOW[252] = SHOW[257].replace("[Sun 2026-11-22 13:08:41 UTC]", "[n/a]")
SHOW[247] = SHOW[252].replace(
    "Restart=always\n", "Type=simple\nRestart=always\nNotifyAccess=none\n"
)


class FakeManager(systemd_module.Manager):
    """A manager that prints ``text``."""

    def __init__(self, text, user=None):
        super().__init__(user)
        self.text = text

    def systemctl(self, *arguments, timeout=30.0):
        return command.Result(0, self.text if arguments[0] == "show" else "", "")


def gateways_of(manager):
    """What is certain among the units of a manager: hermes-lookalike.service never is."""
    return [one for one in discovery.of_manager(manager) if not one.unresolved]


@pytest.mark.parametrize("version", sorted(SHOW))
def test_parse_show(version):
    blocks = systemd_module.parse_show(
        SHOW[version] % {"pid": 7, "home": "/home/h/.hermes", "user": "h"}
    )
    assert [block["Id"] for block in blocks] == [
        "hermes-gateway.service",
        "nonesuch.service",
        "hermes-lookalike.service",
    ]
    assert systemd_module.exec_argv(blocks[0]["ExecStart"]) == [
        "/opt/hermes/venv/bin/python",
        "-m",
        "hermes_cli.main",
        "gateway",
        "run",
    ]
    assert systemd_module.environment(blocks[0]["Environment"])["NOTE"] == 'a "b" = c'
    assert systemd_module.environment(blocks[0]["Environment"])["HERMES_HOME"] == "/home/h/.hermes"
    assert (
        systemd_module.environment(blocks[1]["Environment"]),
        systemd_module.exec_argv(blocks[1].get("ExecStart")),
    ) == ({}, [])


def test_environment_that_is_not_closed():
    assert systemd_module.environment('A=1 "B=2') == {}


def test_environment_that_is_far_too_long():
    """To split it takes time that grows with the square of its length."""
    assert systemd_module.environment("A=1 B=" + "x" * 60000)["A"] == "1"
    assert systemd_module.environment("A=1 B=" + "x" * 70000) == {}


@pytest.mark.parametrize(
    "call",
    [lambda manager: manager.show(["a\x1b[2J"], ["Id"]), lambda manager: manager.unit_files("*")],
)
def test_message_of_the_manager_of_a_user(monkeypatch, call):
    """It may contain anything, and is shown to the operator."""
    answer = command.Result(1, "", "no\x1b]0;x\x07 luck\nat all " + "y" * 5000)
    monkeypatch.setattr(command, "run", lambda *words, **how: answer)
    with pytest.raises(SystemdError, match="no ]0;x  luck at all") as caught:
        call(systemd_module.Manager(ME))
    assert str(caught.value).isprintable() and len(str(caught.value)) < 700


def test_properties_that_are_repeated():
    """A user's manager may print anything. The time does not grow with the square of the lines."""
    start = time.process_time()
    blocks = systemd_module.parse_show("Id=a\n" + ("A=%s\n" % ("x" * 100)) * 60000 + "\nId=b\n")
    assert [one["Id"] for one in blocks] == ["a", "b"]
    assert blocks[0]["A"] == "\n".join(["x" * 100] * 60000)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("version", sorted(SHOW))
def test_gateway_in_system_scope(version, tmp_path):
    text = SHOW[version] % {"pid": os.getpid(), "home": tmp_path, "user": ME.pw_name}
    found = gateways_of(FakeManager(text))
    assert [one.name for one in found] == ["hermes-gateway"]
    one = found[0]
    assert (one.scope, one.unit, one.user, one.home, one.pid) == (
        "system",
        "hermes-gateway.service",
        ME.pw_name,
        str(tmp_path),
        os.getpid(),
    )
    assert (one.invocation_id, one.restart_policy, one.problem) == (
        "5cebc1d0efd14deb8a310e3274f0114f",
        "always",
        None,
    )
    assert abs(time.time() - one.uptime_seconds - one.start_time) < 5


def test_unit_of_a_user_who_is_gone(tmp_path):
    assert (
        gateways_of(FakeManager(SHOW[252] % {"pid": 0, "home": tmp_path, "user": "no-such-user"}))
        == []
    )


def test_users_manager_that_names_a_process_of_somebody_else(tmp_path):
    nobody = pwd.getpwnam("nobody")
    found = gateways_of(
        FakeManager(SHOW[252] % {"pid": os.getpid(), "home": tmp_path, "user": "x"}, user=nobody)
    )
    assert [(one.name, one.pid, one.user) for one in found] == [
        ("hermes-gateway@nobody", None, "nobody")
    ]
    # And a claim about another home is not trusted.
    assert "belongs to uid %d" % os.getuid() in found[0].problem


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Id=hermes-gateway.service", "Id=hermes-gateway\r[x].service"),
        ("Id=hermes-gateway.service", "Id=a/b.service"),
        ("Id=hermes-gateway.service\n", ""),
        ("Id=hermes-gateway.service", "Id=hermes-gateway"),
    ],
)
def test_users_manager_that_makes_up_units(tmp_path, old, new):
    text = SHOW[252] % {"pid": 0, "home": tmp_path, "user": "x"}
    assert old in text
    assert gateways_of(FakeManager(text.replace(old, new), user=ME)) == []


@pytest.mark.parametrize("pid", ["", "-1", "x", "0x7", "99999999999999999999"])
def test_users_manager_that_makes_up_pids(tmp_path, pid):
    found = gateways_of(
        FakeManager(SHOW[252] % {"pid": pid, "home": tmp_path, "user": "x"}, user=ME)
    )
    assert [one.pid for one in found] == [None]


def make(home, name="hermes-gateway", user=ME):
    return discovery.Gateway(name, "system", user, str(home), unit=name + ".service")


@pytest.mark.parametrize(
    "home",
    [
        "/home/x\n[DEFAULT]\nnotify_command = evil",
        "/home/x\n",
        "/home/%h",
        '/home/a"b',
        "/home/a'b",
        "/home/a;b",
        "/home/$x",
        "/home/a\\b",
        "relative",
        "",
        "/" + "x" * 500,
        "/home/\x1b[31m",
    ],
)
def test_home_that_cannot_stand_in_a_unit(home):
    assert "characters" in make(home).problem


@pytest.mark.parametrize(
    "name",
    [
        "hermes gateway",
        "a/b",
        "-x",
        "x\n",
        "x\ny",
        "",
        "hermes-gateway@dom\\user",
        "x" * 300,
        "\u00fc",
    ],
)
def test_name_that_cannot_be_a_file(tmp_path, name):
    assert "characters" in make(tmp_path, name).problem


def test_home_with_a_space_is_fine(tmp_path):
    (tmp_path / "my home").mkdir()
    assert make(tmp_path / "my home").problem is None


def test_home_that_is_not_there_or_no_folder(tmp_path):
    assert "No such file" in make(tmp_path / "none").problem
    (tmp_path / "file").touch()
    assert "not a directory" in make(tmp_path / "file").problem


def test_home_of_somebody_else(tmp_path):
    other = pwd.getpwnam("nobody")
    assert make(
        tmp_path, user=other
    ).problem == "the home %s belongs to uid %d, but the gateway runs as nobody (uid %d)" % (
        tmp_path,
        os.getuid(),
        other.pw_uid,
    )


def test_home_that_is_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "home").symlink_to("disk")
    assert make(tmp_path / "home").problem is None
    (tmp_path / "loose").symlink_to("nowhere")
    assert "cannot be read" in make(tmp_path / "loose").problem
    if os.getuid() == 0:
        os.chown(str(tmp_path / "disk"), 12345, 12345)
        assert "belongs to uid 12345" in make(tmp_path / "home").problem
        os.lchown(str(tmp_path / "home"), 12346, 12346)
        assert "is a symbolic link that belongs to uid 12346" in make(tmp_path / "home").problem


def test_user_who_is_not_logged_in(tmp_path):
    folder = tmp_path / ".config/systemd/user"
    folder.mkdir(parents=True)
    for name in (
        "hermes-gateway.service",
        "hermes-gateway-coder.service",
        "hermes-gateway-\u00fc.service",
        "hermes-gateway.service\n",
        "other.service",
    ):
        (folder / name).touch()
    user = pwd.struct_passwd(("ada", "x", ME.pw_uid, ME.pw_gid, "", str(tmp_path), "/bin/sh"))
    found = discovery.of_unit_files(user)
    assert [(one.name, one.profile, one.home, one.pid, one.active_state) for one in found] == [
        (
            "hermes-gateway-coder@ada",
            "coder",
            str(tmp_path / ".hermes/profiles/coder"),
            None,
            "inactive",
        ),
        ("hermes-gateway@ada", "", str(tmp_path / ".hermes"), None, "inactive"),
    ]


def test_refresh(systemd, settings, tmp_path):
    systemd.add_gateway(tmp_path / "home")
    gone = settings(unit="hermes-gateway-gone.service")
    removed = settings(unit="hermes-gateway-removed.service", scope="user", user="no-such-user")
    # A user who was removed from the host is in guard.conf until the playbook runs: the others are
    # found all the same.
    found = discovery.refresh([removed, settings(), gone])
    assert list(found) == ["hermes-gateway"]
    assert (found["hermes-gateway"].pid, found["hermes-gateway"].python) == (
        systemd.pid(),
        systemd.python,
    )


def test_users_manager_that_does_not_answer_hides_its_own_gateways_only(
    systemd, settings, tmp_path, monkeypatch
):
    systemd.add_gateway(tmp_path / "home")
    real = systemd_module.Manager.systemctl

    def systemctl(self, *arguments, **named):
        if self.user is not None:
            raise SystemdError("systemctl did not end within 30 s")
        return real(self, *arguments, **named)

    monkeypatch.setattr(systemd_module.Manager, "systemctl", systemctl)
    monkeypatch.setattr(
        systemd_module, "user_managers", lambda: [systemd_module.Manager(pwd.getpwnam("nobody"))]
    )
    assert "hermes-gateway" in [one.name for one in discovery.find_gateways()]
    wanted = [settings(unit="hermes-gateway-x.service", scope="user", user="nobody"), settings()]
    assert list(discovery.refresh(wanted)) == ["hermes-gateway"]


FORKS = "import os, time; os.fork() and print(flush=True); time.sleep(30)\n"


@pytest.fixture
def by_hand(tmp_path):
    """Starts a gateway as one does in a terminal; it has forked a child before this returns."""
    (tmp_path / "hermes_cli").mkdir()
    (tmp_path / "hermes_cli/__init__.py").touch()
    (tmp_path / "hermes_cli/main.py").write_text(FORKS)
    started = []

    def start(*more, **env):
        # A session of its own, so that the forked child can be ended too.
        process = subprocess.Popen(
            ["python", "-m", "hermes_cli.main"] + list(more),
            executable=sys.executable,
            stdout=subprocess.PIPE,
            env=dict(env, PYTHONPATH=str(tmp_path)),
            start_new_session=True,
        )
        started.append(process)
        process.stdout.readline()
        return process.pid

    yield start
    for process in started:
        os.killpg(process.pid, 9)
        process.wait()
        process.stdout.close()


def mine(systemd, tmp_path):
    """What is found of this test: other gateways may well run on the machine."""
    return [one for one in discovery.find_gateways() if one.home.startswith(str(tmp_path))]


def test_gateway_run_by_hand_is_listed_once(systemd, by_hand, tmp_path):
    (tmp_path / "profiles/coder").mkdir(parents=True)
    pid = by_hand("gateway", "run", HERMES_HOME=str(tmp_path / "profiles/coder"))
    by_hand("gateway", "status", HERMES_HOME=str(tmp_path))
    children = proc.descendants(pid)
    assert [proc.argv(child) for child in children] == [proc.argv(pid)]
    found = mine(systemd, tmp_path)
    assert [
        (one.pid, one.scope, one.unit, one.profile, one.active_state, one.problem) for one in found
    ] == [(pid, "manual", None, "coder", "active", None)]


def test_names_of_those_run_by_hand_differ(systemd, by_hand, tmp_path):
    pids = {by_hand("gateway", "run", HERMES_HOME=str(tmp_path)) for _number in range(3)}
    found = mine(systemd, tmp_path)
    assert {one.pid for one in found} == pids
    assert len({one.name for one in found}) == 3


def test_gateway_of_a_unit_is_not_listed_as_by_hand_too(systemd, tmp_path):
    systemd.add_gateway(tmp_path / "home")
    assert [(one.name, one.scope, one.pid) for one in mine(systemd, tmp_path)] == [
        ("hermes-gateway", "system", systemd.pid())
    ]


def test_command_line_of_a_forked_child_whose_parent_has_ended(systemd, by_hand, tmp_path):
    pid = by_hand("gateway", "run", HERMES_HOME=str(tmp_path))
    child = proc.descendants(pid)[0]
    os.kill(pid, 9)
    deadline = time.monotonic() + 60
    while proc.parent(child) == pid and time.monotonic() < deadline:
        time.sleep(0.01)
    # It is the rest of the gateway, so it is found.
    assert child in [one.pid for one in mine(systemd, tmp_path)]
