# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set-ups of gateways that operators have described in public, and what must be found in each."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import (
    processes as processes_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import unit as unit_module
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    command,
    container,
    proc,
    reach,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    systemd as systemd_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import SystemdError

ME = os.getuid()
VENV = "/opt/h/venv/bin/"
PYTHON = VENV + "python3"
RUN = ["gateway", "run"]
# The live process of a launcher `hermes`, and that of a unit of Hermes up to 0.21.
SCRIPT = [PYTHON, VENV + "hermes", *RUN]
MODULE = [PYTHON, "-m", "hermes_cli.main", *RUN]
SOURCE = (
    "import os, sys, runpy; sys.path.insert(0, '/opt/h/lib'); import hermes_bootstrap; "
    "runpy.run_module('hermes_cli.main', run_name='__main__', alter_sys=True)"
)
SYSTEM = "/system.slice/"
USERS = "/user.slice/user-1000.slice/user@1000.service/app.slice/"


class World:
    """A host that is made of units and processes.

    All users have our own uid, so that files of theirs can be made: which user a process belongs
    to is what the test says of it.
    """

    def __init__(self, root):
        self.root = root
        self.processes = {}
        self.units = {None: []}
        self.silent = set()
        self.users = {}
        for name in ("ada", "hermes"):
            self.users[name] = pwd.struct_passwd(
                (name, "x", ME, ME, "", str(root / name), "/bin/sh")
            )
            self.home(root / name / ".hermes")

    def home(self, path):
        path.mkdir(parents=True, exist_ok=True)
        return str(path)

    def process(self, pid, argv, parent=1, uid=ME, group="/", inside=None, **environ):
        self.processes[pid] = {
            "argv": argv,
            "parent": parent,
            "uid": uid,
            "group": group,
            "inside": inside,
            "environ": {"HOME": str(self.root / "ada"), **environ},
        }

    def unit(self, name, line, pid=0, user="ada", scope=None, **properties):
        group = (USERS if scope else SYSTEM) + name
        block = {
            "Id": name,
            "LoadState": "loaded",
            "ActiveState": "active" if pid else "inactive",
            "MainPID": str(pid),
            "InvocationID": "ab" * 16 if pid else "",
            "User": user,
            "ExecStart": "{ path=%s ; argv[]=%s ; ignore_errors=no ; pid=0 }"
            % (properties.pop("path", line.split()[0]), line),
            "ControlGroup": group if pid else "",
            **properties,
        }
        self.units.setdefault(scope, []).append(block)

    def systemctl(self, manager, *words, timeout=30.0):
        name = manager.user.pw_name if manager.user else None
        if name in self.silent:
            raise SystemdError("no answer")
        if words[0] != "show":
            return command.Result(0, "", "")
        asked = words[words.index("--") + 1 :]
        blocks = [
            one for one in self.units.get(name, []) if "*.service" in asked or one["Id"] in asked
        ]
        known = {one["Id"] for one in blocks}
        blocks += [
            {"Id": one, "LoadState": "not-found"}
            for one in asked
            if "*" not in one and one not in known
        ]
        return command.Result(
            0, "\n\n".join("\n".join("%s=%s" % pair for pair in one.items()) for one in blocks), ""
        )

    def found(self):
        return discovery.survey().gateways

    def only(self):
        found = self.found()
        assert len(found) == 1, [(one.name, one.scope) for one in found]
        return found[0]


@pytest.fixture
def world(tmp_path, monkeypatch):
    made = World(tmp_path)
    made.monkeypatch = monkeypatch
    processes = made.processes
    monkeypatch.setattr(discovery.pwd, "getpwnam", made.users.__getitem__)
    monkeypatch.setattr(discovery.pwd, "getpwall", lambda: list(made.users.values()))
    monkeypatch.setattr(discovery.pwd, "getpwuid", lambda uid: made.users["ada"])
    monkeypatch.setattr(proc, "pids", lambda: sorted(processes))
    monkeypatch.setattr(proc, "start_ticks", lambda pid: 7)
    monkeypatch.setattr(proc, "has_terminal", lambda pid: processes[pid].get("terminal", False))
    monkeypatch.setattr(proc, "seconds_since", lambda ticks: 60.0)
    for name, key, missing in (
        ("argv", "argv", []),
        ("parent", "parent", 1),
        ("uid", "uid", None),
        ("cgroup", "group", None),
        ("environ", "environ", {}),
    ):
        monkeypatch.setattr(
            proc,
            name,
            lambda pid, key=key, missing=missing: processes.get(pid, {}).get(key, missing),
        )
    monkeypatch.setattr(proc, "exe", lambda pid: processes.get(pid, {}).get("exe"))
    # ada is not root, regardless of the user of the tests.
    monkeypatch.setattr(processes_module, "ROOT", -1)
    monkeypatch.setattr(container, "of", lambda pid: processes.get(pid, {}).get("inside"))
    monkeypatch.setattr(
        systemd_module.Manager,
        "systemctl",
        lambda self, *words, **how: made.systemctl(self, *words),
    )
    monkeypatch.setattr(
        systemd_module,
        "user_managers",
        lambda: [systemd_module.Manager(made.users[one]) for one in made.units if one],
    )
    return made


# --------------------------------------------------------------------------------- start commands


def test_unit_that_hermes_0_22_writes(world):
    """systemd prints the source without quotes, in many words; the process has it in one."""
    home = world.home(world.root / "data")
    world.process(20, [PYTHON, "-I", "-c", SOURCE, *RUN], HERMES_HOME=home)
    line = " ".join([PYTHON, "-I", "-c", SOURCE, *RUN])
    world.unit("hermes-gateway.service", line, 20, Environment="HERMES_HOME=" + home)
    one = world.only()
    assert (one.name, one.pid, one.home, one.python) == ("hermes-gateway", 20, home, PYTHON)
    # Without it, this Python cannot import Hermes.
    assert one.root == "/opt/h/lib"


