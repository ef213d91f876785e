# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of the bundle: for its owner alone, where no one else can write."""

from __future__ import annotations

import os
import stat
import tarfile

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._evidence import archive
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError


def test_bundle_is_for_its_owner_alone(tmp_path):
    folder = str(tmp_path / "new" / "folder")
    archive.prepare(folder)
    path = os.path.join(folder, "x.tar.gz")
    archive.write(path, {"b/ü.txt": "ü\n", "a.txt": ""})
    assert (
        stat.S_IMODE(os.stat(folder).st_mode) == 0o700
        and stat.S_IMODE(os.stat(path).st_mode) == 0o600
    )
    with tarfile.open(path) as opened:
        assert (
            opened.getnames() == ["a.txt", "b/ü.txt"]
            and opened.extractfile("b/ü.txt").read() == "ü\n".encode()
        )
    assert os.listdir(folder) == ["x.tar.gz"]


def test_a_folder_that_others_can_write_to_is_refused(tmp_path):
    tmp_path.chmod(0o777)
    with pytest.raises(GuardError, match="dest: .* mode 0777; allowed"):
        archive.prepare(str(tmp_path))
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(GuardError, match="not a folder"):
        archive.prepare(str(tmp_path / "link"))
    (tmp_path / "file").touch()
    with pytest.raises(GuardError, match="cannot be made"):
        archive.prepare(str(tmp_path / "file"))
