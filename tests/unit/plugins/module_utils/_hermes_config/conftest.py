# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host to configure: real files, a real second Python with a stub of Hermes, another user."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import sys
import tempfile

import pytest

try:
    import yaml
except ImportError:
    yaml = None

from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes_config import (
    configure,
    managed_file,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import command, guard_program

IS_ROOT = os.geteuid() == 0
USER = pwd.getpwnam("nobody") if IS_ROOT else pwd.getpwuid(os.geteuid())

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
DEFAULT_CONFIG = {
    "compression": {"enabled": True, "hygiene_hard_message_limit": 400, "threshold": 0.5},
    "agent": {"max_turns": 9}, %s
}
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
        self.user = USER
        self.gateways = []
        self.managed = os.path.join(root, "etc", "hermes")
        self.file = os.path.join(self.managed, "config.yaml")
        self.state = os.path.join(root, "state")
        self.managed_dirs = {}
        os.mkdir(os.path.join(root, "etc"))
        monkeypatch.setattr(managed_file, "MANAGED_DIR", self.managed)
        monkeypatch.setattr(managed_file, "ROOT", os.geteuid())
        monkeypatch.setattr(
            managed_file, "directory_of_unit", lambda gateway: self.managed_dirs.get(gateway.name)
        )
        monkeypatch.setattr(guard_program, "STATE", self.state)
        monkeypatch.setattr(discovery, "find_gateways", lambda: list(self.gateways))

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
        one.invocation_id = None
        self.gateways.append(one)
        one.config = os.path.join(home, "config.yaml")
        if text is not None:
            self.put(one.config, text, mode)
        return one

    def run(self, check=False, **params):
        """The result of the module with ``params``."""
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

    def put(self, path, text, mode=0o640):
        """Write a file of the gateways' user."""
        with open(path, "wb") as stream:
            stream.write(text.encode("utf-8"))
        os.chmod(path, mode)
        os.chown(path, USER.pw_uid, USER.pw_gid)

    def read(self, path):
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8")

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


@pytest.fixture
def host(monkeypatch):
    root = tempfile.mkdtemp()
    os.chmod(root, 0o755)
    yield Host(root, monkeypatch)
    shutil.rmtree(root)