def test_unit_that_hermes_0_22_writes_is_stopped(world):
    line = " ".join([PYTHON, "-I", "-c", SOURCE, "-p", "coder", *RUN])
    world.unit("hermes-gateway.service", line)
    one = world.only()
    assert (one.pid, one.python, one.root, one.profile) == (None, PYTHON, "/opt/h/lib", "coder")


def test_source_started_manually(world):
    world.process(20, [PYTHON, "-I", "-c", SOURCE, *RUN])
    assert (world.only().scope, world.only().root) == ("manual", "/opt/h/lib")


@pytest.mark.parametrize(
    ("name", "line", "argv"),
    [
        ("hermes-gateway.service", "/home/ada/.hermes/venv/bin/python -m gateway.run", None),
        ("hermes-gateway.service", PYTHON + " /srv/hermes/hermes_cli/main.py gateway run", None),
        ("hermes-gateway.service", VENV + "hermes -m some/model gateway run", None),
        # The launcher has another name; its process identifies it.
        (
            "anne.service",
            "/nix/store/x/bin/anne-run",
            ["/nix/store/p/bin/python3.12", "/nix/store/h/bin/.hermes-wrapped", *RUN],
        ),
        ("bot.service", "/usr/bin/env hermes gateway run", ["hermes"]),
        ("hermes-gateway.service", PYTHON + " -m hermes_cli.main gateway restart", None),
    ],
)
def test_other_start_commands(world, name, line, argv):
    world.process(20, argv or line.split(), group=SYSTEM + name)
    world.unit(name, line, 20)
    assert (world.only().unit, world.only().pid) == (name, 20)


@pytest.mark.parametrize("argv", [["hermes"], [*MODULE[:-1], "restart"]])
@pytest.mark.parametrize("name", ["gateway_state.json", "gateway.pid"])
def test_process_that_only_its_own_file_tells_from_a_chat(world, argv, name):
    """A process title, and `gateway restart` without a service manager, which becomes a gateway."""
    world.process(20, argv, parent=9)
    assert world.found() == []
    state = {"pid": 20, "start_time": 7, "gateway_state": "running"}
    (world.root / "ada/.hermes" / name).write_text(json.dumps(state))
    assert (world.only().scope, world.only().pid) == ("manual", 20)
    # A file of an earlier process with this pid does not describe this one.
    state["start_time"] = 6
    (world.root / "ada/.hermes" / name).write_text(json.dumps(state))
    assert world.found() == []


def test_process_with_a_title_that_no_shell_is_above(world):
    """setproctitle leaves one word of the command line; a chat has a shell as its parent."""
    world.process(20, ["hermes"])
    assert (world.only().scope, world.only().user, world.only().pid) == ("manual", "ada", 20)


# ---------------------------------------------------------------------------------------- wrappers


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("hermes-gateway.service", "/srv/p/start_hermes_gateway.sh"),
        ("hermes.service", "/usr/local/bin/uv run hermes gateway run"),
        ("hermes-gateway.service", "/usr/bin/op run --env-file=/e -- " + " ".join(MODULE)),
        ("agent.service", "/bin/bash -c hermes gateway run | tee -a /var/log/h"),
        ("mine.service", "/srv/p/start.sh"),
    ],
)
@pytest.mark.parametrize("scope", [None, "ada"])
def test_wrapper_is_the_main_process(world, name, line, scope):
    """It does not count as started manually, and its own process is measured."""
    group = (USERS if scope else SYSTEM) + name
    world.process(30, ["/bin/bash", line], group=group)
    world.process(31, SCRIPT, parent=30, group=group, INVOCATION_ID="ab" * 16)
    # A child of the gateway's own is not another gateway.
    world.process(32, SCRIPT, parent=31, group=group, INVOCATION_ID="ab" * 16)
    world.unit(name, line, 30, scope=scope)
    one = world.only()
    assert (one.scope, one.unit) == ("user" if scope else "system", name)
    assert (one.pid, one.main_pid, one.python) == (31, 30, PYTHON)


def test_shim_that_has_the_words_of_a_gateway_itself(world):
    """A shell script named hermes: its few megabytes are not the gateway's."""
    group = USERS + "hermes-gateway.service"
    world.process(30, ["/bin/bash", "/home/ada/.local/bin/hermes", *RUN], group=group)
    world.process(31, SCRIPT, parent=30, group=group)
    world.unit("hermes-gateway.service", "/home/ada/.local/bin/hermes gateway run", 30, scope="ada")
    assert (world.only().pid, world.only().python) == (31, PYTHON)
    # While nothing runs below it, there is nothing to measure.
    del world.processes[31]
    assert (world.only().pid, world.only().main_pid) == (None, 30)


@pytest.mark.parametrize(
    ("name", "line", "path"),
    [
        ("ai-bot.service", "/bin/bash -lc hermes gateway", None),
        (
            "ai-bot.service",
            "/bin/sh -c cd /srv && . venv/bin/activate && exec hermes gateway run",
            None,
        ),
        ("ai-bot.service", "/usr/sbin/runuser -u hermes -- hermes gateway run", None),
        ("hermes-gateway.service", "/usr/bin/env -S HERMES_X=1 hermes gateway run", None),
        (
            "x.service",
            "/opt/My Apps/bin/python -m hermes_cli.main gateway run",
            "/opt/My Apps/bin/python",
        ),
    ],
)
def test_stopped_unit_with_a_wrapper_or_a_blank_in_its_path(world, name, line, path):
    world.unit(name, line, **({"path": path} if path else {}))
    one = world.only()
    assert (one.unit, one.pid) == (name, None)
    assert one.python == path


