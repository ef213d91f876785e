# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""hermes_config from end to end, against a small package that stands for Hermes: real files, a real second Python, a real other user."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import stat
import sys
import tempfile
import time
from types import SimpleNamespace

import pytest

yaml = pytest.importorskip("yaml")

from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import client
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes_config import configure
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import command
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import (
    GuardError,
    MissingLibrary,
)

IS_ROOT = os.geteuid() == 0
USER = pwd.getpwnam("nobody") if IS_ROOT else pwd.getpwuid(os.geteuid())
LIMIT = "compression.hygiene_hard_message_limit"

# Our own Python may lie where the other user cannot reach it.
PYTHON = next(
    python
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3", "/usr/local/bin/python3")
    if os.access(python, os.X_OK) and command.run([python, "-c", ""], user=USER).rc == 0
)
PYTHON_VERSION = command.run(
    [PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2], end='')"]
).out

CONFIG_PY = """
DEFAULT_CONFIG = {"compression": {"enabled": True, "hygiene_hard_message_limit": 400, "threshold": 0.5}, "agent": {"max_turns": 9}, %s}
print("noise on stdout")
"""
MANAGED_PY = """
import os, pathlib, yaml
def get_managed_dir():
    folder = pathlib.Path(os.environ.get("HERMES_MANAGED_DIR") or %r)
    return folder if folder.is_dir() else None
def merge(one, two):
    for key, value in two.items():
        one[key] = merge(one.get(key) or {}, value) if isinstance(value, dict) else value
    return one
def apply_managed_overlay(config):
    try:
        return merge(config, yaml.safe_load((get_managed_dir() / "config.yaml").read_text()) or {})
    except Exception:
        return config
"""
RUN_PY = """
class Runner:
    _CACHE_BUSTING_CONFIG_KEYS: tuple = (
        ("compression", "enabled"),
        ("compression", "threshold"),
    )
"""


class Host:
    """A scratch host: its folders, and gateways on it."""

    def __init__(self, root, monkeypatch):
        self.root = root
        self.gateways = []
        self.managed = os.path.join(root, "etc", "hermes")
        self.file = os.path.join(self.managed, "config.yaml")
        self.state = os.path.join(root, "state")
        self.managed_dirs = {}
        os.mkdir(os.path.join(root, "etc"))
        monkeypatch.setattr(configure, "MANAGED_DIR", self.managed)
        monkeypatch.setattr(configure, "STATE_DIR", self.state)
        monkeypatch.setattr(configure, "ROOT", os.geteuid())
        monkeypatch.setattr(configure.discovery, "find_gateways", lambda: list(self.gateways))
        monkeypatch.setattr(
            configure, "_managed_dir_of_unit", lambda gateway: self.managed_dirs.get(gateway.name)
        )

    def hermes(self, version, managed=True, extra=""):
        """The path of a Python that has a Hermes of this version."""
        prefix = os.path.join(self.root, "hermes-" + version)
        packages = os.path.join(prefix, "lib", "python" + PYTHON_VERSION, "site-packages")
        for folder in (
            os.path.join(prefix, "bin"),
            os.path.join(packages, "hermes_cli"),
            os.path.join(packages, "gateway"),
        ):
            os.makedirs(folder, exist_ok=True)
        files = {
            "hermes_cli/__init__.py": "__version__ = %r\n" % version,
            "hermes_cli/config.py": CONFIG_PY % extra,
            "gateway/run.py": RUN_PY,
        }
        if not os.path.exists(os.path.join(packages, "yaml")):
            shutil.copytree(os.path.dirname(yaml.__file__), os.path.join(packages, "yaml"))
        if managed:
            files["hermes_cli/managed_scope.py"] = MANAGED_PY % self.managed
        for name, text in files.items():
            with open(os.path.join(packages, name), "w", encoding="utf-8") as stream:
                stream.write(text)
        with open(os.path.join(prefix, "pyvenv.cfg"), "w", encoding="utf-8") as stream:
            stream.write("home = %s\n" % os.path.dirname(PYTHON))
        python = os.path.join(prefix, "bin", "python")
        if not os.path.lexists(python):
            os.symlink(PYTHON, python)
        return python

    def gateway(self, name="hermes-gateway", python=None, text=None, mode=0o640):
        home = os.path.join(self.root, "home-" + name)
        os.mkdir(home)
        os.chown(home, USER.pw_uid, USER.pw_gid)
        one = type("Gateway", (), {})()
        one.name, one.unit, one.scope, one.home, one.user = (
            name,
            name + ".service",
            "user",
            home,
            USER.pw_name,
        )
        one.uid = USER.pw_uid if IS_ROOT else 4242
        one.python, one.pid, one.start_time, one.problem = (
            python or self.hermes("0.19.0"),
            None,
            None,
            None,
        )
        self.gateways.append(one)
        one.config = os.path.join(home, "config.yaml")
        if text is not None:
            put(one.config, text, mode)
        return one

    def listing(self):
        found = {}
        for folder, dummy, names in os.walk(self.root):
            if "hermes-0" in folder:
                continue
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as stream:
                    found[path] = (
                        stream.read(),
                        stat.S_IMODE(os.lstat(path).st_mode),
                        os.lstat(path).st_uid,
                    )
            found[folder] = None
        return found


