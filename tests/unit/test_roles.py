# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that the roles create from a host's answer: they are correct, and evaluate nothing.

Their variables are rendered by Ansible itself; no task of theirs is run.
"""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import config
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import forecast

pytest.importorskip("ansible.cli")

ROLES = Path(__file__).resolve().parents[2] / "roles"
ANSWER = """
import json
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(argument_spec={"file": {"type": "str"}})
with open(module.params["file"]) as handle:
    module.exit_json(**json.load(handle))
"""
# Records the final value of an argument. ansible.builtin.copy would start two or three modules on each host.
KEEP = """
from pathlib import Path
from ansible.plugins.action import ActionBase
class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        Path(self._task.args["dest"]).write_text(self._task.args["content"], encoding="utf-8")
        return {"changed": True}
"""
FILES = {
    "hermes_watchdog": "_hermes_watchdog_files",
    "hermes_restart_timer": "_hermes_restart_timer_files | from_yaml",
    "hermes_memory_limit": "_hermes_memory_limit_files | from_yaml",
    "hermes_allocator": "_hermes_allocator_files | from_yaml",
    "notify": "_hermes_watchdog_notify_command",
    "states": "[_hermes_watchdog_state, _hermes_restart_timer_state]",
}


def gateway(name="hermes-gateway", **changed):
    """A gateway as the guard module returns it."""
    made = {
        "name": name,
        "unit": name + ".service",
        "scope": "system",
        "user": "hermes",
        "home": "/home/hermes/.hermes",
        "python": None,
        "drop_in_directory": "/etc/systemd/system/%s.service.d" % name,
        "recommended_every": "24h",
    }
    return dict(made, **changed)


RUN = "{{ lookup('ansible.builtin.pipe', 'touch ran') }}"
LINES = "x.service.d\n- path: /etc/passwd\n  content: !vault |\n    %s\n#" % RUN
USERS = "/etc/systemd/user/hermes-gateway.service.d"
ONE = {"watchdog_state": "present", "restart_timer_state": "present"}
AUTO = {"hermes_restart_timer_every": "auto"}
# The answer and the variables of each host.
HOSTS = {
    "hostile": (
        [
            gateway(RUN, unit=RUN, scope=LINES, home=RUN, drop_in_directory="/" + LINES),
            gateway(
                "hermes-gateway@ada",
                scope="user",
                home='/home/ada/"it\'s" ü😀',
                drop_in_directory=USERS,
            ),
            gateway("hermes-gateway@bob", scope="user", drop_in_directory=USERS),
            gateway("own@eve", scope="user", drop_in_directory=None),
            gateway(LINES),
        ],
        {},
    ),
    "secret": (
        [gateway()],
        {
            "hermes_watchdog_notify_command": "curl https://token@h/",
            "hermes_watchdog_notify_secret": "token@h",
            "hermes_watchdog_ping_url": "https://h/token@h",
        },
    ),
    "words": (
        [gateway()],
        {"hermes_watchdog_notify_command": ["/opt/my notify", "it's", 5, "$HOME", "{}"]},
    ),
    "dict": ([gateway()], {"hermes_watchdog_notify_command": {"cmd": "x"}}),
    "pinged": ([gateway()], {"hermes_watchdog_ping_url": "https://h/token@h"}),
    "empty": ([], {}),
    "limits": ([gateway()], {"hermes_memory_limit_high": "90%"}),
    "host": ([gateway()], {}),
    "host.example.com": ([gateway()], {}),
    "two-days": ([gateway()], {"hermes_restart_timer_every": "48h"}),
    "string": ([gateway()], {"hermes_restart_timer_at": "04:00"}),
    "list": ([gateway()], {"hermes_restart_timer_at": ["04:00"]}),
    "three": (
        [
            gateway("hermes-gateway", settings={}),
            gateway(
                "hermes-gateway-b", settings={"threshold": "300M", "every": "24h", "splay": "0"}
            ),
            gateway("hermes-gateway-c", settings={"at": ["Sun 03:00"], "wait_idle": "20min"}),
            gateway("hermes-gateway-d", settings={"every": "auto", "action": "alert"}),
            gateway("hermes-gateway-e", settings={"watchdog_state": "absent", "threshold": "1G"}),
            gateway("hermes-gateway-f", settings={"restart_timer_state": "absent"}),
            gateway("hermes-gateway-g", settings={"at": []}),
        ],
        {"hermes_restart_timer_at": ["04:00"]},
    ),
    # Without the component on the host, but for one gateway.
    "one": (
        [gateway("hermes-gateway", settings={}), gateway("b", settings=ONE)],
        {
            "hermes_watchdog_state": "absent",
            "hermes_restart_timer_state": "absent",
            "hermes_gateways": {"b": ONE},
        },
    ),
    # An empty list: without the times of the host, so its period applies.
    "empty-at": ([{"name": "x", "settings": {"at": []}}], {"hermes_restart_timer_at": ["04:00"]}),
    "empty-at-period": (
        [{"name": "x", "settings": {"at": []}}],
        {"hermes_restart_timer_at": ["04:00"], "hermes_restart_timer_every": "24h"},
    ),
    "one-auto": ([{"name": "x", "settings": {"every": "auto"}}], {}),
    "unjudged": ([{"name": "x"}], AUTO),
    "judged": ([gateway(recommended_every=None)], AUTO),
    "threshold": ([gateway()], dict(AUTO, _hermes_watchdog_result={"changed": True})),
    "first": ([gateway()], dict(AUTO, _hermes_watchdog_result={"changed": True})),
}


# One host in two inventories, and a hostile answer.
SEEDS = {"host": "5d3a1c9e07b2f486", "host.example.com": "5d3a1c9e07b2f486", "hostile": RUN}


def run(root, import_root, inventory):
    """Run play.yml in ``root``: the exit code and the output."""
    env = dict(
        os.environ,
        ANSIBLE_COLLECTIONS_PATH=import_root,
        ANSIBLE_LOCAL_TEMP=str(root / "tmp"),
        ANSIBLE_REMOTE_TEMP=str(root / "tmp"),
        LC_ALL="C.UTF-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", inventory, "play.yml"],
        cwd=str(root),
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout.decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, import_root):
    """The directory of one run of Ansible: HOST.json has the files of each role by its name."""
    root = tmp_path_factory.mktemp("roles")
    (root / "library").mkdir()
    (root / "templates").mkdir()
    (root / "library/host_answer.py").write_text(ANSWER)
    (root / "action_plugins").mkdir()
    (root / "action_plugins/keep.py").write_text(KEEP)
    values = {}
    for role in ["hermes_guard"] + [name for name in FILES if name.startswith("hermes_")]:
        for kind in ("defaults", "vars"):
            values.update(yaml.safe_load((ROLES / role / kind / "main.yml").read_text()))
        for template in (ROLES / role).glob("templates/*.j2"):
            (root / "templates" / template.name).write_text(template.read_text())
    hosts = {}
    for name, (gateways, variables) in HOSTS.items():
        memory = {"total_bytes": 1 << 30, "swap_total_bytes": 0, "available_bytes": 0}
        answer = {"gateways": gateways, "memory": memory, "seed": SEEDS.get(name, name)}
        answer = json.dumps(dict(answer, first=name == "first"))
        (root / (name + ".answer")).write_text(answer)
        hosts[name] = dict(values, **variables)
    (root / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    found = {name: "{{ %s }}" % expression for name, expression in FILES.items()}
    play = {
        "hosts": "all",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": [
            {
                "host_answer": {"file": str(root) + "/{{ inventory_hostname }}.answer"},
                "register": "_hermes_guard_result",
            },
            {
                "keep": {
                    "content": "{{ found | to_json }}",
                    "dest": str(root) + "/{{ inventory_hostname }}.json",
                },
                "vars": {"found": found},
                "when": "inventory_hostname not in ['unjudged', 'judged', 'threshold', 'first', 'one-auto', 'empty-at', 'empty-at-period']",
            },
            {
                "keep": {
                    "content": "{{ _hermes_restart_timer_unjudged | bool | to_json }}",
                    "dest": str(root) + "/{{ inventory_hostname }}.again",
                }
            },
        ],
    }
    (root / "play.yml").write_text(yaml.safe_dump([play]))
    rc, text = run(root, import_root, "hosts.json")
    assert rc == 0, text
    return root


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize(
    "faults", [[], ["hermes-gateway stays managed as configured: it is masked"], None]
)
def test_role_fails_at_the_end_of_the_play(tmp_path, import_root, faults, changed):
    """The other roles configure the host's other gateways before that."""
    role = tmp_path / "roles/hermes_guard"
    for kind in ("tasks", "handlers"):
        (role / kind).mkdir(parents=True)
        text = (ROLES / "hermes_guard" / kind / "main.yml").read_text()
        tasks = yaml.safe_load(text)
        for task in [*tasks, *(one for outer in tasks for one in outer.get("block", ()))]:
            if "hermes_ops.gateway.guard" in task:
                del task["hermes_ops.gateway.guard"]
                task["host_answer"] = {"file": str(tmp_path / "answer")}
            task.pop("become", None)
        (role / kind / "main.yml").write_text(yaml.safe_dump(tasks))
    (tmp_path / "library").mkdir()
    (tmp_path / "library/host_answer.py").write_text(ANSWER)
    answer = {"gateways": [], "faults": faults, "changed": changed}
    if faults is None:
        answer = {"failed": True, "msg": "hermes_guard_gateways: nobody is known"}
    (tmp_path / "answer").write_text(json.dumps(answer))
    include = {"include_role": {"name": "hermes_guard", "public": True}}
    play = {
        "hosts": "all",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": [include, {"debug": {"msg": "the role of another component"}}],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    rc, text = run(tmp_path, import_root, "localhost,")
    if faults is None:
        # The module itself has failed: the play stops with the module's message.
        assert rc == 2 and answer["msg"] in text.partition("Postpone")[2]
        assert "the role of another component" not in text and "RUNNING HANDLER" not in text
        return
    assert "the role of another component" in text
    if faults:
        assert rc == 2 and faults[0] in text.partition("RUNNING HANDLER")[2]
    else:
        # No handler, not even a skipped one: each result of each host takes time.
        assert rc == 0 and "changed=%d" % changed in text and "RUNNING HANDLER" not in text


@pytest.mark.parametrize("said", [None, {"unreachable": True, "changed": False}])
@pytest.mark.parametrize("role", [name for name in FILES if name.startswith("hermes_")])
def test_role_says_that_the_guard_has_not_run(tmp_path, import_root, role, said):
    """With --start-at-task, and for a host whose fault is ignored; not "no attribute 'gateways'"."""
    play = {
        "hosts": "all",
        "connection": "local",
        "gather_facts": False,
        "vars_files": [str(ROLES / role / kind / "main.yml") for kind in ("defaults", "vars")],
        "vars": {} if said is None else {"_hermes_guard_result": said},
        "tasks": [{"debug": {"msg": "{{ %s }}" % FILES[role]}}],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    (tmp_path / "templates").symlink_to(ROLES / role / "templates")
    rc, text = run(tmp_path, import_root, "localhost,")
    assert rc == 2
    assert "the guard has not run on this host: the host did not answer, or --start-at-task" in (
        " ".join(text.split())
    )


def test_unreachable_host_is_ignored_if_the_play_says_so(tmp_path, import_root):
    """It ended with rc 2, because the second role needs what the guard would have answered."""
    roles = ["hermes_ops.gateway." + name for name in FILES if name.startswith("hermes_")]
    play = {
        "hosts": "all",
        "gather_facts": False,
        "ignore_unreachable": True,
        "vars": dict.fromkeys(
            ["hermes_memory_limit_state", "hermes_allocator_state", "hermes_metrics_state"],
            "present",
        ),
        "roles": [*roles, "hermes_ops.gateway.hermes_metrics", "hermes_ops.gateway.hermes_session"],
        "tasks": [{"name": "Show the end", "debug": {"msg": "the end"}}],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    # No program listens on port 1.
    (tmp_path / "hosts").write_text(
        "gone ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1\n"
    )
    rc, text = run(tmp_path, import_root, "hosts")
    assert rc == 0, text
    assert "the end" in text and "failed=0" in text


@pytest.fixture
def found(folder):
    """The files of each role on a host, by the role's name."""
    return lambda host: json.loads((folder / (host + ".json")).read_text())


def paths(files):
    return [file["path"] for file in files]


def test_values_of_a_host_are_nothing_but_values(folder, found):
    files = found("hostile")
    assert not (folder / "ran").exists()
    # A unit that serves several users contains nothing that a user can choose.
    for file in files["hermes_watchdog"]:
        assert RUN not in file["content"] and "/home/" not in file["content"]
    assert paths(files["hermes_restart_timer"])[1:] == [
        "/etc/systemd/system/%s-restart.timer" % name
        for name in (RUN, "hermes-gateway@ada", "hermes-gateway@bob", "own@eve", LINES)
    ]
    for role, name in (
        ("hermes_memory_limit", "50-hermes-memory-limit.conf"),
        ("hermes_allocator", "50-hermes-allocator.conf"),
    ):
        assert [path for path in paths(files[role]) if path.endswith(".conf")] == [
            "/%s/%s" % (LINES, name),
            "%s/%s" % (USERS, name),
            "/etc/systemd/system/%s.service.d/%s" % (LINES, name),
        ]


def test_command_with_a_token_is_in_no_file(found):
    # The guard module writes it there: see its option secrets.
    files = found("secret")
    # The values that are passed to the module as secrets.
    assert "token@" in files.pop("notify")
    assert "token@" not in json.dumps(files)
    assert "notify_command =\n" in files["hermes_watchdog"][1]["content"]
    assert files["hermes_watchdog"][1]["mode"] == "0600"
    assert files["hermes_watchdog"][-2:] == [
        {"path": "/etc/hermes-guard/notify.secret", "content": "@notify_secret@", "mode": "0600"},
        {"path": "/etc/hermes-guard/ping.url", "content": "@ping_url@", "mode": "0600"},
    ]


@pytest.mark.parametrize(
    ("host", "command"),
    [
        ("empty", ""),
        ("secret", "curl https://token@h/"),
        # As the watchdog splits it, these are the words of the list.
        ("words", """'/opt/my notify' 'it'"'"'s' 5 '$HOME' '{}'"""),
        # The module refuses it.
        ("dict", {"cmd": "x"}),
    ],
)
def test_notify_command_as_a_line_or_a_list_of_words(found, host, command):
    assert found(host)["notify"] == command


@pytest.mark.parametrize(
    ("host", "network", "executable"),
    [("empty", False, False), ("pinged", True, False), ("secret", True, True)],
)
def test_unit_has_the_network_only_if_it_needs_it(found, host, network, executable):
    """For the notify command or the ping URL. Only a command may be a program with a compiler."""
    (unit,) = [
        one["content"]
        for one in found(host)["hermes_watchdog"]
        if one["path"].endswith("hermes-mem-watchdog.service")
    ]
    lines = unit.splitlines()
    assert ("PrivateNetwork=yes" not in lines) == network
    assert ("RestrictAddressFamilies=AF_INET AF_INET6" in lines) == network
    assert ("MemoryDenyWriteExecute=yes" not in lines) == executable


def test_no_gateway(found):
    files = found("empty")
    assert (files["hermes_memory_limit"], files["hermes_allocator"]) == ([], [])
    assert paths(files["hermes_restart_timer"]) == [
        "/etc/hermes-guard/guard.conf.d/restart-timer.conf"
    ]


def test_limits_that_are_wrong_are_left_for_the_module_to_refuse(found):
    assert found("limits")["hermes_memory_limit"] == []


def configured(files):
    """A parser with the combined content of the configuration files in ``files``."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    for file in files:
        if file["path"].startswith("/etc/hermes-guard/guard.conf.d/"):
            parser.read_string(file["content"])
    return parser


def timers_of(files):
    """The lines that differ in the timers among ``files``, by the gateway's name."""
    return {
        file["path"].rpartition("/")[2][: -len("-restart.timer")]: [
            line.partition("=")[2]
            for line in file["content"].splitlines()
            if line.startswith(("OnCalendar=", "RandomizedDelaySec="))
        ]
        for file in files
        if file["path"].endswith("-restart.timer")
    }


def test_each_gateway_has_its_own_settings(found):
    """They override those of the host; other settings are the host's."""
    watchdog = configured(found("three")["hermes_watchdog"])
    assert watchdog.sections() == ["hermes-gateway-b", "hermes-gateway-d", "hermes-gateway-e"]
    assert watchdog["hermes-gateway-b"]["threshold"] == "300M"
    assert watchdog["hermes-gateway-b"]["action"] == "restart"
    assert watchdog["hermes-gateway-d"]["action"] == "alert"
    assert watchdog["hermes-gateway-d"]["threshold"] == watchdog["DEFAULT"]["threshold"]
    # Without a watchdog, regardless of its threshold.
    assert watchdog["hermes-gateway-e"]["threshold"] == ""

    timer = configured(found("three")["hermes_restart_timer"])
    assert timer["hermes-gateway-c"]["wait_idle"] == "20min"
    assert timer["hermes-gateway-b"]["wait_idle"] == "10min"
    elapse = timers_of(found("three")["hermes_restart_timer"])
    assert elapse["hermes-gateway"] == ["04:00", "15min"]
    # Its own interval overrides the times of the host.
    assert elapse["hermes-gateway-b"][0].startswith("*-*-* ")
    assert elapse["hermes-gateway-b"][1] == "0"
    assert elapse["hermes-gateway-c"] == ["Sun 03:00", "15min"]
    # The recommendation, see gateway().
    assert elapse["hermes-gateway-d"][0] == elapse["hermes-gateway-b"][0]
    assert elapse["hermes-gateway-e"] == ["04:00", "15min"]
    assert "hermes-gateway-f" not in elapse
    assert elapse["hermes-gateway-g"] == [*elapse["hermes-gateway-b"][:1], "15min"]


def test_component_for_one_gateway_of_a_host(found):
    """The host has neither, and one gateway has both."""
    assert found("one")["states"] == ["present", "present"]
    assert found("host")["states"] == ["present", "present"]
    watchdog = configured(found("one")["hermes_watchdog"])
    assert watchdog["hermes-gateway"]["threshold"] == ""
    assert "b" not in watchdog
    assert list(timers_of(found("one")["hermes_restart_timer"])) == ["b"]


@pytest.mark.parametrize("host", ["string", "list"])
def test_one_time_is_one_event(found, host):
    lines = found(host)["hermes_restart_timer"][1]["content"].splitlines()
    assert [one for one in lines if one.startswith("OnCalendar=")] == ["OnCalendar=04:00"]


def test_every_cadence_that_the_advice_names_can_be_set(found):
    calendars = yaml.safe_load((ROLES / "hermes_restart_timer/vars/main.yml").read_text())
    specification = yaml.safe_load(
        (ROLES / "hermes_restart_timer/meta/argument_specs.yml").read_text()
    )["argument_specs"]["main"]["options"]["hermes_restart_timer_every"]
    named = ["%dh" % hours for hours in forecast.CADENCES]
    assert list(calendars["_hermes_restart_timer_calendars"]) == named
    assert specification["choices"] == [*named, "auto"] == list(config.EVERY)
    for value in config.EVERY:
        config.check_option("hermes_restart_timer_every", value)
    content = found("two-days")["hermes_restart_timer"][1]["content"]
    assert "\nOnCalendar=*-*-01/2 " in content


def test_hour_of_a_host_is_the_same_by_any_name_in_an_inventory(found):
    """It once changed with each run from another inventory."""
    timers = [found(name)["hermes_restart_timer"][1] for name in ("host", "host.example.com")]
    assert timers[0] == timers[1]
    assert found("secret")["hermes_restart_timer"][1]["content"] != timers[0]["content"]


@pytest.mark.parametrize(
    ("host", "again"),
    [
        ("one-auto", True),
        ("empty-at", True),
        ("empty-at-period", False),
        ("list", False),
        ("unjudged", True),
        ("judged", False),
        ("threshold", True),
        # Nothing was installed before, so there is no history.
        ("first", False),
    ],
)
def test_when_the_history_is_judged_again(folder, host, again):
    assert json.loads((folder / (host + ".again")).read_text()) is again