@pytest.mark.parametrize(
    "line",
    [
        "/usr/bin/grep hermes gateway run",
        "/bin/bash -c pgrep -f 'hermes gateway run' || systemctl restart hermes-gateway",
        "/bin/sh -c echo hermes gateway run",
        "/usr/bin/env python3 watch.py hermes gateway status",
        "/opt/h/venv/bin/hermes dashboard --port 9119",
    ],
)
def test_unit_that_only_mentions_a_gateway(world, line):
    world.unit("watch.service", line)
    assert discovery.survey() == ([], [], [])


def test_gateway_in_a_terminal_of_a_unit_is_not_the_unit(world):
    """A restart of the unit would end the work of its user in a browser."""
    name = "openvscode@ada.service"
    world.process(30, ["/usr/lib/code/node", "out/node/entry"], group=SYSTEM + name)
    world.process(31, SCRIPT, parent=30, group=SYSTEM + name, INVOCATION_ID="ab" * 16)
    world.unit(name, "/usr/bin/openvscode --auth none", 30)
    # Without a terminal the unit has started it itself.
    assert world.only().scope == "system"
    world.processes[31]["terminal"] = True
    assert (world.only().scope, world.only().pid) == ("manual", 31)


@pytest.mark.parametrize(
    ("name", "line", "kind"),
    [
        ("nightly.service", "/usr/local/bin/hermes gateway restart", "simple"),
        ("nightly.service", "/usr/sbin/runuser -u ada -- hermes gateway restart", "oneshot"),
        ("hermes-update.service", "/bin/sh -c hermes update && hermes gateway restart", "oneshot"),
        ("hermes-gateway-restart.service", "/usr/local/bin/hermes gateway restart", "oneshot"),
    ],
)
def test_unit_that_restarts_a_gateway_is_none(world, name, line, kind):
    """Operators start such a unit by a timer, because of the leak. It is not a second gateway."""
    world.unit(name, line, Type=kind)
    world.unit("hermes-gateway.service", " ".join(MODULE))
    assert world.only().unit == "hermes-gateway.service" and world.only().conflict is None
    assert discovery.survey().unresolved == []


def test_gateway_that_cron_started_is_not_the_unit_of_cron(world):
    """To restart that unit because of it would end much else, and not the gateway."""
    world.process(30, ["/usr/sbin/cron", "-f"], group=SYSTEM + "cron.service")
    world.process(31, SCRIPT, parent=30, group=SYSTEM + "cron.service", INVOCATION_ID="ab" * 16)
    world.unit("cron.service", "/usr/sbin/cron -f", 30, user="root")
    assert (world.only().scope, world.only().pid) == ("manual", 31)


def test_process_of_another_user_in_the_unit_of_a_user(world):
    """Its words say which Python runs it, and that would be run as the user of the unit."""
    name = "hermes-gateway.service"
    ada = world.users["ada"]
    world.users["ada"] = pwd.struct_passwd((*ada[:2], 1000, 1000, *ada[4:]))
    world.process(20, ["/bin/sh", "/opt/start.sh"], uid=1000, group=SYSTEM + name)
    theirs = ["/home/bob/p/python3", "-m", "hermes_cli.main", *RUN]
    world.process(21, theirs, parent=20, uid=1001, group=SYSTEM + name)
    world.unit(name, " ".join(MODULE), 20)
    found = {one.unit: one for one in world.found()}
    assert (found[name].pid, found[name].python) == (None, PYTHON)


def test_process_whose_uids_differ_is_nobodys_gateway(world):
    world.process(20, SCRIPT, uid=None)
    assert world.found() == []


# ---------------------------------------------------------------------------- whose a process is


RESOLVER = 4711
THEIRS = ["/var/lib/resolver/p/python3", "-m", "hermes_cli.main"]


@pytest.fixture
def other_users(world):
    """A host with root and two others, each with a uid of its own."""
    for name, uid in (("root", 0), ("resolver", RESOLVER), ("ada", 1000)):
        folder = str(world.root / name)
        world.users[name] = pwd.struct_passwd((name, "x", uid, uid, "", folder, "/bin/sh"))
    by_uid = {one.pw_uid: one for one in world.users.values()}
    world.monkeypatch.setattr(discovery.pwd, "getpwuid", by_uid.__getitem__)
    world.monkeypatch.setattr(processes_module, "ROOT", 0)
    return world


@pytest.mark.parametrize("words", [RUN, ["gateway", "status"], ["chat"]])
def test_service_that_drops_its_privileges_itself(other_users, words):
    """The unit has no User=, but its process runs as another user, and is not trusted like root."""
    world = other_users
    world.process(
        20, [*THEIRS, *words], uid=RESOLVER, group=SYSTEM + "x.service", HERMES_HOME="/root"
    )
    world.unit("x.service", " ".join(MODULE), 20, user="")
    one = world.only()
    assert (one.user, one.pid) == ("resolver", 20)
    # It would be run as that user, whose home /root is not.
    assert one.problem is not None or one.home != "/root"


@pytest.mark.parametrize("uid", [RESOLVER, None, 4712])
def test_main_process_of_another_than_the_unit_says(other_users, uid):
    """Also one whose uids differ, or without an account. 4712 is a container's, say."""
    world = other_users
    world.process(20, [*THEIRS, "chat"], uid=uid, group=SYSTEM + "x.service", HERMES_HOME="/root")
    world.unit("x.service", " ".join(MODULE), 20, user="ada")
    one = world.only()
    assert (one.user, one.pid, one.python) == ("ada", None, PYTHON)
    assert one.home == str(world.root / "ada/.hermes")