def put(path, text, mode=0o640):
    with open(path, "wb") as stream:
        stream.write(text.encode("utf-8"))
    os.chmod(path, mode)
    os.chown(path, USER.pw_uid, USER.pw_gid)


def read(path):
    with open(path, "rb") as stream:
        return stream.read().decode("utf-8")


def run(check=False, **params):
    full = {
        "session_max_messages": None,
        "auto_compress": None,
        "article_keys": False,
        "settings": {},
        "scope": "managed",
        "gateways": [],
        "state": "present",
        "restart": "never",
    }
    full.update(params)
    return configure.configure(full, check)


@pytest.fixture
def host(monkeypatch):
    root = tempfile.mkdtemp()
    os.chmod(root, 0o755)
    yield Host(root, monkeypatch)
    shutil.rmtree(root)


BOTH = {"session_max_messages": 50, "auto_compress": True}


def test_managed_scope_there_and_back(host):
    host.gateway(text="compression:\n  enabled: false # mine\n")
    before = host.listing()
    planned = run(check=True, **BOTH)
    assert planned["changed"] and host.listing() == before
    done = run(**BOTH)
    assert {name: planned[name] for name in planned} == {name: done[name] for name in planned}
    assert yaml.safe_load(read(host.file)) == {
        "compression": {"enabled": True, "hygiene_hard_message_limit": 50}
    }
    assert stat.S_IMODE(os.stat(host.file).st_mode) == 0o644
    assert (
        stat.S_IMODE(os.stat(os.path.join(host.state, configure.config.SESSION_RECORD)).st_mode)
        == 0o600
    )
    rows = {
        "file": host.file,
        "gateways": ["hermes-gateway"],
        "before": None,
        "reads": True,
        "live": True,
    }
    assert done["applied"] == [
        dict(rows, asked="session_max_messages", key=LIMIT, after=50),
        dict(rows, asked="auto_compress", key="compression.enabled", after=True),
    ]
    assert done["diff"][0]["before"] == "" and done["diff"][0]["after"] == read(host.file)
    again = run(**BOTH)
    assert not again["changed"] and again["diff"] == []
    assert run(check=True, state="absent")["changed"]
    assert run(state="absent", **BOTH)["changed"]
    assert host.listing() == before
    assert not run(state="absent")["changed"]


def test_home_scope_there_and_back(host):
    text = "# mine\r\ncompression:\r\n    hygiene_hard_message_limit: 0x190   # hm\r\n"
    one = host.gateway(text=text, mode=0o640)
    before = host.listing()
    done = run(scope="home", **BOTH)
    assert (
        read(one.config)
        == "# mine\r\ncompression:\r\n    hygiene_hard_message_limit: 50   # hm\r\n    enabled: true\r\n"
    )
    info = os.stat(one.config)
    assert (stat.S_IMODE(info.st_mode), info.st_uid) == (0o640, USER.pw_uid)
    assert [(row["key"], row["before"], row["after"]) for row in done["applied"]] == [
        (LIMIT, 400, 50),
        ("compression.enabled", None, True),
    ]
    assert "mine" not in json.dumps(done["diff"])
    assert not run(scope="home", **BOTH)["changed"]
    run(scope="home", session_max_messages=60)
    run(state="absent")
    assert host.listing() == before


@pytest.mark.parametrize("first", ["session_reset.mode", "session_reset.idle_minutes"])
def test_a_section_that_we_made_goes_with_its_last_key(host, first):
    one = host.gateway(text="a: 1\n")
    run(scope="home", settings={"session_reset": {"mode": "idle", "idle_minutes": 60}})
    run(state="absent", settings={first: None})
    assert "session_reset" in read(one.config)
    run(state="absent")
    assert read(one.config) == "a: 1\n"


