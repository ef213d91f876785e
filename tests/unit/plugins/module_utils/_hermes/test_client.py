# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries of a Hermes that its Python cannot import without the bootstrap."""

from __future__ import annotations

import os
import pwd
import sys
from types import SimpleNamespace

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import client, drain
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import trust
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import HermesError

yaml = pytest.importorskip("yaml")
ME = pwd.getpwuid(os.getuid()).pw_name

# As Hermes does from 0.22 on: the packages are in an environment that only its bootstrap knows.
BOOTSTRAP = """
import os, sys
print("noise")
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "environment"))
"""
INIT = "__version__ = '0.22.2'\n"
DRAIN = """
import json
def write_drain_request(principal, home):
    (home / ".drain_request.json").write_text(json.dumps({"principal": principal}))
"""
FILES = {
    "hermes_bootstrap.py": BOOTSTRAP,
    "hermes_cli/__init__.py": INIT,
    "hermes_cli/config.py": "DEFAULT_CONFIG = {'compression': {'enabled': True}}\n",
    "hermes_cli/main.py": "import sys, needed\nprint('main', sys.argv[1:], __name__)\n",
    "gateway/__init__.py": "import needed\n",
    "gateway/drain_control.py": DRAIN,
    "environment/needed.py": "",
}


@pytest.fixture
def gateway(tmp_path):
    """A gateway of a source install, whose folder has a quote and a percent sign in its name."""
    root = tmp_path / "it's 100%s"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    library = os.path.dirname(yaml.__file__)
    os.symlink(library, str(root / "environment/yaml"))
    home = tmp_path / "home"
    home.mkdir()
    return SimpleNamespace(
        python=sys.executable,
        root=str(root),
        home=str(home),
        user=ME,
        uid=os.getuid(),
        pid=None,
        account=pwd.getpwnam(ME),
    )


def test_code_runs_behind_the_bootstrap(gateway):
    code = (
        '"""A text."""\n'
        "from __future__ import annotations\n"
        "import os, sys, needed, hermes_cli\n"
        "print(sys.argv[1:], __name__, os.environ['HERMES_DISABLE_LAZY_INSTALLS'], sys.stdin.read())"
    )
    done = client.run_python(gateway, ["-c", code, "a b", "%s"], stdin="in")
    assert (done.rc, done.out) == (0, "['a b', '%s'] __main__ 1 in\n")


def test_module_runs_behind_the_bootstrap(gateway):
    done = client.run_python(gateway, ["-m", "hermes_cli.main", "--version"])
    assert (done.rc, done.out) == (0, "main ['--version'] __main__\n")


def test_python_that_root_must_not_run(gateway, monkeypatch):
    """It is not run; a Python that belongs to root is run, and its sources are checked too."""
    asked = []
    monkeypatch.setattr(client, "ROOT", gateway.uid)
    monkeypatch.setattr(trust, "why_not", lambda *what: asked.append(what) or "/x belongs to uid 1")
    monkeypatch.setattr(client.confined, "run_within", lambda *_what: pytest.fail("it was run"))
    for call in (lambda: client.probe(gateway), lambda: client.ask(gateway, {"do": "edit"})):
        with pytest.raises(HermesError, match="runs as root, so its Python is not started: /x bel"):
            call()
    assert drain.write(gateway) is False
    assert asked[0] == (gateway.python, [gateway.root], [gateway.home])
    os.mkdir(gateway.home + "/plugins")
    monkeypatch.undo()
    monkeypatch.setattr(client, "ROOT", gateway.uid)
    monkeypatch.setattr(trust, "why_not", lambda *what: asked.append(what))
    assert client.probe(gateway)["version"] == "0.22.2"
    assert asked[-1][1] == [gateway.home + "/plugins", gateway.root]


def test_sources_that_may_still_be_made(tmp_path, monkeypatch):
    """A file that is missing at the check may exist, and belong to another user, at the run."""
    root = tmp_path / "absent"
    looked = []

    def why_not(python, trees=(), paths=()):
        looked.extend(trees)

    monkeypatch.setattr(trust, "why_not", why_not)
    client.not_as_root(SimpleNamespace(python=sys.executable, root=str(root), home="/root"))
    assert str(root) in looked