def test_process_of_a_user_without_an_account_is_not_roots(other_users):
    world = other_users
    world.process(20, [*THEIRS, *RUN], uid=4712, group=SYSTEM + "x.service")
    world.unit("x.service", " ".join(MODULE), 20, user="")
    survey = discovery.survey()
    assert survey.gateways == []
    assert "4712" in survey.unresolved[0].problem


def test_main_process_in_a_container(other_users):
    """Root in there is not root here, and its paths are not those of this host."""
    world = other_users
    inside = container.Container("podman", "ab" * 32)
    world.process(20, [*THEIRS, "chat"], uid=0, group=SYSTEM + "x.service", inside=inside)
    world.unit("x.service", " ".join(MODULE), 20, user="")
    assert (world.only().pid, world.only().python) == (None, PYTHON)


def test_process_that_becomes_another_users_while_it_is_looked_at(other_users, monkeypatch):
    """Its pid is given to another process, or it starts a program of another user's."""
    world = other_users
    world.process(20, MODULE, uid=1000, group=SYSTEM + "x.service")
    world.unit("x.service", " ".join(MODULE), 20, user="ada")
    real = proc.environ

    def environ(pid):
        world.processes[pid].update(argv=[*THEIRS, *RUN], uid=RESOLVER)
        return dict(real(pid), HERMES_HOME="/home/mallory")

    monkeypatch.setattr(proc, "environ", environ)
    one = world.only()
    assert (one.home, one.python) == (str(world.root / "ada/.hermes"), PYTHON)


@pytest.mark.parametrize("program", ["/usr/bin/su", "/usr/bin/sudo", None])
def test_set_uid_program_that_is_started_with_the_words_of_a_gateway(other_users, program):
    """sudo is root's in full while it asks for a password; words and environment are anyone's."""
    world = other_users
    world.process(20, ["/home/m/p/python3", "/usr/bin/hermes", *RUN], uid=0, HERMES_HOME="/root")
    world.processes[20]["exe"] = program
    world.process(21, [PYTHON, "/usr/bin/hermes", *RUN], uid=None, HERMES_HOME="/root")
    assert world.found() == []


@pytest.mark.parametrize(
    ("python", "found"), [("/usr/bin/python3", 1), ("/tmp/python3", 0), ("/no/such/python3", 0)]
)
def test_gateway_that_root_started_manually(other_users, tmp_path, python, found):
    """Its Python, and the one that the command line names, are where only root can write."""
    world = other_users
    world.process(20, [python, "/usr/bin/hermes", *RUN], uid=0, HERMES_HOME=str(tmp_path))
    world.processes[20]["exe"] = os.path.realpath("/usr/bin/python3")
    assert len(world.found()) == found


def test_program_of_a_user_that_a_service_of_root_started(other_users):
    """A mail server does that. Knowing the invocation of the unit does not make it the unit's process."""
    world = other_users
    group = SYSTEM + "postfix.service"
    world.process(20, ["/usr/lib/postfix/master"], uid=0, group=group)
    world.process(21, SCRIPT, parent=20, uid=1000, group=group, INVOCATION_ID="ab" * 16)
    world.unit("postfix.service", "/usr/lib/postfix/master", 20, user="")
    assert [one.scope for one in world.found()] == ["manual"]


# -------------------------------------------------------------------------------------------- home


def test_home_from_an_environment_file_of_a_stopped_unit(world):
    home = world.home(world.root / "data")
    (world.root / "a").write_text("HERMES_HOME=/nowhere\n")
    (world.root / "b").write_text("# a comment\nHERMES_HOME='%s'\n" % home)
    files = "\nEnvironmentFiles=".join(
        "%s (ignore_errors=no)" % (world.root / one) for one in ("a", "b")
    )
    world.unit("hermes-gateway.service", " ".join(MODULE), EnvironmentFiles=files)
    assert world.only().home == home


def test_home_from_the_variable_home(world):
    native = world.home(world.root / "data/.hermes")
    world.process(20, MODULE, HOME=str(world.root / "data"))
    world.unit("hermes.service", " ".join(MODULE), 20, Environment="HOME=%s/data" % world.root)
    assert world.only().home == native
    world.processes.clear()
    world.units[None][0].update(MainPID="0")
    assert world.only().home == native


def test_home_with_a_tilde_says_what_is_wrong(world):
    world.unit("hermes.service", " ".join(MODULE), Environment="HERMES_HOME=~/.hermes")
    assert "is not an absolute path" in world.only().problem


@pytest.fixture
def sticky(world):
    (world.root / "ada/.hermes/active_profile").write_text("work\n")
    return world.home(world.root / "ada/.hermes/profiles/work")


def test_sticky_profile_started_manually(world, sticky):
    world.process(20, SCRIPT)
    assert (world.only().home, world.only().profile) == (sticky, "work")
    # A profile on the command line comes before it.
    world.process(20, [*SCRIPT, "-p", "default"])
    assert world.only().home == str(world.root / "ada/.hermes")


def test_sticky_profile_under_a_unit_of_0_13_to_0_20(world, sticky):
    root = str(world.root / "ada/.hermes")
    world.process(20, MODULE, HERMES_HOME=root)
    world.unit("hermes-gateway.service", " ".join(MODULE), 20, Environment="HERMES_HOME=" + root)
    assert world.only().home == sticky


@pytest.mark.parametrize("how", ["marker", "source", "state"])
def test_sticky_profile_that_a_newer_gateway_does_not_follow(world, sticky, how):
    """From 0.21.5 on a supervised gateway stays in its home (#74872)."""
    root = str(world.root / "ada/.hermes")
    environ = {"HERMES_HOME": root, "INVOCATION_ID": "ab" * 16}
    argv = MODULE
    if how == "marker":
        environ["HERMES_SUPERVISED_CHILD"] = "1"
    elif how == "source":
        argv = [PYTHON, "-I", "-c", SOURCE, *RUN]
    else:
        state = {"pid": 20, "start_time": 7}
        (world.root / "ada/.hermes/gateway_state.json").write_text(json.dumps(state))
    world.process(20, argv, **environ)
    world.unit("hermes-gateway.service", " ".join(argv), 20, Environment="HERMES_HOME=" + root)
    assert world.only().home == root