def test_home_without_a_file(host):
    one = host.gateway()
    before = host.listing()
    run(scope="home", session_max_messages=50)
    assert stat.S_IMODE(os.stat(one.config).st_mode) == 0o600
    run(state="absent")
    assert host.listing() == before


def test_absent_takes_back_only_what_is_named(host):
    host.gateway()
    run(settings={"agent": {"max_turns": 5}}, **BOTH)
    run(state="absent", session_max_messages=1)
    assert yaml.safe_load(read(host.file)) == {
        "agent": {"max_turns": 5},
        "compression": {"enabled": True},
    }
    run(state="absent", settings={"agent.max_turns": 0})
    assert yaml.safe_load(read(host.file)) == {"compression": {"enabled": True}}


def test_old_hermes_gets_it_at_home(host):
    old = host.gateway("hermes-gateway-old", host.hermes("0.16.0", managed=False))
    done = run(**BOTH)
    assert not os.path.exists(host.managed)
    assert {row["file"] for row in done["applied"]} == {old.config}
    new = host.gateway("hermes-gateway-new")
    assert run(**BOTH)["changed"]
    assert os.path.exists(host.file) and not os.path.exists(new.config)


def test_article_keys_come_and_go(host):
    host.gateway()
    done = run(article_keys=True, **BOTH)
    assert yaml.safe_load(read(host.file)) == {
        "compression": {"enabled": True, "hygiene_hard_message_limit": 50},
        "session_max_messages": 50,
        "session_auto_compress": True,
    }
    assert [row["reads"] for row in done["applied"]] == [True, False, True, False]
    assert not done["warnings"] and not done["restart_required"]
    assert run(**BOTH)["changed"]
    assert yaml.safe_load(read(host.file)) == {
        "compression": {"enabled": True, "hygiene_hard_message_limit": 50}
    }


def test_a_hermes_that_reads_the_articles_key(host):
    host.gateway(python=host.hermes("0.99.0", extra="'session_max_messages': 7"))
    run(session_max_messages=50)
    assert yaml.safe_load(read(host.file)) == {
        "session_max_messages": 50,
        "compression": {"hygiene_hard_message_limit": 50},
    }


def test_an_operators_managed_file_keeps_its_comments(host):
    host.gateway()
    os.mkdir(host.managed)
    text = "# policy of the house\nmodel: {api_key: hunter2, default: x}\ncompression: {api_key: hunter2, enabled: false}   # why\n"
    with open(host.file, "w", encoding="utf-8") as stream:
        stream.write(text)
    before = host.listing()
    done = run(**BOTH)
    assert read(host.file) == text.replace(
        "enabled: false}", "enabled: true, hygiene_hard_message_limit: 50}"
    )
    assert "hunter2" not in json.dumps(done) and "model" not in json.dumps(done["diff"])
    assert not run(**BOTH)["changed"]
    run(state="absent")
    assert host.listing() == before


def test_our_managed_file_that_an_operator_added_to(host):
    host.gateway()
    run(**BOTH)
    with open(host.file, "a", encoding="utf-8") as stream:
        stream.write("agent:\n  max_turns: 3 # mine\n")
    assert not run(**BOTH)["changed"]
    run(session_max_messages=70)
    assert "# mine" in read(host.file)
    run(state="absent")
    assert yaml.safe_load(read(host.file)) == {"agent": {"max_turns": 3}} and "# mine" in read(
        host.file
    )


def test_without_yaml_an_operators_file_needs_the_library(host, monkeypatch):
    host.gateway()
    run(**BOTH)
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert run(session_max_messages=60)["changed"]
    with open(host.file, "a", encoding="utf-8") as stream:
        stream.write("a: 1\n")
    with pytest.raises(MissingLibrary):
        run(session_max_messages=70)


def test_restart_is_required_for_what_is_read_at_the_start_only(host):
    one = host.gateway()
    one.pid, one.start_time = os.getpid(), time.time() - 100
    assert not run(**BOTH)["restart_required"]
    planned = run(check=True, settings={"agent.max_turns": 5})
    done = run(settings={"agent.max_turns": 5})
    assert (
        planned["restart_required"]
        and done["restart_required"]
        and done["gateways"] == [{"name": "hermes-gateway", "restart_required": True}]
    )
    assert "hermes-gateway" in run(settings={"agent.max_turns": 5})["warnings"][0]
    one.start_time = time.time() + 5
    assert not run(settings={"agent.max_turns": 5})["restart_required"]


