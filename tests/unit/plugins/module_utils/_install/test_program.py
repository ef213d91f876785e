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

from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import cli
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import RunError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import (
    program as program_module,
)

CHECKOUT = Path(__file__).resolve().parents[5]
UTILS = CHECKOUT / "plugins/module_utils"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("program") / "hermes-guard"
    path.write_bytes(program_module.build())
    path.chmod(0o755)
    return path


def run(program, *arguments, folder=None, code=0):
    """The program's output; with ``folder``, its configuration is looked for there."""
    command = [sys.executable, "-ISB", str(program)]
    if folder is not None:
        start = (
            "import sys; sys.path.insert(0, sys.argv.pop(1)); "
            "from hermes_guard._guard import config, cli; "
            "config.load.__defaults__ = config.load_tolerantly.__defaults__ = (sys.argv.pop(1),)"
        )
        command = [
            sys.executable,
            "-ISB",
            "-c",
            start + "; sys.exit(cli.main())",
            str(program),
            str(folder),
        ]
    done = subprocess.run(
        command + list(arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    return done.stdout.decode(), done.stderr.decode()


def path(name):
    """The source file of module ``name``, such as "_host.proc"."""
    return UTILS / (name.replace(".", "/") + ".py")


def imports(name):
    """The modules of this collection that module ``name`` imports, by its source."""
    found = set()
    for node in ast.walk(ast.parse(path(name).read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            own = name.partition(".")[0]
            package = node.module or own
            if node.level == 1 and node.module:
                package = "%s.%s" % (own, node.module)
            found |= (
                {package}
                if "." in package
                else {"%s.%s" % (package, alias.name) for alias in node.names}
            )
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hermes_guard."):
            found.add(node.module[len("hermes_guard.") :])
    return found


def test_bytes_are_always_the_same(program, tmp_path, import_root):
    # In another process, with other hashes, another clock zone, umask and language.
    again = tmp_path / "again"
    env = dict(os.environ, PYTHONPATH=import_root, PYTHONHASHSEED="7", TZ="Asia/Tokyo", LC_ALL="C")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "ansible_collections.hermes_ops.gateway.plugins.module_utils._install.program",
            str(again),
        ],
        env=env,
        check=True,
    )
    assert again.read_bytes() == program.read_bytes()


def closure(*names):
    """``names`` and all that they import, and so on."""
    needed, left = set(), list(names)
    while left:
        name = left.pop()
        needed.add(name)
        left += imports(name) - needed
    return needed


def test_has_what_it_imports_and_nothing_else():
    assert set(program_module.MODULES) | {program_module.ENTRY} == closure(program_module.ENTRY)


def test_a_module_is_shipped_with_all_of_it():
    # ansible-core ships what it finds imported in the source.
    assert closure("_install.program") >= set(program_module.MODULES) | {program_module.ENTRY}


def test_archive(program):
    assert program.read_bytes().startswith(b"#!/usr/bin/python3 -ISB\n")
    with zipfile.ZipFile(str(program)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == archive.namelist()
        members = {
            name: "hermes_guard/%s.py" % name.replace(".", "/") for name in program_module.MODULES
        }
        packages = {os.path.dirname(member) + "/__init__.py" for member in members.values()}
        assert set(archive.namelist()) == {
            "__main__.py",
            "hermes_guard/__init__.py",
        } | packages | set(members.values())
        for name, member in members.items():
            assert archive.read(member) == path(name).read_bytes()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The program as it is on a host."""
    file = tmp_path_factory.mktemp("installed") / "hermes-guard"
    file.write_bytes(program_module.installed(None))
    file.chmod(0o755)
    return file


def started(program, *arguments, code=""):
    """What the first line of ``program`` makes Python print, after ``code`` has run in it."""
    words = program.read_bytes().partition(b"\n")[0].decode().partition("-ISBc")[2]
    done = subprocess.run(
        [program_module.INTERPRETER, "-ISB", "-c", code + words, str(program), *arguments],
        stdout=subprocess.PIPE,
        check=True,
    )
    return done.stdout.decode()


def test_first_line_is_one_that_every_kernel_reads(installed):
    """Linux before 5.1 cuts it after 127 bytes (BINPRM_BUF_SIZE)."""
    assert len(installed.read_bytes().partition(b"\n")[0]) <= 127


def test_installed_program_runs(installed, program):
    """As a program, by its first line, and as an archive."""
    for command in ([str(installed)], [sys.executable, str(installed)]):
        done = subprocess.run(command + ["--version"], stdout=subprocess.PIPE, check=True)
        assert done.stdout.decode() == run(program, "--version")[0]


def test_installed_program_runs_from_compiled_code(installed):
    """Neither the directory of the archive is read, nor a source compiled."""
    bad = (
        "import builtins,zipimport;zipimport._read_directory=None;"
        "real=compile;builtins.compile=None;"
    )
    assert started(installed, "--version", code=bad).startswith("hermes-guard ")


def test_source_of_a_module_is_found_by_installed_program(installed):
    """The helper is handed to another Python as text."""
    show = (
        "import os,importlib;os._exit=lambda code:print("
        "importlib.import_module('hermes_guard._host.sources').source('_hermes.helper'));"
    )
    text = started(installed, "check", code=show)
    assert path("_hermes.helper").read_text() in text


def test_another_python_runs_installed_program_from_its_sources(installed, tmp_path):
    # Compiled by a Python that does not exist: the sources are what is left.
    foreign = tmp_path / "hermes-guard"
    magic = program_module._magic().encode()
    foreign.write_bytes(installed.read_bytes().replace(b"=='%s'" % magic, b"=='00000d0a'"))
    assert started(foreign, "--version") == run(installed, "--version")[0]


def test_installed_program_is_kept_while_sources_and_python_are_the_same(installed):
    data = installed.read_bytes()
    assert program_module.installed(data) is data


@pytest.mark.parametrize(
    "other",
    [
        None,
        b"",
        b"#!/bin/sh\n",
        "sources only",
        "damaged",
        "one source differs",
        "one source more",
        "compiled code damaged",
        "another first line",
        "no compiled code",
        "another Python",
    ],
)
def test_installed_program_is_made_anew(installed, program, other):
    data = installed.read_bytes()
    with zipfile.ZipFile(str(installed)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    start = program_module.START
    compiled = program_module.COMPILED
    magic = b"=='%s'" % program_module._magic().encode()
    present = {
        "sources only": program.read_bytes,
        # In the middle of a source: the archive's own checksum tells.
        "damaged": lambda: data.replace(b"The command line", b"the command line", 1),
        "compiled code damaged": lambda: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
        "one source differs": lambda: program_module._archive(
            start, dict(members, **{"hermes_guard/_guard/cli.py": b"pass\n"})
        ),
        "one source more": lambda: program_module._archive(
            start, dict(members, **{"hermes_guard/more.py": b"pass\n"})
        ),
        "another first line": lambda: program_module._archive(program_module.SHEBANG, members),
        "no compiled code": lambda: program_module._archive(
            start, {name: text for name, text in members.items() if name != compiled}
        ),
        "another Python": lambda: program_module._archive(
            start, dict(members, **{compiled: members[compiled].replace(magic, b"=='00000d0a'")})
        ),
    }.get(other, lambda: other)()
    made = program_module.installed(present)
    assert made != present
    assert program_module._sources_of(made) == program_module._sources()
    assert program_module._magic_of(made) == program_module._magic()


@pytest.mark.parametrize(
    ("offset", "value"),
    [(6, 200), (8, 1), (10, 99), (10, 8), (42, 77)],
    ids=["version", "encrypted", "compression", "compressed", "place"],
)
def test_damaged_directory_of_the_archive(installed, offset, value):
    data = bytearray(installed.read_bytes())
    data[data.find(b"PK\x01\x02") + offset] = value
    assert program_module._sources_of(bytes(data)) is None


def test_interpreter_that_does_not_work_is_said(monkeypatch):
    monkeypatch.setattr(program_module, "INTERPRETER", "/usr/bin/false")
    with pytest.raises(RunError, match="/usr/bin/false cannot compile the program"):
        program_module.installed(None)


def test_standard_library_only():
    for name in program_module.MODULES:
        for node in ast.walk(ast.parse(path(name).read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for one in names:
                top = (one or "").partition(".")[0]
                # Those run in Hermes's own Python, where they are.
                assert name == "_hermes.yaml_edit" or top not in (
                    "ansible",
                    "ansible_collections",
                    "psutil",
                    "yaml",
                    "ruamel",
                ), (name, one)


def test_version(program):
    galaxy = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())
    assert cli.VERSION == galaxy["version"]
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


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ([], 2, "COMMAND"),
        (["nonsense"], 2, "nonsense"),
        (["restart", "--gateway", "x"], 2, "--reason"),
        (
            ["restart", "--gateway", "x", "--reason", "y"],
            2,
            "--gateway: 'x' is not configured: none is available",
        ),
        (["check", "--gateway", "x"], 2, "none is available"),
    ],
)
def test_wrong_use(program, tmp_path, arguments, code, word):
    out, err = run(program, *arguments, folder=tmp_path, code=code)
    assert (out, word in err, "Traceback" in err) == ("", True, False)


def test_setting_that_is_wrong(program, tmp_path):
    (tmp_path / "guard.conf").write_text("[hermes-gateway]\nthreshold = 2048Q\n")
    err = run(program, "check", folder=tmp_path, code=1)[1]
    assert err.startswith(
        "hermes-guard: hermes_watchdog_threshold (threshold in hermes-gateway): invalid size '2048Q'"
    )