@pytest.mark.parametrize("text", ["../../root\n", "default\n", "", "x" * 5000, "a b"])
def test_active_profile_that_names_none(world, text):
    (world.root / "ada/.hermes/active_profile").write_text(text)
    world.process(20, SCRIPT)
    assert world.only().home == str(world.root / "ada/.hermes")


# ------------------------------------------------------------- users whose own systemd does not run


def unit_file(world, name, *lines):
    folder = world.root / "ada/.config/systemd/user"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("[Service]\n" + "\n".join(lines) + "\n")


@pytest.mark.parametrize("name", ["hermes-gateway", "hermes-gateway-1f2e3d4c", "my-agent"])
def test_unit_file_says_where_its_home_is(world, name):
    """The suffix that Hermes adds to the name for an unusual home is not a profile."""
    home = world.home(world.root / "data")
    unit_file(
        world,
        name + ".service",
        "ExecStart=-%s -m hermes_cli.main \\" % PYTHON,
        "  gateway run",
        'Environment="HERMES_HOME=%s"' % home,
    )
    one = world.only()
    assert (one.name, one.scope, one.home, one.profile, one.problem, one.python) == (
        name + "@ada",
        "user",
        home,
        "",
        None,
        PYTHON,
    )


def test_unit_file_with_a_drop_in_and_specifier(world):
    unit_file(world, "hermes.service", "ExecStart=%h/venv/bin/hermes gateway run")
    drop_in = world.root / "ada/.config/systemd/user/hermes.service.d"
    drop_in.mkdir()
    (drop_in / "x.conf").write_text("[Service]\nEnvironment=HERMES_HOME=%h/other\n")
    home = world.home(world.root / "ada/other")
    assert world.only().home == home


def test_unit_file_with_comments_that_end_in_or_follow_a_backslash(world):
    unit_file(
        world,
        "hermes.service",
        "# the gateway \\",
        "Environment=OTHER=b \\",
        "# its home",
        "  HERMES_HOME=%h/agents/coder",
        "ExecStart=%shermes \\" % VENV,
        "; the command \\",
        "  gateway run",
    )
    home = world.home(world.root / "ada/agents/coder")
    assert world.only().home == home


def test_unit_file_of_a_dashboard_is_no_gateway(world):
    unit_file(world, "hermes-gateway-dash.service", "ExecStart=%shermes dashboard" % VENV)
    unit_file(world, "other.service", "ExecStart=/bin/true")
    assert world.found() == []


# -------------------------------------------------------------------------------------- containers


def test_gateway_in_a_container_is_not_the_hosts(world):
    """The uid 1000 of an image is not the host's user with that uid, nor are its paths."""
    inside = container.Container("docker", "0a1b2c3d4e5f6789")
    root = str(world.root / "ada/.hermes")
    world.process(20, SCRIPT, parent=9, inside=inside, HERMES_HOME=root, group="/docker/0a1b")
    world.process(21, SCRIPT, parent=20, inside=inside, HERMES_HOME=root, group="/docker/0a1b")
    survey = discovery.survey()
    assert survey.gateways == [] and len(survey.containers) == 1
    one = survey.containers[0]
    assert (one.name, one.scope, one.container, one.user) == (
        "docker:0a1b2c3d4e5f",
        "container",
        "0a1b2c3d4e5f6789",
        str(ME),
    )
    # Nothing of it is run here, and it is said what to do instead.
    assert (one.python, one.root, one.pid) == (None, None, 20)
    assert "the guard does not manage" in one.problem


def test_container_has_the_name_that_its_engine_gave(world, monkeypatch):
    """It stays if the container is made anew, which its id does not."""
    inside = container.Container("docker", "0a1b2c3d4e5f6789")
    monkeypatch.setattr(container, "given_name", lambda found: "hermes-in-the-office")
    for pid in (20, 21):
        world.process(pid, SCRIPT, parent=9, inside=inside, group="/docker/0a1b")
    found = discovery.survey().containers
    assert [one.name for one in found] == [
        "docker:hermes-in-the-office",
        "docker:hermes-in-the-office-21",
    ]
    assert {one.container for one in found} == {"hermes-in-the-office"}


def test_unit_that_starts_a_container_is_not_a_gateways(world):
    inside = container.Container("podman", "0a1b2c3d4e5f6789")
    world.process(30, ["/usr/bin/conmon"], group=SYSTEM + "hermes.service")
    world.process(31, SCRIPT, 30, inside=inside, group=SYSTEM + "hermes.service/libpod-payload-0a")
    world.unit("hermes.service", "/usr/bin/podman run --name hermes image", 30)
    survey = discovery.survey()
    assert survey.gateways == [] and len(survey.containers) == 1
    assert "starts a container" in survey.unresolved[0].problem


# ------------------------------------------------------------------------- conflicts and doubtful


def test_two_units_on_one_home(world):
    """They take each other's place every few minutes, and each seems to fail."""
    environment = "HERMES_HOME=%s/ada/.hermes" % world.root
    world.unit("hermes-gateway.service", " ".join(MODULE), Environment=environment)
    world.unit("hermes-gateway.service", " ".join(MODULE), scope="ada", Environment=environment)
    found = {one.name: one for one in world.found()}
    assert sorted(found) == ["hermes-gateway", "hermes-gateway@ada"]
    assert found["hermes-gateway"].conflict.startswith("hermes-gateway@ada has the same home")
    assert found["hermes-gateway@ada"].conflict.startswith("hermes-gateway has the same home")
    # Neither is refused because of it.
    assert [one.problem for one in found.values()] == [None, None]