def test_restart_needs_the_arbiter(host, monkeypatch):
    one = host.gateway()
    one.pid, one.start_time = os.getpid(), time.time() - 100
    calls = []
    unit = {
        "Id": "hermes-gateway-restart.service",
        "LoadState": "not-found",
        "ActiveState": "inactive",
    }
    monkeypatch.setattr(configure.systemd.Manager, "show", lambda self, units, properties: [unit])
    monkeypatch.setattr(
        configure.systemd.Manager, "call", lambda self, *words, **more: calls.append(words)
    )
    before = host.listing()
    with pytest.raises(GuardError, match="apply the role hermes_guard first"):
        run(settings={"agent.max_turns": 5}, restart="when_idle")
    assert host.listing() == before
    unit["LoadState"] = "loaded"
    assert run(check=True, settings={"agent.max_turns": 5}, restart="when_idle")["restarted"] == [
        "hermes-gateway"
    ]
    assert calls == []
    assert run(settings={"agent.max_turns": 5}, restart="when_idle")["restarted"] == [
        "hermes-gateway"
    ]
    assert calls == [("start", "--no-block", "--", "hermes-gateway-restart.service")]
    unit["ActiveState"] = "activating"
    assert not run(settings={"agent.max_turns": 5}, restart="when_idle")["changed"]


def test_no_gateway(host):
    assert run(**BOTH)["skipped_because"] == "no Hermes gateway on this host"
    assert not run(state="absent")["changed"]


def test_a_broken_hermes_is_no_reason_to_leave_the_others(host):
    host.gateway("hermes-gateway-broken", "/bin/false")
    done = run(**BOTH)
    assert "could not be asked" in done["warnings"][0] and os.path.exists(host.file)
    with pytest.raises(GuardError, match="/bin/false gave no usable answer"):
        run(scope="home", **BOTH)


def test_what_is_in_effect_is_verified(host):
    host.gateway()
    elsewhere = os.path.join(host.root, "etc", "elsewhere")
    host.managed_dirs["hermes-gateway"] = elsewhere
    run(**BOTH)
    assert os.path.exists(os.path.join(elsewhere, "config.yaml")) and not os.path.exists(
        host.managed
    )
    with pytest.raises(
        GuardError,
        match=r"is 50 in effect, not 70 as set in .*home-hermes-gateway/config.yaml; .*elsewhere.*wins",
    ):
        run(scope="home", session_max_messages=70)


@pytest.mark.parametrize(
    "params, words",
    [
        ({"session_max_messages": 0}, "session_max_messages is 0: .* 1 or more"),
        (
            {"session_max_messages": 5, "gateways": ["nope"]},
            "gateways has 'nope': .* there are: hermes-gateway",
        ),
        ({"settings": {"a b": 1}}, "settings has the key 'a b': allowed"),
        (
            {"settings": {"model": {"api_key": "x"}}},
            "settings has the key 'model.api_key', which looks like a secret",
        ),
        ({}, "nothing is asked"),
        ({"settings": {"a": 1, "a.b": 2}}, "both a and a.b"),
    ],
)
def test_bad_options(host, params, words):
    host.gateway()
    before = host.listing()
    with pytest.raises(GuardError, match=words):
        run(**params)
    assert host.listing() == before


@pytest.mark.parametrize("scope", ["managed", "home"])
def test_bad_homes(host, scope):
    one = host.gateway(text="a: 1\nb: [\n")
    before = host.listing()
    with pytest.raises(
        GuardError, match=r"hermes-gateway: .*/config.yaml, line 3: this is not YAML"
    ):
        run(scope=scope, **BOTH)
    assert host.listing() == before
    os.unlink(one.config)
    os.symlink("/etc/hostname", one.config)
    with pytest.raises(GuardError, match="symbolic link"):
        run(scope=scope, **BOTH)
    os.unlink(one.config)
    one.problem = "the home /x belongs to uid 0, but the gateway runs as ada (uid 1000)"
    with pytest.raises(GuardError, match="belongs to uid 0"):
        run(scope=scope, gateways=[one.name], **BOTH)
    one.problem, one.uid = None, configure.ROOT
    with pytest.raises(GuardError, match="must not be configured or run as root"):
        run(scope=scope, **BOTH)
    assert not os.path.exists(host.state)


