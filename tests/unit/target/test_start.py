# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compiled code that the program keeps: what is used again, and what never is."""

from __future__ import annotations

import os
import sys

import pytest

from ansible_collections.hermes_ops.gateway.plugins.module_utils import _keep, _program, _start

ME = os.geteuid()


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "hermes-guard"
    path.write_bytes(_program.build())
    return str(path)


@pytest.fixture
def kept(program, tmp_path):
    path = tmp_path / "code"
    _keep.write(program, str(path), _start.key(program))
    return path


def read(kept, program):
    return _start.read(str(kept), _start.key(program), ME)


def test_all_but_what_is_needed_as_text(kept, program):
    assert set(read(kept, program)) == {"hermes_guard." + name for name in _program.MODULES if name != "_hermes_side"}
    assert kept.stat().st_mode & 0o777 == 0o600


def test_modules_are_made_of_it(kept, program, monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [_start.Compiled(read(kept, program))] + sys.meta_path)
    monkeypatch.setattr(sys, "path", [program] + sys.path)
    try:
        from hermes_guard import _quantity
        assert isinstance(_quantity.__loader__, _start.Compiled)
        assert _quantity.seconds("5min") == 300
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "hermes_guard"]:
            del sys.modules[name]


def test_another_program(kept, program):
    before = os.stat(program).st_mtime
    with open(program, "ab") as handle:
        handle.write(b" ")
    os.utime(program, (before, before))
    assert read(kept, program) is None


def test_another_python(kept, program, monkeypatch):
    monkeypatch.setattr(sys, "version", "3.99")
    assert read(kept, program) is None


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_what_others_can_write_is_not_run(kept, program, mode):
    kept.chmod(mode)
    assert read(kept, program) is None


def test_what_belongs_to_another_is_not_run(kept, program):
    assert _start.read(str(kept), _start.key(program), ME + 1) is None


def test_a_link_is_not_followed(kept, program, tmp_path):
    (tmp_path / "link").symlink_to(kept)
    assert read(tmp_path / "link", program) is None


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:-1] + b"x", lambda data: b"", lambda data: b"\n"])
def test_what_is_damaged_is_not_run(kept, program, damage):
    kept.write_bytes(damage(kept.read_bytes()))
    assert read(kept, program) is None


def test_nothing_is_kept(program, tmp_path):
    assert read(tmp_path / "none", program) is None
    _keep.write(program, str(tmp_path / "none" / "code"), b"")
    assert not (tmp_path / "none").exists()