def test_unit_and_manual_process_on_one_home(world):
    world.unit("hermes-gateway.service", " ".join(MODULE))
    world.process(20, SCRIPT)
    assert all(one.conflict for one in world.found()) and len(world.found()) == 2


def test_unit_with_the_name_of_a_gateway_that_is_not_understood(world):
    world.unit("hermes-gateway.service", "/opt/start.sh --token s3cr3t")
    world.unit("hermes-watch.service", "/usr/bin/python3 watch.py")
    world.unit("hermes-gateway-restart.service", "/usr/local/bin/hermes-guard restart")
    survey = discovery.survey()
    assert survey.gateways == []
    assert [one.name for one in survey.unresolved] == ["hermes-gateway"]
    problem = survey.unresolved[0].problem
    assert "'/opt/start.sh' is not known to start a gateway" in problem and "s3cr3t" not in problem


def test_user_of_a_unit_that_does_not_exist_now(world):
    """DynamicUser= makes one only while the unit runs."""
    world.unit("hermes-gateway.service", " ".join(MODULE), user="hermes-dyn")
    assert "'hermes-dyn'" in discovery.survey().unresolved[0].problem


def test_standing_of_a_managed_gateway(world, settings):
    world.unit("hermes-gateway.service", "/opt/start.sh")
    world.unit("x.service", "/bin/true", scope="ada")
    assert discovery.standing(settings()) == "exists"
    assert discovery.standing(settings(unit="hermes-gateway-b.service")) == "gone"
    user = {"scope": "user", "user": "ada"}
    for unit, expected in (("x.service", "exists"), ("y.service", "gone")):
        assert discovery.standing(settings(unit=unit, **user)) == expected
    world.silent.add("ada")
    assert discovery.standing(settings(unit="y.service", **user)) == "unknown"
    world.silent.add(None)
    assert discovery.standing(settings()) == "unknown"
    gone = settings(unit="z.service", scope="user", user="no-such-user")
    assert discovery.standing(gone) == "gone"


def test_home_that_is_not_mounted_says_nothing_of_its_units(world, settings):
    """What it is mounted on is an empty folder; an encrypted home has other names in it."""
    shutil.rmtree(str(world.root / "ada/.hermes"))
    known = settings(unit="hermes-gateway.service", scope="user", user="ada")
    assert discovery.standing(known) == "hidden"
    (world.root / "ada/.config/systemd/user").mkdir(parents=True)
    assert discovery.standing(known) == "gone"


def test_each_process_is_looked_at_once_whatever_the_number_of_units(world, monkeypatch):
    """A host has hundreds of units, and any user may start hundreds of processes."""
    for pid in range(20, 40):
        world.process(pid, SCRIPT, parent=9, group=USERS + "other.service")
    for number in range(50):
        world.unit("x%d.service" % number, "/bin/x", 100 + number, user="root")
    asked = []
    monkeypatch.setattr(proc, "cgroup", lambda pid: asked.append(pid) or USERS + "other.service")
    assert len(world.found()) == 20
    assert len(asked) < 5 * 20


# ------------------------------------------------------------------------ what one user can cost


def test_system_unit_and_user_unit_of_one_name(world):
    """The instance of a template for ada, and ada's own unit: both are found, with different names."""
    world.unit("hermes-gateway@ada.service", " ".join(MODULE), user="hermes")
    world.unit("hermes-gateway.service", " ".join(MODULE), scope="ada")
    found = world.found()
    assert [one.name for one in found] == ["hermes-gateway@ada"] * 2
    assert sorted(one.scope for one in found) == ["system", "user"]
    assert len(discovery.find_named(["hermes-gateway@ada"])) == 2


@pytest.mark.parametrize("scope", [None, "ada"])
def test_unit_whose_name_ends_in_a_dash(world, scope):
    """Its drop-ins would count for all units of all users whose names begin with "hermes-"."""
    world.unit("hermes-.service", " ".join(MODULE), scope=scope)
    world.unit("hermes-gateway-x.service", " ".join(MODULE), scope=scope)
    by_unit = {one.unit: one for one in world.found()}
    assert "its unit hermes-.service ends in '-'" in by_unit["hermes-.service"].problem
    assert by_unit["hermes-gateway-x.service"].problem is None
    if scope:
        safe, unsafe = discovery.without_unsafe(list(by_unit.values()))
        assert [one.unit for one in unsafe] == ["hermes-.service"] and len(safe) == 1


def test_thousands_of_processes_of_one_user(other_users):
    """Those of the others are found, and the time is that of a few hundred."""
    world = other_users
    for pid in range(100, 5100):
        world.process(pid, MODULE, uid=RESOLVER, parent=pid - 1)
    world.process(6000, MODULE, uid=1000)
    world.process(6001, MODULE, uid=1000, group=SYSTEM + "x.service")
    world.unit("x.service", " ".join(MODULE), 6001)
    for number in range(200):
        world.unit("other%d.service" % number, "/bin/x", 7000 + number, user="root")
    start = time.process_time()
    found = [one for one in world.found() if one.user == "ada"]
    assert sorted(one.pid for one in found) == [6000, 6001]
    assert time.process_time() - start < 5


def test_processes_of_one_user_side_by_side(other_users):
    for pid in range(100, 1100):
        other_users.process(pid, MODULE, uid=RESOLVER)
    other_users.process(6000, MODULE, uid=1000)
    found = other_users.found()
    assert len([one for one in found if one.user == "resolver"]) == processes_module.MAX_MANUAL
    assert [one.pid for one in found if one.user == "ada"] == [6000]