@pytest.mark.parametrize("scope", ["managed", "home"])
def test_a_user_cannot_keep_the_others_from_being_configured(host, scope):
    host.gateway(text="a: 1\n")
    mallory = host.gateway("hermes-gateway@mallory", text="b: 2\n")
    mallory.problem = "the home /etc belongs to uid 0, but the gateway runs as mallory (uid 1000)"
    result = run(scope=scope, **BOTH)
    assert [one["name"] for one in result["gateways"]] == ["hermes-gateway"]
    assert "hermes-gateway@mallory is left out: " + mallory.problem in result["warnings"]
    assert run(scope=scope, **BOTH)["changed"] is False
    assert run(state="absent")["changed"] is True
    assert open(mallory.config, encoding="utf-8").read() == "b: 2\n"
    # In system scope it is the administrator's, and an error.
    mallory.scope = "system"
    with pytest.raises(GuardError, match="belongs to uid 0"):
        run(scope=scope, **BOTH)


def test_bad_managed_files(host, monkeypatch):
    host.gateway()
    os.mkdir(host.managed)
    os.symlink("/etc/hostname", host.file)
    with pytest.raises(GuardError, match="symbolic link"):
        run(**BOTH)
    os.unlink(host.file)
    with open(host.file, "w", encoding="utf-8") as stream:
        stream.write("- a\n")
    with pytest.raises(GuardError, match="line 1: the file must hold a mapping"):
        run(**BOTH)
    os.unlink(host.file)
    os.chmod(host.managed, 0o777)
    with pytest.raises(GuardError, match="scope is managed.*nobody else can write"):
        run(**BOTH)
    os.chmod(host.managed, 0o755)
    monkeypatch.setattr(configure.os, "access", lambda path, mode: False)
    with pytest.raises(GuardError, match="cannot be written .*nothing was changed"):
        run(**BOTH)
    assert not os.path.exists(host.state)


def test_a_hostile_python_gets_nowhere(host):
    answers = os.path.join(host.root, "answer")
    evil = os.path.join(host.root, "evil")
    with open(evil, "w", encoding="utf-8") as stream:
        stream.write("#!/bin/sh\ncat %s\n" % answers)
    os.chmod(evil, 0o755)
    host.gateway(python=evil)
    for answer in (
        "[]",
        "{",
        '{"config": [], "reads": 7, "version": {"a": 1}, "channels": [[1]], "model": "\\u001b[31m"}',
        '{"error": ["\\n"]}',
        "[" * 5000,
    ):
        with open(answers, "w", encoding="utf-8") as stream:
            stream.write(answer)
        for scope in ("managed", "home"):
            try:
                run(scope=scope, settings={"agent.max_turns": 1})
            except GuardError:
                continue
    with open(answers, "w", encoding="utf-8") as stream:
        stream.write(
            '{"version": "\\u001b[31m9", "channels": ["b", 1, "a"], "config": {"x": 1}, "reads": {"a": 1}, "live": {"a": true}}'
        )
    owned = SimpleNamespace(python=evil, home="/", user=USER.pw_name)
    assert client.probe(owned, ["a"]) == {
        "version": "[31m9",
        "provider": None,
        "model": None,
        "managed_dir": None,
        "channels": ["a", "b"],
        "managed_support": False,
        "config": {"a": None},
        "reads": {"a": False},
        "live": {"a": True},
    }


def test_a_key_that_somebody_changed_since_stays(host):
    one = host.gateway(text="compression:\n  enabled: false\n")
    run(scope="home", **BOTH)
    put(one.config, read(one.config).replace("50", "99"))
    run(state="absent")
    assert read(one.config) == "compression:\n  enabled: false\n  hygiene_hard_message_limit: 99\n"


def test_a_home_that_went_away_is_forgotten(host):
    one = host.gateway()
    run(scope="home", session_max_messages=50)
    shutil.rmtree(one.home)
    host.gateways.clear()
    run(state="absent")
    assert not os.path.exists(host.state)


def test_a_home_whose_gateway_went_away_is_restored(host):
    one = host.gateway(text="a: 1\n")
    run(scope="home", session_max_messages=50)
    host.gateways.clear()
    run(state="absent")
    assert read(one.config) == "a: 1\n"
