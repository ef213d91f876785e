# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The managed scope's file: ours, an operator's, or one that must not be touched."""

from __future__ import annotations

import json
import os
import sys

import pytest

yaml = pytest.importorskip("yaml")

from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import files
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import (
    GuardError,
    MissingLibrary,
)

BOTH = {"session_max_messages": 50, "auto_compress": True}


def test_an_operators_managed_file_keeps_its_comments(host):
    host.gateway()
    os.mkdir(host.managed)
    text = (
        "# policy of the house\nmodel: {api_key: hunter2, default: x}\n"
        "compression: {api_key: hunter2, enabled: false}   # why\n"
    )
    with open(host.file, "w", encoding="utf-8") as stream:
        stream.write(text)
    before = host.listing()
    done = host.run(**BOTH)
    assert host.read(host.file) == text.replace(
        "enabled: false}", "enabled: true, hygiene_hard_message_limit: 50}"
    )
    assert "hunter2" not in json.dumps(done) and "model" not in json.dumps(done["diff"])
    assert not host.run(**BOTH)["changed"]
    host.run(state="absent")
    assert host.listing() == before


def test_our_managed_file_that_an_operator_added_to(host):
    host.gateway()
    host.run(**BOTH)
    with open(host.file, "a", encoding="utf-8") as stream:
        stream.write("agent:\n  max_turns: 3 # mine\n")
    assert not host.run(**BOTH)["changed"]
    host.run(session_max_messages=70)
    assert "# mine" in host.read(host.file)
    host.run(state="absent")
    assert yaml.safe_load(host.read(host.file)) == {
        "agent": {"max_turns": 3}
    } and "# mine" in host.read(host.file)


def test_without_yaml_an_operators_file_needs_the_library(host, monkeypatch):
    host.gateway()
    host.run(**BOTH)
    for library in ("yaml", "ruamel", "ruamel.yaml"):
        monkeypatch.setitem(sys.modules, library, None)
    assert host.run(session_max_messages=60)["changed"]
    with open(host.file, "a", encoding="utf-8") as stream:
        stream.write("a: 1\n")
    with pytest.raises(MissingLibrary):
        host.run(session_max_messages=70)


def test_bad_managed_files(host, monkeypatch):
    host.gateway()
    os.mkdir(host.managed)
    os.symlink("/etc/hostname", host.file)
    with pytest.raises(GuardError, match="symbolic link"):
        host.run(**BOTH)
    os.unlink(host.file)
    with open(host.file, "w", encoding="utf-8") as stream:
        stream.write("- a\n")
    with pytest.raises(GuardError, match="line 1: expected a mapping"):
        host.run(**BOTH)
    os.unlink(host.file)
    os.chmod(host.managed, 0o777)
    with pytest.raises(GuardError, match="scope is managed.*only root can write"):
        host.run(**BOTH)
    os.chmod(host.managed, 0o755)
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)
    with pytest.raises(GuardError, match="is not writable .*nothing was changed"):
        host.run(**BOTH)
    assert not os.path.exists(host.state)