@pytest.mark.parametrize("root", [None, ""])
def test_nothing_is_added_for_a_python_that_can_import_it(gateway, root):
    gateway.root = root
    done = client.run_python(gateway, ["-c", "import sys; print(sys.argv, sys.path[0])", "x"])
    assert done.out.startswith("['-c', 'x']") and "it's" not in done.out
    assert client.run_python(gateway, ["-c", "import hermes_cli"]).rc == 1


def test_gateway_of_settings_that_know_no_root(gateway):
    del gateway.root
    assert client.run_python(gateway, ["-c", "print(5)"]).out == "5\n"


def test_probe_and_drain(gateway):
    with open(os.path.join(gateway.home, "config.yaml"), "w") as out:
        out.write("model: {default: m, provider: p}\ncompression: {enabled: no}\n")
    found = client.probe(gateway, ["compression.enabled"])
    assert (found["version"], found["model"], found["provider"]) == ("0.22.2", "m", "p")
    assert found["config"] == {"compression.enabled": False}
    assert drain.write(gateway) and drain.ours(gateway)


@pytest.mark.parametrize("text", [None, "import not_there\n", "raise OSError('no such place')\n"])
def test_bootstrap_that_does_not_work(gateway, text):
    """A Hermes that Python finds without it is still queried; otherwise the missing module is named."""
    os.unlink(os.path.join(gateway.root, "hermes_bootstrap.py"))
    if text is not None:
        with open(os.path.join(gateway.root, "hermes_bootstrap.py"), "w") as out:
            out.write(text)
    assert client.probe(gateway)["version"] == "0.22.2"
    assert not drain.write(gateway)
    os.unlink(os.path.join(gateway.root, "hermes_cli/config.py"))
    with pytest.raises(HermesError, match="cannot import hermes_cli.config") as caught:
        client.probe(gateway)
    assert caught.value.broken


@pytest.mark.parametrize(
    ("init", "info", "version"),
    [
        ("__version__ = '0.19.0'", None, "0.19.0"),
        # Upstream's answer where the stamp of the install is missing.
        ("__version__ = '0.0.0'", None, None),
        ("__version__ = '0.0.0'", "0.22.2", "0.22.2"),
        ("__version__ = '0.22.2.post1'", "unknown", "0.22.2.post1"),
        ("__version__ = '0.0.0'", "0.0.0+5.gabc", None),
        ("__version__ = '0.0.0'", "unknown", None),
        ("__version__ = 5", None, None),
        ("", None, None),
        ("def __getattr__(name): raise ModuleNotFoundError('pm')", None, None),
    ],
)
def test_version(gateway, init, info, version):
    package = os.path.join(gateway.root, "hermes_cli")
    with open(os.path.join(package, "__init__.py"), "w") as out:
        out.write(init + "\n")
    if info is not None:
        with open(os.path.join(package, "version_info.py"), "w") as out:
            out.write(
                "import types\n"
                "def get_version_info(): return types.SimpleNamespace(base_version=%r)\n" % info
            )
    assert client.probe(gateway)["version"] == version


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("print('x' * 70000)", "printed more than 65536 bytes"),
        ("print('{\"version\": ' + '7' * 60000 + '}')", "no usable answer"),
        ("print('[' * 30000)", "no usable answer"),
        ("print('{\"version\": NaN}')", "no usable answer"),
    ],
)
def test_answer_beyond_all_limits(gateway, monkeypatch, answer, why):
    """The output of a user's Python is read up to a limit, and takes no more time than that."""
    monkeypatch.setattr(client, "_program", lambda: answer)
    with pytest.raises(HermesError, match=why) as caught:
        client.probe(gateway)
    assert caught.value.broken


def test_config_of_a_home_may_be_long(gateway, monkeypatch):
    """The text is sent twice, before and after: more than a probe may answer."""
    monkeypatch.setattr(client, "_program", lambda: "print('{\"a\": \"' + 'x' * 2000000 + '\"}')")
    assert len(client.ask(gateway, {"do": "edit"})["a"]) == 2000000
