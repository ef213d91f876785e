# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle is only accessible by its owner, in a directory that no one else can write to."""

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


def test_a_directory_that_others_can_write_to_is_refused(tmp_path):
    tmp_path.chmod(0o777)
    with pytest.raises(GuardError, match="dest: .* mode 0777: expected"):
        archive.prepare(str(tmp_path))
    tmp_path.chmod(0o755)
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(GuardError, match="not a directory"):
        archive.prepare(str(tmp_path / "link"))
    (tmp_path / "file").touch()
    with pytest.raises(GuardError, match="not a directory"):
        archive.prepare(str(tmp_path / "file"))
    with pytest.raises(GuardError, match="cannot be created"):
        archive.prepare(str(tmp_path / "file/out"))


def test_a_directory_that_another_user_can_redirect_is_refused(tmp_path, monkeypatch):
    """Root writes the bundle, so no other user may replace a parent directory by a symlink."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(GuardError, match="dest: .*open can be written by others"):
        archive.prepare(str(tmp_path / "open/out"))
    (tmp_path / "link").symlink_to(str(tmp_path / "open"))
    with pytest.raises(GuardError, match="dest: .*open can be written by others"):
        archive.prepare(str(tmp_path / "link/out"))
    assert os.listdir(str(tmp_path / "open")) == []
    (tmp_path / "open").chmod(0o1777)
    archive.prepare(str(tmp_path / "open/out"))
    real = os.lstat

    def others(path):
        """The home of another user."""
        info = list(real(path))
        info[stat.ST_UID] = 1002 if path == str(tmp_path / "open") else info[stat.ST_UID]
        return os.stat_result(info)

    monkeypatch.setattr(os, "lstat", others)
    with pytest.raises(GuardError, match="dest: .*open belongs to uid 1002"):
        archive.prepare(str(tmp_path / "open/out"))


def test_every_created_directory_is_accessible_by_root_only(tmp_path):
    before = os.umask(0)
    try:
        archive.prepare(str(tmp_path / "a/b/c"))
    finally:
        os.umask(before)
    for name in ("a", "a/b", "a/b/c"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o700
