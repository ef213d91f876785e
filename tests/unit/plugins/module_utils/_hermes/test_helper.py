# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The helper: what it reads in a home, and that it is one program with its modules."""

from __future__ import annotations

import ast
import os

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import client, helper
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import sources


def defined(name):
    """The names that the top level of a module of _hermes defines."""
    found = set()
    for node in ast.parse(sources.source("_hermes." + name)).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets}
    return found


def test_program_is_both_files_and_neither_takes_a_name_of_the_other():
    both = defined("yaml_edit") & defined("helper")
    assert both == {"TYPE_CHECKING"}
    body = ast.parse(client._program()).body
    assert {"edit_home", "edit"} <= {getattr(node, "name", None) for node in body}


def test_config_file_must_be_a_plain_file_of_ours(tmp_path):
    path = str(tmp_path / "config.yaml")
    assert helper.read_config(path) == (None, None)
    os.symlink("/etc/passwd", path)
    with pytest.raises(helper.HomeError, match="symbolic link"):
        helper.read_config(path)
    os.unlink(path)
    os.mkfifo(path)
    with pytest.raises(helper.HomeError, match="regular file"):
        helper.read_config(path)
    os.unlink(path)
    with open(path, "wb") as stream:
        stream.truncate(helper.MAX_BYTES + 1)
    with pytest.raises(helper.HomeError, match="larger"):
        helper.read_config(path)
    with open(path, "wb") as stream:
        stream.write(b"a: 1\nb: \xff\n")
    with pytest.raises(helper.HomeError, match="line 2: is not UTF-8"):
        helper.read_config(path)