def test_thousands_of_units_of_one_user(world):
    """Those that Hermes makes come first, then those that run."""
    for number in range(3000):
        world.unit("a%04d.service" % number, " ".join(MODULE), scope="ada")
    world.process(20, MODULE, group=USERS + "x.service")
    world.unit("x.service", " ".join(MODULE), 20, scope="ada")
    world.unit("hermes-gateway.service", " ".join(MODULE), scope="ada")
    found = [one.unit for one in world.found()]
    assert len(found) == 200
    assert {"x.service", "hermes-gateway.service"} < set(found)


def test_thousands_of_unit_files_of_one_user(world):
    folder = world.root / "ada/.config/systemd/user"
    folder.mkdir(parents=True)
    for number in range(1500):
        (folder / ("hermes-m%04d.service" % number)).write_text("[Service]\nExecStart=/bin/x\n")
    (folder / "hermes-gateway.service").write_text("[Service]\n")
    start = time.process_time()
    assert [one.unit for one in world.found()] == ["hermes-gateway.service"]
    assert time.process_time() - start < 5


def test_managers_of_users_that_never_answer(world, monkeypatch):
    """The first ones get their full time; all together do not block discovery."""
    asked = []
    clock = [0.0]
    monkeypatch.setattr(discovery.time, "monotonic", lambda: clock[0])

    def systemctl(manager, *words):
        if manager.user is None or manager.user.pw_name == "ada":
            return World.systemctl(world, manager, *words)
        asked.append(manager.timeout)
        clock[0] += manager.timeout
        raise SystemdError("did not end")

    monkeypatch.setattr(world, "systemctl", systemctl)
    users = [pwd.struct_passwd(("m%d" % uid, "x", uid, uid, "", "/x", "")) for uid in range(50)]
    managers = [systemd_module.Manager(user) for user in [*users, world.users["ada"]]]
    monkeypatch.setattr(systemd_module, "user_managers", lambda: managers)
    world.unit("hermes-gateway.service", " ".join(MODULE), scope="ada")
    assert [one.name for one in world.found()] == ["hermes-gateway@ada"]
    assert asked == [10.0] * 6 + [1.0] * 44


# --------------------------------------------------------------------------------------- the home


def test_home_that_is_a_link_of_its_user_is_looked_up_once(world):
    """From then on its real path counts, and no link on the way to it."""
    disk = world.root / "disk"
    (world.root / "ada/.hermes").rmdir()
    disk.mkdir()
    (world.root / "ada/.hermes").symlink_to(str(disk))
    world.process(20, MODULE, uid=ME)
    world.unit("hermes-gateway.service", " ".join(MODULE), scope="ada")
    assert {one.home for one in world.found()} == {str(disk)}
    assert [one.problem for one in world.found()] == [None, None]


# ---------------------------------------------------------------- users who try to stop the survey


@pytest.fixture
def mallory(world):
    """A user without a manager, who writes any files; ada is honest and has a gateway."""
    world.users["mallory"] = pwd.struct_passwd(
        ("mallory", "x", ME, ME, "", str(world.root / "mallory"), "/bin/sh")
    )
    world.home(world.root / "mallory/.hermes")
    world.unit("hermes-gateway.service", " ".join(MODULE))
    folder = world.root / "mallory/.config/systemd/user"
    folder.mkdir(parents=True)
    return world.root / "mallory", folder / "hermes-gateway.service"


@pytest.fixture
def chain(tmp_path):
    """A chain of symbolic links that Python's realpath cannot follow before Python 3.13."""
    places = tmp_path / "links"
    places.mkdir()
    for number in range(1200):
        (places / str(number)).symlink_to(str(places / str(number + 1)))
    return places / "0"


def ada_is_found(world, others=1):
    """And ``others`` of the other users."""
    names = [one.name for kind in discovery.survey() for one in kind]
    assert "hermes-gateway" in names
    assert len(names) == 1 + others, names


@pytest.mark.parametrize(
    "line",
    [
        "Environment=HERMES_HOME=/a\0b",
        "Environment=HOME=/a\0b",
        "EnvironmentFile=/a\0b/c",
        "ExecStart=/a\0b/hermes gateway run",
    ],
)
def test_zero_byte_in_a_unit_file_of_a_user(world, mallory, line):
    mallory[1].write_text("[Service]\n%s\n" % line)
    ada_is_found(world)


@pytest.mark.parametrize("runs", [False, True])
def test_zero_byte_in_an_environment_file_of_a_user(world, mallory, runs):
    path = mallory[0] / "environment"
    path.write_text("HERMES_HOME=/a\0b\n")
    if runs:
        name = "%s (ignore_errors=no)" % path
        world.unit("hermes.service", " ".join(MODULE), scope="mallory", EnvironmentFiles=name)
    else:
        mallory[1].write_text("[Service]\nEnvironmentFile=%s\n" % path)
    ada_is_found(world)


@pytest.mark.parametrize(
    "key, value",
    [
        ("Environment", "HERMES_HOME=/a\0b"),
        ("EnvironmentFiles", "/a\0b/c (ignore_errors=no)"),
        ("ControlGroup", "/a\0b"),
        ("ExecStart", "{ path=/a ; argv[]=/a\0b/hermes gateway run ; ignore_errors=no }"),
    ],
)
def test_zero_byte_from_the_manager_of_a_user(world, mallory, key, value):
    world.unit("hermes.service", " ".join(MODULE), scope="mallory", **{key: value})
    ada_is_found(world)


