# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package that the roles have installed goes with the guard, unless something else needs it."""

from __future__ import annotations

import os

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import config
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import command
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import (
    checks,
    manifest,
    packages,
    works,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import guard as base

# No process of the machine that runs the tests has it: a real guard may have the one of Debian.
LIBRARY = "/nowhere/psutil/_psutil_linux.cpython-311-x86_64-linux-gnu.so"


@pytest.fixture
def debian(monkeypatch, host):
    """The output of dpkg and apt-get, by the last argument."""

    class Debian:
        installed = {"python3-psutil", "libjemalloc2"}
        removed = {}
        library = LIBRARY
        apt = True

    def run(argv, *_args, **_kwargs):
        name = argv[-1]
        if argv[0] == "dpkg-query":
            good = name in Debian.installed
            return command.Result(0 if good else 1, "ii " if good else "", "")
        if argv[0] == "dpkg":
            return command.Result(0, "/.\n/usr\n%s\n" % Debian.library, "")
        assert argv[0] == "apt-get" and "--simulate" in argv
        lines = ["Remv %s [1.0]\n" % one for one in Debian.removed.get(name, [name])]
        return command.Result(0 if Debian.apt else 100, "NOTE: a simulation\n" + "".join(lines), "")

    monkeypatch.setattr(packages.command, "run", run)
    packages.remember(["python3-psutil", "libjemalloc2"])
    return Debian


def test_what_was_missing_before_the_first_run_goes(debian):
    assert packages.obsolete() == (
        ["python3-psutil", "libjemalloc2"],
        [
            "the package %s, installed for the guard, is removed" % name
            for name in ("python3-psutil", "libjemalloc2")
        ],
    )


def test_what_was_there_before_or_is_gone_already_is_not_named(debian):
    debian.installed = {"python3-psutil", "libjemalloc2"}
    packages.remember(["libjemalloc2"])
    assert packages.obsolete()[0] == ["libjemalloc2"]
    debian.installed = {"python3-psutil"}
    assert packages.obsolete() == ([], [])
    os.unlink(packages.note_path())
    assert packages.obsolete() == ([], [])


def test_package_that_another_one_needs_stays(debian):
    debian.removed = {"python3-psutil": ["glances", "python3-psutil"]}
    names, notes = packages.obsolete()
    assert names == ["libjemalloc2"]
    assert notes[0].endswith(
        "python3-psutil, installed for the guard, is kept: required by glances"
    )


def test_package_of_which_apt_says_nothing_stays(debian):
    debian.apt = False
    names, notes = packages.obsolete()
    assert names == [] and notes[0].endswith("is kept: apt-get does not report what depends on it")


def test_library_that_a_process_has_loaded_stays(debian, monkeypatch, tmp_path):
    """A gateway has its allocator until it is restarted: its children would complain."""
    maps = tmp_path / "maps"
    maps.write_text("7f00-7f01 r-xp 00000000 08:01 1234 %s\n" % LIBRARY)
    monkeypatch.setattr(packages.glob, "glob", lambda pattern: ["/proc/4711/maps"])
    monkeypatch.setattr(
        packages.proc,
        "read",
        lambda path: "libjemalloc2\n" if path.endswith("packages") else maps.read_text(),
    )
    names, notes = packages.obsolete()
    assert names == [] and notes[0].endswith("is kept: process 4711 has loaded it")


def test_names_that_are_not_ours_are_never_removed(debian):
    packages.remember(["systemd", "--purge"])
    debian.installed = {"systemd", "--purge"}
    assert packages.obsolete() == ([], [])


def test_only_the_first_run_notes_what_is_missing(host, guard, monkeypatch):
    monkeypatch.setattr(checks, "has_psutil", lambda: False)
    monkeypatch.setattr(checks, "has_jemalloc", lambda: True)
    base.apply(guard(), True)
    assert not os.path.exists(config.STATE)
    base.apply(guard())
    with open(packages.note_path(), encoding="utf-8") as handle:
        assert handle.read() == "python3-psutil\n"
    monkeypatch.setattr(checks, "has_jemalloc", lambda: False)
    assert base.apply(guard())["changed"] is False
    with open(packages.note_path(), encoding="utf-8") as handle:
        assert handle.read() == "python3-psutil\n"


def test_missing_packages_are_recorded_although_the_first_run_failed(host, guard, monkeypatch):
    """The run after it was no first run, so the packages stayed when the guard was removed."""
    monkeypatch.setattr(checks, "has_psutil", lambda: False)
    monkeypatch.setattr(checks, "has_jemalloc", lambda: True)

    def fails():
        raise GuardError("it does not run")

    with monkeypatch.context() as patched:
        patched.setattr(works, "check_program", fails)
        with pytest.raises(GuardError, match="it does not run"):
            base.apply(guard())
    assert os.path.exists(manifest.path(manifest.BASE))
    assert base.apply(guard())["first"] is False
    with open(packages.note_path(), encoding="utf-8") as handle:
        assert handle.read() == "python3-psutil\n"


def test_package_for_the_systems_python_is_enough(monkeypatch, tmp_path):
    """With another interpreter, check mode said for ever that the package is to be installed."""
    monkeypatch.setattr(checks.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(checks, "SYSTEM_PSUTIL", (str(tmp_path / "python3*/psutil"),))
    assert not checks.has_psutil()
    (tmp_path / "python3.11/psutil").mkdir(parents=True)
    assert checks.has_psutil()
