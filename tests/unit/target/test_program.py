# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program: one file, always the same bytes, with all that it imports and nothing else."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

from ansible_collections.hermes_ops.gateway.plugins.module_utils import _cli, _program

CHECKOUT = Path(__file__).resolve().parents[3]
UTILS = CHECKOUT / "plugins/module_utils"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("program") / "hermes-guard"
    path.write_bytes(_program.build())
    path.chmod(0o755)
    return path


def run(program, *arguments, folder=None, code=0):
    """The program's output; with ``folder``, its configuration is looked for there."""
    command = [sys.executable, "-ISB", str(program)]
    if folder is not None:
        start = "import sys; sys.path.insert(0, sys.argv.pop(1)); from hermes_guard import _conf, _cli; _conf.load.__defaults__ = (sys.argv.pop(1),)"
        command = [sys.executable, "-ISB", "-c", start + "; sys.exit(_cli.main())", str(program), str(folder)]
    done = subprocess.run(command + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode == code, done.stderr
    return done.stdout.decode(), done.stderr.decode()


def imports(name):
    """The siblings that module ``name`` imports, by its source."""
    found = set()
    for node in ast.walk(ast.parse((UTILS / (name + ".py")).read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {alias.name for alias in node.names} if node.module is None else {node.module}
    return found


def test_a_loader_that_has_the_source_only_after_the_import(monkeypatch):
    """As mitogen's."""
    imported = []
    real = _program.importlib.util.find_spec("%s._quantity" % _program.__package__)

    class Loader:
        def get_source(self, name):
            return "# %s\n" % name if name in imported else None

    monkeypatch.setattr(_program.importlib.util, "find_spec", lambda name: type(real)(name, Loader()))
    monkeypatch.setattr(_program.importlib, "import_module", imported.append)
    assert _program.source("_quantity") == "# %s\n" % real.name
    assert imported == [real.name]


def test_bytes_are_always_the_same(program, tmp_path):
    # In another process, with other hashes, another clock zone, umask and language.
    again = tmp_path / "again"
    env = dict(os.environ, PYTHONPATH=str(CHECKOUT / ".build/collections"), PYTHONHASHSEED="7", TZ="Asia/Tokyo", LC_ALL="C")
    subprocess.run(
        [sys.executable, "-m", "ansible_collections.hermes_ops.gateway.plugins.module_utils._program", str(again)], env=env, check=True,
    )
    assert again.read_bytes() == program.read_bytes()


def test_has_what_it_imports_and_nothing_else():
    needed, left = set(), ["_cli", "_keep"]
    while left:
        name = left.pop()
        needed.add(name)
        left += imports(name) - needed
    assert set(_program.MODULES) == needed


def test_a_module_is_shipped_with_all_of_it():
    # ansible-core ships what it finds imported in the source.
    assert imports("_program") == set(_program.MODULES) | {"_start"}


def test_archive(program):
    assert program.read_bytes().startswith(b"#!/usr/bin/python3 -ISB\n")
    with zipfile.ZipFile(str(program)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == archive.namelist()
        assert set(archive.namelist()) == {"__main__.py", "hermes_guard/__init__.py"} | {"hermes_guard/%s.py" % name for name in _program.MODULES}
        for name in _program.MODULES:
            assert archive.read("hermes_guard/%s.py" % name) == (UTILS / (name + ".py")).read_bytes()


def test_standard_library_only():
    for name in _program.MODULES:
        for node in ast.walk(ast.parse((UTILS / (name + ".py")).read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module] if isinstance(node, ast.ImportFrom) else []
            for one in names:
                top = (one or "").partition(".")[0]
                # Those run in Hermes's own Python, where they are.
                assert name == "_hermes_side" or top not in ("ansible", "ansible_collections", "psutil", "yaml", "ruamel"), (name, one)


def test_version(program):
    galaxy = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())
    assert _cli.VERSION == galaxy["version"]
    assert run(program, "--version")[0] == "hermes-guard %s\n" % galaxy["version"]


def test_no_gateway_is_configured(program, tmp_path):
    booted = os.path.isdir("/run/systemd/system")
    out, err = run(program, "status", "--json", folder=tmp_path, code=0 if booted else 1)
    if not booted:
        assert (err.startswith("hermes-guard: systemctl "), "Traceback" in err) == (True, False)
        return
    answer = json.loads(out)
    assert answer["gateways"] == []


def test_check_of_nothing(program, tmp_path):
    assert run(program, "check", folder=tmp_path) == ("", "")


@pytest.mark.parametrize(("arguments", "code", "word"), [
    ([], 2, "COMMAND"), (["nonsense"], 2, "nonsense"), (["restart", "--gateway", "x"], 2, "--reason"),
    (["restart", "--gateway", "x", "--reason", "y"], 1, "--gateway: 'x' is not configured; there are: none"),
    (["check", "--gateway", "x"], 1, "there are: none"),
])
def test_wrong_use(program, tmp_path, arguments, code, word):
    out, err = run(program, *arguments, folder=tmp_path, code=code)
    assert (out, word in err, "Traceback" in err) == ("", True, False)


def test_setting_that_is_wrong(program, tmp_path):
    (tmp_path / "guard.conf").write_text("[hermes-gateway]\nthreshold = 2048Q\n")
    err = run(program, "check", folder=tmp_path, code=1)[1]
    assert err.startswith("hermes-guard: hermes_watchdog_threshold (threshold in hermes-gateway): '2048Q'")