@pytest.mark.parametrize("what", ["unit file", "home", "profile", "parent"])
def test_chain_of_links_of_a_user(world, mallory, chain, what):
    root, unit = mallory
    if what == "unit file":
        unit.symlink_to(str(chain))
        ada_is_found(world)
        return
    unit.write_text("[Service]\n")
    if what == "profile":
        unit.write_text(
            "[Service]\nEnvironment=HERMES_HOME=%s\n" % (root / ".hermes/profiles/link")
        )
        (root / ".hermes/profiles").mkdir()
        (root / ".hermes/profiles/link").symlink_to(str(chain))
    elif what == "parent":
        unit.write_text("[Service]\nEnvironment=HERMES_HOME=%s/x\n" % chain)
    else:
        (root / ".hermes").rmdir()
        (root / ".hermes").symlink_to(str(chain))
    ada_is_found(world)
    problems = [one.problem for one in world.found() if one.user == "mallory"]
    assert len(problems) == 1 and "cannot be read" in problems[0]


def test_chain_of_links_as_the_home_of_a_process(world, mallory, chain):
    world.process(20, MODULE, HERMES_HOME=str(chain))
    ada_is_found(world)
    assert [one.problem is not None for one in world.found() if one.pid == 20] == [True]


@pytest.mark.parametrize("runs", [False, True])
def test_unit_of_a_user_whose_examination_fails(world, mallory, monkeypatch, runs):
    """For a reason that nobody thought of: the unit is listed, and so are all others."""
    real = unit_module.homes.of

    def of(user, *arguments):
        if user.pw_name == "mallory":
            raise IndexError("no \x1b[2J luck")
        return real(user, *arguments)

    monkeypatch.setattr(unit_module.homes, "of", of)
    if runs:
        world.unit("hermes-gateway.service", " ".join(MODULE), scope="mallory")
    else:
        mallory[1].write_text("[Service]\n")
    survey = discovery.survey()
    assert [one.name for one in survey.gateways] == ["hermes-gateway"]
    assert [(one.name, one.unresolved, one.problem) for one in survey.unresolved] == [
        (
            "hermes-gateway@mallory",
            True,
            "hermes-gateway.service cannot be examined: IndexError: no  [2J luck",
        )
    ]


@pytest.fixture
def asked(monkeypatch):
    """The calls of reach.unanswered: each starts a process."""
    calls = []
    real = reach.unanswered

    def unanswered(owners):
        calls.append(dict(owners))
        return real(owners)

    monkeypatch.setattr(reach, "unanswered", unanswered)
    return calls


@pytest.mark.parametrize("runs", [False, True])
def test_thousands_of_environment_files_of_one_unit(world, mallory, asked, runs):
    """Each directory is asked once; the first files count."""
    home = world.home(mallory[0] / "data")
    (mallory[0] / "first").write_text("HERMES_HOME=%s\n" % home)
    paths = [str(mallory[0] / "first"), *("/%d/x" % number for number in range(2500))]
    if runs:
        names = "\nEnvironmentFiles=".join("%s (ignore_errors=yes)" % path for path in paths)
        world.unit("hermes.service", " ".join(MODULE), scope="mallory", EnvironmentFiles=names)
    else:
        lines = "".join("EnvironmentFile=%s\n" % path for path in paths)
        mallory[1].write_text("[Service]\n" + lines)
    ada_is_found(world)
    assert len(asked) <= 20
    of_mallory = [one for one in asked if set(one.values()) == {"mallory"}]
    assert 2 <= len(of_mallory) and max(map(len, of_mallory)) <= 20
    assert [one.home for one in world.found() if one.user == "mallory"] == [home]


def test_environment_files_of_one_unit_in_total(world, mallory):
    """A file beyond the limit is not read, and neither is one that is too large together with the others."""
    large = "".join("A%d=%s\n" % (number, "x" * 1000) for number in range(40))
    for name in ("one", "two", "three"):
        (mallory[0] / name).write_text(large + "HERMES_HOME=/%s\n" % name)
    lines = "".join(
        "EnvironmentFile=%s\n" % (mallory[0] / name) for name in ("one", "two", "three")
    )
    mallory[1].write_text("[Service]\n" + lines)
    assert [one.home for one in world.found() if one.user == "mallory"] == ["/one"]


def test_hundreds_of_drop_ins_of_one_unit(world, mallory, monkeypatch):
    mallory[1].write_text("[Service]\n")
    folder = mallory[1].parent / "hermes-gateway.service.d"
    folder.mkdir()
    for number in range(300):
        (folder / ("%03d.conf" % number)).write_text("[Service]\nEnvironment=HERMES_HOME=/x\n")
    read = []
    real = unit_module.unit_file.files.read_text

    def read_text(path, *how):
        read.append(path)
        return real(path, *how)

    monkeypatch.setattr(unit_module.unit_file.files, "read_text", read_text)
    assert [one.home for one in world.found() if one.user == "mallory"] == ["/x"]
    assert len([path for path in read if path.startswith(str(folder))]) <= 20


def test_long_commands_of_a_user(world, mallory):
    """The time does not grow with the square of the length."""
    start = time.process_time()
    mallory[1].write_text("[Service]\nExecStart=/bin/sh -c 'env %s'\n" % ("a " * 30000))
    ada_is_found(world, 0)
    world.unit("hermes.service", "/bin/x", scope="mallory", ExecStart="argv[]=" * 50000)
    ada_is_found(world)
    assert time.process_time() - start < 8


def test_control_characters_from_the_manager_of_a_user(world, mallory):
    """They would reach the operator's terminal."""
    state = "x\x1b[2J" + "y" * 1000
    world.unit("hermes.service", "/bin/x", scope="mallory", LoadState=state)
    (one,) = discovery.survey().unresolved
    assert one.problem.isprintable() and len(one.problem) < 200
    assert one.problem.startswith("hermes.service looks like the unit of a gateway, but systemd")
